//! Every help text is a golden: the command line is a contract too.

use clap::CommandFactory;

use super::Cli;

fn collect(command: &mut clap::Command, path: &str, texts: &mut Vec<(String, String)>) {
    let help = command.render_long_help().to_string();
    texts.push((path.to_owned(), help));
    for sub in command.get_subcommands_mut() {
        let name = sub.get_name().to_owned();
        if name != "help" {
            collect(sub, &format!("{path} {name}"), texts);
        }
    }
}

#[test]
fn every_help_text() {
    let mut command = Cli::command();
    command.build();
    let mut texts = Vec::new();
    collect(&mut command, "muster", &mut texts);
    let all: String = texts.iter().map(|(path, help)| format!("######## {path}\n{help}\n")).collect();
    insta::assert_snapshot!(all);
}

#[test]
fn every_command_has_examples() {
    let mut command = Cli::command();
    command.build();
    let mut texts = Vec::new();
    collect(&mut command, "muster", &mut texts);
    let without: Vec<&String> = texts
        .iter()
        .filter(|(path, help)| path != "muster" && !help.contains("Examples:"))
        .map(|(path, _)| path)
        .collect();
    assert!(without.is_empty(), "{without:?}");
}

#[test]
fn the_command_line_is_sound() {
    Cli::command().debug_assert();
}

#[test]
fn completion_knows_the_nouns() {
    for shell in [clap_complete::Shell::Bash, clap_complete::Shell::Zsh, clap_complete::Shell::Fish] {
        let args = crate::operator::CompletionArgs { shell };
        let script = crate::operator::complete(&args, &mut Cli::command());
        for noun in ["finding", "inventory", "verify"] {
            assert!(script.contains(noun), "{shell}: {noun}");
        }
    }
}
