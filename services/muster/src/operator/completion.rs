//! Completion scripts of shells.

use clap::Args;
use clap_complete::Shell;

/// Which shell.
#[derive(Debug, Clone, Args)]
#[command(after_help = EXAMPLES)]
pub struct CompletionArgs {
    /// The shell
    #[arg(value_enum)]
    pub shell: Shell,
}

const EXAMPLES: &str = "\
Examples:
  muster completion bash > ~/.local/share/bash-completion/completions/muster
  muster completion zsh > \"${fpath[1]}/_muster\"
  muster completion fish > ~/.config/fish/completions/muster.fish";

/// The script, for the whole command line.
#[must_use]
pub fn complete(args: &CompletionArgs, command: &mut clap::Command) -> String {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, command, "muster", &mut script);
    String::from_utf8_lossy(&script).into_owned()
}
