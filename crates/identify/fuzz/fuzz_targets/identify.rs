//! `cargo +nightly fuzz run identify`: any reply, on any port.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (u16, &[u8])| {
    let (port, reply) = input;
    if let Some(print) = muster_identify::identify(reply, port) {
        assert!(!print.service.is_empty());
        assert!(print.evidence.chars().count() <= 256);
    }
});
