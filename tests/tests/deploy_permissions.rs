//! The users of docker-compose.yml's engines are those that the code declares, to the byte.
//! `MUSTER_UPDATE=1` writes the files anew.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::path::Path;
use std::process::Command;

use muster_tests::muster_program;

/// What `muster permissions` prints for an engine.
fn printed(form: &str) -> String {
    let output = Command::new(muster_program()).args(["permissions", form]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Holds a file of the repository equal to a text, or writes it.
fn assert_deployed(file: &str, declared: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(file);
    if std::env::var_os("MUSTER_UPDATE").is_some() {
        std::fs::write(&path, declared).unwrap();
    }
    let deployed = std::fs::read_to_string(&path).unwrap();
    let (missing, extra) = (lines_without(declared, &deployed), lines_without(&deployed, declared));
    assert!(
        deployed == declared,
        "{file} is not what the code declares; MUSTER_UPDATE=1 writes it anew\nmissing: {missing:#?}\nextra: {extra:#?}"
    );
}

/// Lines of one text that are not in another.
fn lines_without<'a>(text: &'a str, other: &str) -> Vec<&'a str> {
    text.lines().filter(|line| !other.lines().any(|one| one == *line)).collect()
}

#[test]
fn the_users_of_nats_are_those_declared() {
    assert_deployed("deploy/nats/users.conf", &printed("nats-conf"));
}

#[test]
fn the_users_of_clickhouse_are_those_declared() {
    assert_deployed("deploy/clickhouse/users.xml", &printed("clickhouse-xml"));
}
