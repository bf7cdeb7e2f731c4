//! `cargo +nightly fuzz run kev`: any document in place of the catalogue, and then again as the next edition.

#![no_main]

use libfuzzer_sys::fuzz_target;
use muster_bulletin::{Known, kev};

fuzz_target!(|document: &[u8]| {
    let Ok(edition) = kev::parse(document) else { return };
    let nothing = Known::new();
    let everything = edition.changes(&nothing, None).expect("an edition can follow nothing");
    assert_eq!(everything.len(), edition.bulletins.len());
    let known: Known = edition.bulletins.iter().map(|(id, bulletin)| (id.clone(), bulletin.content_hash())).collect();
    assert_eq!(edition.changes(&known, Some(edition.released_at)), Ok(Vec::new()));
});
