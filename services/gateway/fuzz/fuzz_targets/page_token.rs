//! No text but what a key gave out is a page token. Run: `cargo +nightly fuzz run page_token` in `services/gateway`.
#![no_main]

use libfuzzer_sys::fuzz_target;
use muster_gateway::page::{Binding, PageKey};

fuzz_target!(|token: &str| {
    let opened = PageKey::new(&[7; 32]).open(Binding::of(&["fuzz"]), token);
    assert!(token.is_empty() || opened.is_err());
});
