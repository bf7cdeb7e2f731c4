//! The contract may grow and may not change: whoever reads `muster.v1` as it stands in the golden reads what this
//! version writes.
//!
//! `MUSTER_UPDATE=1` writes the golden anew, and refuses to where a reader of the old one would break: then the message
//! needs a new field, or the package a `muster.v2`.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod contract;
mod mutants;

use std::collections::BTreeSet;
use std::path::PathBuf;

use prost::Message as _;
use prost_types::FileDescriptorSet;

use crate::contract::{breaks, contract};

fn current() -> FileDescriptorSet {
    FileDescriptorSet::decode(muster_proto::FILE_DESCRIPTOR_SET).unwrap()
}

fn golden_file() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/golden/muster.v1.txt"))
}

fn golden() -> BTreeSet<String> {
    std::fs::read_to_string(golden_file()).unwrap_or_default().lines().map(str::to_owned).collect()
}

#[test]
fn a_reader_of_the_golden_reads_what_this_version_writes() {
    let broken = breaks(&golden(), &contract(&current()));
    assert!(broken.is_empty(), "a reader of the golden would break:\n{}", broken.join("\n"));
}

#[test]
fn the_golden_is_the_contract() {
    let (golden, current) = (golden(), contract(&current()));
    if std::env::var_os("MUSTER_UPDATE").is_some() {
        let broken = breaks(&golden, &current);
        assert!(broken.is_empty(), "not written, a reader of the golden would break:\n{}", broken.join("\n"));
        let text: String = current.iter().map(|line| format!("{line}\n")).collect();
        std::fs::write(golden_file(), text).unwrap();
        return;
    }
    let added: Vec<_> = current.difference(&golden).collect();
    let removed: Vec<_> = golden.difference(&current).collect();
    assert!(
        added.is_empty() && removed.is_empty(),
        "the golden differs: added {added:#?}, removed {removed:#?}; MUSTER_UPDATE=1 writes what was added"
    );
}
