//! `cargo +nightly fuzz run passive`: any document as what each passive source writes.

#![no_main]

use libfuzzer_sys::fuzz_target;
use muster_import::{Limits, PassiveFormat};

fuzz_target!(|document: &[u8]| {
    let formats = [
        PassiveFormat::Dhcpd,
        PassiveFormat::Kea,
        PassiveFormat::Neighbours,
        PassiveFormat::Zeek,
        PassiveFormat::Snmp,
    ];
    for format in formats.into_iter().chain([PassiveFormat::of(document)]) {
        let Ok(seen) = format.read(document, Limits::default()) else { continue };
        assert!(seen.sightings.iter().all(|seen| seen.address.is_some() || seen.mac.is_some()));
    }
});
