//! `cargo +nightly fuzz run recog`: any fingerprint file, and any text for it.

#![no_main]

use libfuzzer_sys::fuzz_target;
use muster_identify::recog::Database;

fuzz_target!(|input: (&[u8], &[u8])| {
    let (file, text) = input;
    let Ok(database) = Database::load([("own.xml", file)]) else { return };
    let _verified = database.verify(|_| None);
    for table in database.tables() {
        let line = |found: Option<muster_identify::recog::Match<'_>>| found.map(|found| found.fingerprint.line());
        assert_eq!(line(table.matches(text)), line(table.matches_in_turn(text)));
    }
});
