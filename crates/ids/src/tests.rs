#![allow(clippy::unwrap_used, reason = "tests")]

use proptest::prelude::*;

use crate::{Derivation, EventId, FindingId, HostId, IdError, OrderId, SweepId};

#[test]
fn derivations_are_frozen() {
    // Stored rows carry these; a change here is a change of every id.
    let host = HostId::of_address("corp", "10.4.0.1".parse().unwrap());
    assert_eq!(host.to_string(), "6d70bdc033d1a8aba52d534f760e61e5");
    assert_eq!(FindingId::of(host, "known").to_string(), "40bbef2d0e6291c055f321dc5000a4a7");
    let sweep = SweepId::of_firing("dublin", "nightly", 1_790_000_000);
    let order = OrderId::of_lease(sweep, 7);
    assert_eq!(order.to_string(), "1dbfdb7e59ace60f0c78cb9931752ff7");
    assert_eq!(EventId::of_slice(order, 3).to_string(), "74c3300dfd4633a43aed14ea712cbfd9");
}

#[test]
fn content_that_comes_back_is_another_event() {
    let revision = |content: &[u8], after| EventId::of_bulletin_after("cisa-kev", "CVE-2025-0001", content, after);
    assert_eq!(revision(b"a", 7), revision(b"a", 7));
    assert_ne!(revision(b"a", 7), revision(b"a", 9));
    assert_ne!(revision(b"a", 7), revision(b"b", 7));
}

#[test]
fn parts_cannot_run_into_each_other() {
    let ab_c = Derivation::new("k", "d").text("ab").text("c").finish();
    let a_bc = Derivation::new("k", "d").text("a").text("bc").finish();
    assert_ne!(ab_c, a_bc);
}

#[test]
fn an_address_is_a_host_only_in_its_realm() {
    let address = "10.0.0.1".parse().unwrap();
    assert_ne!(HostId::of_address("a", address), HostId::of_address("b", address));
}

#[test]
fn a_wrong_length_is_named() {
    assert_eq!(OrderId::from_bytes(&[0; 15]), Err(IdError::Length { kind: "order", length: 15 }));
}

proptest! {
    #[test]
    fn text_round_trips(bytes: [u8; 16]) {
        let id = EventId::from_array(bytes);
        prop_assert_eq!(id.to_string().parse::<EventId>(), Ok(id));
    }

    #[test]
    fn any_text_is_an_id_or_an_error(text in ".{0,80}") {
        let parsed = text.parse::<EventId>();
        prop_assert_eq!(parsed.is_ok(), text.len() == 32 && text.bytes().all(|b| b.is_ascii_hexdigit()));
    }
}
