//! `cargo +nightly fuzz run inventory`: any document as an export of each source.

#![no_main]

use libfuzzer_sys::fuzz_target;
use muster_estate::inventory::check_assets;
use muster_import::{Format, Limits, Mapping};

fuzz_target!(|document: &[u8]| {
    let formats = [Format::Csv, Format::Ansible, Format::Netbox, Format::Servicenow, Format::Ldif];
    for format in formats.into_iter().chain([Format::of(document)]) {
        let Ok(imported) = format.read("file", document, &Mapping::default(), Limits::default()) else { continue };
        check_assets(imported.assets.iter().map(|found| &found.asset)).expect("an inventory may hold all of them");
    }
});
