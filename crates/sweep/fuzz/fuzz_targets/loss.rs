//! `cargo +nightly fuzz run loss`: any counts of answers, as a captured scanner could write them.

#![no_main]

use libfuzzer_sys::fuzz_target;
use muster_sweep::loss::{LossCount, LossGroup};

type Counts = (Vec<(Vec<u64>, Vec<u64>)>, Vec<[u64; 4]>, u64, u64);

fuzz_target!(|counts: Counts| {
    let (groups, scales, uncounted, dropped) = counts;
    let groups = groups.into_iter().map(|(sent, first_answers)| LossGroup { sent, first_answers });
    let Ok(mut count) = LossCount::read(groups, scales, uncounted, dropped) else { return };
    count.merge(&count.clone());
    if let Ok(stated) = count.state() {
        assert!((0.0..1.0).contains(&stated.share_max));
    }
});
