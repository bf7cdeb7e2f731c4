//! `bound`: how often the bound that a sweep states covers what it missed. Sweeps are simulated: a hundred real ones with
//! a loss that leaves something to miss would take hours, and the estimator sees only counts.

use anyhow::bail;
use muster_sweep::loss::{Assessment, Canaries, Tally, assess};
use muster_tests::Rng;

use crate::output::{Value, figure};
use crate::sweep::real;
use crate::{Effort, note};

const SEEDS: u64 = 100;
/// Seeds whose bound has to cover the truth.
const WANTED: u64 = 89;
/// Pairs that would answer: the open and closed ones of a phantom's /20 with 100 ports.
const PAIRS: u32 = 20_480;
/// Pairs of a slice of 1,000 units that would answer.
const WINDOW: u32 = 50;
const ATTEMPTS: u8 = 2;

/// How a network loses probes or answers.
#[derive(Clone, Copy)]
enum Network {
    /// 2 % each way, each by itself.
    Even,
    /// Bursts of 50 probes, 4 % in all: Gilbert (1960) and Elliott (1963).
    Bursts,
}

impl Network {
    const ALL: [(&'static str, Self); 2] = [("2 % each way", Self::Even), ("bursts of 50, 4 %", Self::Bursts)];
}

fn toss(rng: &mut Rng, probability: f64) -> bool {
    real(rng.next() >> 11) * 2_f64.powi(-53) < probability
}

/// One sweep: the counts, and how many pairs were missed.
fn sweep(network: Network, seed: u64) -> anyhow::Result<(Tally, u32)> {
    let rng = &mut Rng::new(seed);
    let mut answered_on: Vec<Option<u8>> = vec![None; PAIRS as usize];
    for attempt in 0..ATTEMPTS {
        let mut bad = toss(rng, 0.0008 / 0.0208);
        for on in &mut answered_on {
            let lost = match network {
                Network::Even => toss(rng, 0.02) || toss(rng, 0.02),
                Network::Bursts => {
                    bad = if bad { !toss(rng, 0.02) } else { toss(rng, 0.0008) };
                    toss(rng, if bad { 0.9 } else { 0.005 })
                }
            };
            if on.is_none() && !lost {
                *on = Some(attempt);
            }
        }
    }
    let mut tally = Tally::new(ATTEMPTS)?;
    for window in answered_on.chunks(WINDOW as usize) {
        let mut counts = [0; ATTEMPTS as usize];
        for on in window.iter().flatten() {
            if let Some(count) = counts.get_mut(usize::from(*on)) {
                *count += 1;
            }
        }
        tally.add_window(&counts)?;
    }
    let missed = answered_on.iter().filter(|on| on.is_none()).count();
    Ok((tally, u32::try_from(missed)?))
}

/// Measures it, and prints the worse of the two networks.
pub(crate) fn measure(effort: Effort) -> anyhow::Result<()> {
    let seeds = if effort.quick { SEEDS / 10 } else { SEEDS };
    let mut worst = u64::MAX;
    for (name, network) in Network::ALL {
        let (mut covered, mut missed_all, mut stated) = (0, 0, Vec::new());
        for seed in 0..seeds {
            let (tally, missed) = sweep(network, 0x5eed_1000 + seed)?;
            let Assessment::Bounded(bound) = assess(&tally, Canaries::default(), 0.001)? else {
                bail!("a sweep without canaries is void");
            };
            covered += u64::from(f64::from(missed) / f64::from(PAIRS) <= bound.missed_share_max);
            missed_all += u64::from(missed);
            stated.push(bound.missed_share_max * 100.0);
        }
        worst = worst.min(covered);
        let mean = real(missed_all) / f64::from(PAIRS) / real(seeds) * 100.0;
        let median = crate::output::median(&stated);
        note(&format!(
            "bound, {name}: covers {covered} of {seeds} seeds; {PAIRS} pairs, {ATTEMPTS} attempts; missed {mean:.4} % on \
             average, stated {median:.4} % in the middle"
        ));
    }
    let wanted = real(WANTED) * real(seeds) / real(SEEDS);
    figure(
        Value { name: "bound", value: real(worst), unit: "seeds" },
        Value { name: "limit", value: wanted, unit: "seeds" },
    );
    Ok(())
}
