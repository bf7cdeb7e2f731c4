//! What `--help` says of the program and of what runs or looks after a stack is as agreed: the command line is a
//! contract. The operator's commands have theirs beside them. `MUSTER_UPDATE=1` writes the goldens anew.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use muster_tests::muster_program;

/// The commands whose help is held; the first is the program itself.
const COMMANDS: [&[&str]; 17] = [
    &[],
    &["demo"],
    &["try"],
    &["lab"],
    &["up"],
    &["serve"],
    &["provision"],
    &["doctor"],
    &["dead"],
    &["dead", "list"],
    &["dead", "show"],
    &["dead", "replay"],
    &["store"],
    &["store", "migrate"],
    &["store", "check"],
    &["store", "grants"],
    &["permissions"],
];

fn folder() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("golden/help")
}

fn file_of(command: &[&str]) -> String {
    format!("{}.txt", [&["muster"], command].concat().join("-"))
}

/// What the program says, whatever the terminal and the environment are.
fn help(command: &[&str]) -> String {
    let mut program = Command::new(muster_program());
    let output = program.args(command).arg("--help").env_clear().output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    assert!(output.stderr.is_empty(), "help is data: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn every_help_is_as_agreed() {
    for command in COMMANDS {
        let path = folder().join(file_of(command));
        let said = help(command);
        if std::env::var_os("MUSTER_UPDATE").is_some() {
            std::fs::create_dir_all(folder()).unwrap();
            std::fs::write(&path, &said).unwrap();
        }
        let agreed = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(
            said == agreed,
            "{} is not what `muster {} --help` says; MUSTER_UPDATE=1 writes it anew\n{said}",
            path.display(),
            command.join(" ")
        );
    }
    // And none is of a command that is gone.
    let there: BTreeSet<String> =
        std::fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    assert_eq!(there, COMMANDS.iter().map(|command| file_of(command)).collect());
}

/// Whoever reads the help of a command finds a line to type, and one that asks for nothing is told what there is.
#[test]
fn every_command_has_an_example_and_none_is_an_error() {
    for command in [&["demo"], &["try"], &["lab"], &["up"], &["serve"]] {
        assert!(help(command).contains("Examples:\n"), "{command:?}");
    }
    let output = Command::new(muster_program()).output().unwrap();
    assert_eq!(output.status.code(), Some(64));
    assert!(output.stdout.is_empty(), "talk is no data");
    let talk = String::from_utf8(output.stderr).unwrap();
    for command in ["demo", "try", "up", "doctor"] {
        assert!(talk.lines().any(|line| line.trim_start().starts_with(command)), "{command}: {talk}");
    }
}
