//! Replies of services, in `data/replies.toml`, and what they are.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use muster_identify::{BANNER_MAX_BYTES, banner, certificate_sha256, identify};
use proptest::prelude::*;
use serde::Deserialize;

#[derive(Deserialize)]
struct File {
    case: Vec<Case>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    port: u16,
    reply: Option<String>,
    hex: Option<String>,
    /// Service, vendor, product, version, evidence; empty: not recognised.
    expect: Vec<String>,
}

fn bytes_of(hex: &str) -> Vec<u8> {
    (0..hex.len() / 2).map(|at| u8::from_str_radix(&hex[at * 2..at * 2 + 2], 16).unwrap()).collect()
}

fn cases() -> Vec<(Case, Vec<u8>)> {
    let file: File = toml::from_str(include_str!("data/replies.toml")).unwrap();
    file.case
        .into_iter()
        .map(|case| {
            let bytes = case.hex.as_deref().map(bytes_of).or(case.reply.clone().map(String::into_bytes)).unwrap();
            (case, bytes)
        })
        .collect()
}

#[test]
fn every_reply_is_named_as_the_file_says() {
    for (case, bytes) in cases() {
        let found = identify(&bytes, case.port)
            .map(|print| vec![print.service, print.vendor, print.product, print.version, print.evidence])
            .unwrap_or_default();
        assert_eq!(found, case.expect, "{}", case.name);
    }
}

#[test]
fn a_reply_cut_anywhere_gives_an_answer_or_none() {
    for (case, bytes) in cases() {
        for end in 0..bytes.len() {
            let _ = identify(&bytes[..end], case.port);
        }
    }
}

#[test]
fn a_certificate_is_named_by_its_sha256() {
    // FIPS 180-2, B.1.
    let expected = bytes_of("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    assert_eq!(certificate_sha256(b"abc").to_vec(), expected);
}

proptest! {
    #[test]
    fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..6_000), port: u16) {
        if let Some(print) = identify(&bytes, port) {
            prop_assert!(!print.service.is_empty());
            for text in [&print.vendor, &print.product, &print.version] {
                prop_assert!(text.chars().count() <= 64);
            }
            prop_assert!(print.evidence.chars().count() <= 256);
            prop_assert!(!print.evidence.chars().any(char::is_control));
        }
        prop_assert!(banner(&bytes).len() <= BANNER_MAX_BYTES);
    }

    #[test]
    fn any_change_of_a_real_reply_is_survived(
        which: prop::sample::Index,
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
    ) {
        let cases = cases();
        let (case, mut bytes) = cases.into_iter().nth(which.index(48)).unwrap();
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        let _ = identify(&bytes, case.port);
    }

    #[test]
    fn any_text_behind_a_known_start_is_survived(
        start in prop::sample::select(vec!["HTTP/1.1 200 OK\r\nServer: ", "SSH-2.0-", "220 ", "220-", "+OK ", "* OK ", "RFB "]),
        rest in "\\PC{0,300}",
        port: u16,
    ) {
        let _ = identify(format!("{start}{rest}").as_bytes(), port);
    }
}
