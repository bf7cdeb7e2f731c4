//! From counts to the statement.

use super::special::{bisect, incomplete_beta, lower_bound, upper_bound};
use super::tally::{LossError, Tally, real};
use crate::cookie::ATTEMPTS_MAX;

/// The loss of an attempt is above its bound in 4 of 100 sweeps at most, and more pairs than the bound are missed with
/// that loss in 1 of 100: 95 % in all.
pub(super) const ALPHA_LOSS: f64 = 0.04;
pub(super) const ALPHA_MISSED: f64 = 0.01;

/// Intervals that are for reading: 5 % on either side.
pub(super) const ALPHA_SIDE: f64 = 0.05;

/// What has to be significant before attempts or canaries are said to lose differently.
pub(super) const ALPHA_UNEVEN: f64 = 0.01;

/// Late answers, as independent ones, from which the loss of later attempts is read. With fewer the bound would rest on
/// chance: 3 late answers allow any loss up to 63 %.
pub(super) const LATE_MIN: f64 = 20.0;

/// Fewer answers than these say less than as many canaries.
pub(super) const PAIRS_MIN: u64 = 30;

/// Hosts that are known to answer, each probed once like any pair's first attempt, spread evenly over the sweep.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Canaries {
    /// Probes.
    pub probed: u32,
    /// Answers.
    pub answered: u32,
}

/// A proportion, and between which bounds it lies: each is passed in 5 of 100 cases at most.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    /// Most likely.
    pub estimate: f64,
    /// At least.
    pub lower: f64,
    /// At most.
    pub upper: f64,
}

/// What the loss was read from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// On which attempt pairs answered.
    Pairs,
    /// The canaries: too few pairs answered, or there was one attempt only.
    Canaries,
    /// Nothing: the bound is 100 %.
    Nothing,
}

/// What may have been missed.
#[derive(Debug, Clone, PartialEq)]
pub struct Bound {
    /// Of the pairs that would have answered this vantage, at most this share was missed, with 95 % confidence: 0 to
    /// 1.
    pub missed_share_max: f64,
    /// The same in pairs; `None` when nothing is known.
    pub missed_pairs_max: Option<u64>,
    /// What one attempt loses, probe or answer.
    pub loss: Interval,
    /// The same for each attempt by itself, of the pairs that had not answered before it.
    pub loss_by_attempt: Vec<Interval>,
    /// Further attempts at every pair that has not answered, until the bound is what was wanted; `None` when that is
    /// not to be reached with [`ATTEMPTS_MAX`] more.
    pub further_attempts: Option<u8>,
    /// How many pairs say as much as one independent pair would: 1 without bursts.
    pub dispersion: f64,
    /// Later attempts lose significantly more than the first, or canaries more than pairs: some pairs are harder to
    /// reach than others, and the bound goes by those.
    pub uneven: bool,
    /// Where the loss comes from.
    pub source: Source,
}

/// What is said about a sweep.
#[derive(Debug, Clone, PartialEq)]
pub enum Assessment {
    /// No canary answered: nothing that this sweep did not see is known to be absent.
    Void,
    /// So much may have been missed.
    Bounded(Bound),
}

/// Judges a sweep, a lease, or any part of one. `wanted_share` is the bound that is wanted: 0.001 is one in a thousand.
///
/// # Errors
/// When more canaries answered than there are.
pub fn assess(tally: &Tally, canaries: Canaries, wanted_share: f64) -> Result<Assessment, LossError> {
    let Canaries { probed, answered } = canaries;
    if answered > probed {
        return Err(LossError::Canaries { probed, answered });
    }
    if probed > 0 && answered == 0 {
        return Ok(Assessment::Void);
    }
    let attempts = i32::from(tally.attempts());
    let pairs = tally.answered();
    let dispersion = tally.dispersion();
    let from_pairs = loss_of_pairs(tally, dispersion);
    let from_canaries = loss_of_canaries(canaries);
    let by_pairs = tally.attempts() > 1 && (pairs >= PAIRS_MIN || real(pairs) >= f64::from(probed)) && pairs > 0;
    let (loss, source) = match (by_pairs, probed) {
        (true, _) => (from_pairs, Source::Pairs),
        (false, 1..) => (from_canaries, Source::Canaries),
        (false, 0) => (Interval { estimate: 0.0, lower: 0.0, upper: 1.0 }, Source::Nothing),
    };
    let mut used = Used { loss: upper(tally, canaries, dispersion, source), uneven: false };
    if source == Source::Pairs && probed > 0 {
        let lost = f64::from(probed - answered);
        used.uneven = lower_bound(lost, f64::from(probed), ALPHA_UNEVEN) > used.loss;
        if used.uneven {
            used.loss = used.loss.max(upper_bound(lost, f64::from(probed), ALPHA_LOSS));
        }
    }
    let mut missed = missed_pairs(real(pairs), used.loss.powi(attempts), dispersion, ALPHA_MISSED);
    let mut share = used.loss.powi(attempts).max(share_of(missed, real(pairs)));
    if source == Source::Pairs
        && let Some(late) = late_loss(tally.first_answers(), dispersion)
    {
        // The missed are among those that were lost on the first attempt.
        let lost_first = real(pairs - tally.first_answers().first().copied().unwrap_or(0));
        missed = most(missed, missed_pairs(lost_first, late.upper.powi(attempts - 1), dispersion, ALPHA_MISSED));
        share = share.max(share_of(missed, real(pairs)));
        used.uneven |= late.lower > used.loss;
        used.loss = used.loss.max(late.upper);
    }
    let share = share.min(1.0);
    Ok(Assessment::Bounded(Bound {
        missed_share_max: share,
        missed_pairs_max: missed.filter(|_| share < 1.0),
        loss,
        loss_by_attempt: by_attempt(tally, loss, missed, dispersion),
        further_attempts: further(share, used.loss, wanted_share),
        dispersion,
        uneven: used.uneven,
        source,
    }))
}

/// The loss that the bound goes by.
struct Used {
    loss: f64,
    uneven: bool,
}

fn upper(tally: &Tally, canaries: Canaries, dispersion: f64, source: Source) -> f64 {
    match source {
        Source::Pairs => {
            let (first, all) = effective(tally.first_answers(), dispersion);
            loss_from_share(lower_bound(first, all, ALPHA_LOSS), tally.attempts())
        }
        Source::Canaries => {
            let lost = f64::from(canaries.probed - canaries.answered);
            upper_bound(lost, f64::from(canaries.probed), ALPHA_LOSS)
        }
        Source::Nothing => 1.0,
    }
}

/// First answers on the first of these attempts and on all, as so many independent ones.
pub(super) fn effective(first_answers: &[u64], dispersion: f64) -> (f64, f64) {
    let first = real(first_answers.first().copied().unwrap_or(0));
    (first / dispersion, real(first_answers.iter().sum()) / dispersion)
}

/// The loss q with which a share (1 - q) / (1 - q^K) of the answered answers at once: 1 when the share is 1 / K or
/// less.
pub(super) fn loss_from_share(share: f64, attempts: u8) -> f64 {
    if share * f64::from(attempts) <= 1.0 {
        return 1.0;
    }
    // (1 - q^K) / (1 - q) = 1 + q + … + q^(K-1), which grows with q.
    let sum = |q: f64| (0..i32::from(attempts)).map(|power| q.powi(power)).sum::<f64>();
    bisect(|q| share * sum(q) >= 1.0)
}

fn loss_of_pairs(tally: &Tally, dispersion: f64) -> Interval {
    let (first, all) = effective(tally.first_answers(), dispersion);
    let loss = |share: f64| loss_from_share(share, tally.attempts());
    Interval {
        estimate: if all > 0.0 { loss(first / all) } else { 0.0 },
        lower: if all > 0.0 { loss(upper_bound(first, all, ALPHA_SIDE)) } else { 0.0 },
        upper: loss(lower_bound(first, all, ALPHA_SIDE)),
    }
}

fn loss_of_canaries(Canaries { probed, answered }: Canaries) -> Interval {
    proportion(f64::from(probed - answered), f64::from(probed))
}

fn proportion(hits: f64, trials: f64) -> Interval {
    Interval {
        estimate: if trials > 0.0 { hits / trials } else { 0.0 },
        lower: lower_bound(hits, trials, ALPHA_SIDE),
        upper: upper_bound(hits, trials, ALPHA_SIDE),
    }
}

/// The loss of the later attempts, of pairs that were lost once already: `None` with less than two such attempts, or
/// too few such pairs.
pub(super) fn late_loss(first_answers: &[u64], dispersion: f64) -> Option<Interval> {
    let later = first_answers.get(1..).filter(|later| later.len() > 1)?;
    let attempts = u8::try_from(later.len()).ok()?;
    let (first, all) = effective(later, dispersion);
    (all >= LATE_MIN).then(|| Interval {
        estimate: loss_from_share(first / all, attempts),
        lower: loss_from_share(upper_bound(first, all, ALPHA_UNEVEN), attempts),
        upper: loss_from_share(lower_bound(first, all, ALPHA_LOSS), attempts),
    })
}

/// The most pairs that can have been missed when so many answered and each is missed with probability `each`: the
/// largest number with which so few answers are not rarer than `alpha`. Counted in clumps of `dispersion`
/// pairs. `None`: any number.
pub(super) fn missed_pairs(answered: f64, each: f64, dispersion: f64, alpha: f64) -> Option<u64> {
    if each >= 1.0 {
        return None;
    }
    let clumps = answered / dispersion;
    // P(X <= answered) of missed + answered trials, each answered with 1 - each.
    let possible = |missed: u64| missed == 0 || incomplete_beta(each, real(missed), clumps + 1.0) > alpha;
    let mut beyond = 1_u64;
    while possible(beyond) {
        beyond = beyond.checked_mul(2).filter(|clumps| *clumps < 1 << 40)?;
    }
    let (mut low, mut high) = (beyond / 2, beyond);
    while low + 1 < high {
        let middle = low.midpoint(high);
        if possible(middle) { low = middle } else { high = middle }
    }
    // Below 2^40 clumps of at most 2^40 pairs; a cast of a float saturates.
    Some((real(low) * dispersion).ceil() as u64)
}

pub(super) fn most(one: Option<u64>, other: Option<u64>) -> Option<u64> {
    one.zip(other).map(|(one, other)| one.max(other))
}

/// The share of the missed among all that would have answered.
pub(super) fn share_of(missed: Option<u64>, answered: f64) -> f64 {
    match missed.map(real) {
        None => 1.0,
        Some(0.0) => 0.0,
        Some(missed) => missed / (missed + answered),
    }
}

/// Of the pairs left before each attempt, those that did not answer it.
fn by_attempt(tally: &Tally, loss: Interval, missed: Option<u64>, dispersion: f64) -> Vec<Interval> {
    let all = loss.estimate.powi(i32::from(tally.attempts()));
    let expected = if all < 1.0 { real(tally.answered()) * all / (1.0 - all) } else { 0.0 };
    let mut later = real(tally.answered());
    let mut intervals = Vec::with_capacity(tally.first_answers().len());
    for count in tally.first_answers() {
        let first = real(*count);
        later -= first;
        let at_most = missed.map_or(f64::INFINITY, real);
        let left = first + later + expected;
        intervals.push(Interval {
            estimate: if left > 0.0 { (later + expected) / left } else { 0.0 },
            lower: lower_bound(later / dispersion, (first + later) / dispersion, ALPHA_SIDE),
            upper: if at_most.is_finite() {
                upper_bound((later + at_most) / dispersion, (first + later + at_most) / dispersion, ALPHA_SIDE)
            } else {
                1.0
            },
        });
    }
    intervals
}

fn further(share: f64, loss: f64, wanted: f64) -> Option<u8> {
    (0..=ATTEMPTS_MAX).find(|more| share * loss.powi(i32::from(*more)) <= wanted)
}
