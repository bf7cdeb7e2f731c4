//! Any text is a filter or an error inside it. Run: `cargo +nightly fuzz run filter` in `services/gateway`.
#![no_main]

use libfuzzer_sys::fuzz_target;
use muster_gateway::filter::parse;
use muster_store::query::{ASSET_COLUMNS, BULLETIN_COLUMNS, FINDING_COLUMNS, HOST_COLUMNS, SWEEP_COLUMNS, VERDICT_COLUMNS};

fuzz_target!(|text: &str| {
    for columns in [ASSET_COLUMNS, BULLETIN_COLUMNS, FINDING_COLUMNS, HOST_COLUMNS, SWEEP_COLUMNS, VERDICT_COLUMNS] {
        if let Err(error) = parse(text, columns) {
            assert!(error.column >= 1 && error.column <= text.chars().count() + 1);
        }
    }
});
