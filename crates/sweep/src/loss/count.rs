//! Counting where slices differ in their number of attempts, and what all of them together say.
//!
//! A sweep asks as often as the loss wants it, and a share of its slices once more than the others, so slices are
//! counted by their number of attempts. The loss of one attempt is read from the first two attempts of all of them
//! together: whether there was a third says nothing about these. What was missed then follows for each number of
//! attempts by itself, and the error that is allowed for it (see [`super::assess()`]) is shared out between them.

use super::assess::{
    ALPHA_LOSS, ALPHA_MISSED, PAIRS_MIN, effective, late_loss, loss_from_share, missed_pairs, most, share_of,
};
use super::special::{lower_bound, upper_bound};
use super::tally::{LossError, Tally, real};
use crate::cookie::ATTEMPTS_MAX;

const GROUPS: usize = ATTEMPTS_MAX as usize;

/// Scales that are read: those that [`Tally`] has.
const SCALES_MAX: usize = 24;

/// Below it nothing is known of the loss.
const ANSWERS_MIN: u64 = 20;
/// From it on the loss is taken at its upper bound: of 100 pairs that all answered at once that is 3 %, and two attempts
/// do.
const ANSWERS_ENOUGH: u64 = 100;
/// The share of the pairs that would answer and may stay unheard.
const MISSED_WANTED: f64 = 1e-3;
const ALPHA_WANTED: f64 = 0.05;

/// Counts of the slices that had one number of attempts: as many numbers as attempts in either list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LossGroup {
    /// Probes sent on each attempt.
    pub sent: Vec<u64>,
    /// Pairs that answered for the first time on each attempt.
    pub first_answers: Vec<u64>,
}

/// What a part of a sweep knows of its loss. Parts can be put together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LossCount {
    groups: [LossGroup; GROUPS],
    /// The first two attempts of all slices that had two.
    windows: Tally,
    uncounted: u64,
    dropped: u64,
}

impl Default for LossCount {
    fn default() -> Self {
        let groups = std::array::from_fn(|_| LossGroup::default());
        Self { groups, windows: Tally::of_two(), uncounted: 0, dropped: 0 }
    }
}

/// Why nothing is stated about what a sweep may have missed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unstated {
    /// Nothing was counted at all.
    #[error("nothing was counted")]
    Nothing,
    /// Some was done by an engine that does not count.
    #[error("{units} of the pairs were swept by connections, whose repeats nobody counts")]
    Uncounted {
        /// How many.
        units: u64,
    },
    /// No slice had a second attempt.
    #[error("every pair was asked once, which says nothing about what was lost")]
    Once,
    /// Too little answered.
    #[error("{answered} pairs answered, which is too few to measure the loss by")]
    TooFew {
        /// How many did.
        answered: u64,
    },
}

/// What is stated about a sweep.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Stated {
    /// Of the pairs that would have answered this vantage, at most this share was missed, with 95 % confidence: 0 to
    /// 1.
    pub share_max: f64,
    /// The same in pairs.
    pub pairs_max: u64,
    /// What one attempt loses, most likely.
    pub loss: f64,
}

impl LossCount {
    /// Adds the next slice in the order of sending: of each of its attempts the probes sent, and the pairs that answered
    /// it first.
    ///
    /// # Errors
    /// When it has no attempt, too many, or not one count for each.
    pub fn add_slice(&mut self, sent: &[u32], first_answers: &[u32]) -> Result<(), LossError> {
        let attempts = u8::try_from(first_answers.len()).unwrap_or(u8::MAX);
        if sent.len() != first_answers.len() {
            return Err(LossError::Counts { attempts, found: sent.len() });
        }
        let group = first_answers.len().checked_sub(1).and_then(|at| self.groups.get_mut(at));
        group
            .ok_or(LossError::Attempts { attempts })?
            .add(sent.iter().map(|count| u64::from(*count)), first_answers.iter().map(|count| u64::from(*count)));
        match first_answers {
            [first, second, ..] => self.windows.add_window(&[*first, *second]),
            _ => Ok(()),
        }
    }

    /// Adds units that were swept without counting.
    pub const fn add_uncounted(&mut self, units: u64) {
        self.uncounted = self.uncounted.saturating_add(units);
    }

    /// Adds answers that this machine received and had no room for: each is a loss, of whichever attempt.
    pub const fn add_dropped(&mut self, frames: u64) {
        self.dropped = self.dropped.saturating_add(frames);
    }

    /// Adds another part of the same sweep.
    pub fn merge(&mut self, other: &Self) {
        for (mine, theirs) in self.groups.iter_mut().zip(&other.groups) {
            mine.add(theirs.sent.iter().copied(), theirs.first_answers.iter().copied());
        }
        self.windows.add_sums(other.windows.first_answers(), written(&other.windows));
        self.windows.forget_halves();
        self.add_uncounted(other.uncounted);
        self.add_dropped(other.dropped);
    }

    /// By their number of attempts, fewest first.
    pub fn groups(&self) -> impl Iterator<Item = &LossGroup> {
        self.groups.iter().filter(|group| !group.sent.is_empty())
    }

    /// How the answers of the first two attempts vary between windows: at each scale the number of clusters and three
    /// sums of squares.
    pub fn scales(&self) -> impl Iterator<Item = [u64; 4]> {
        written(&self.windows)
    }

    /// Units that were swept without counting.
    #[must_use]
    pub const fn uncounted(&self) -> u64 {
        self.uncounted
    }

    /// Answers that this machine had no room for.
    #[must_use]
    pub const fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Pairs that answered and were counted.
    #[must_use]
    pub fn answered(&self) -> u64 {
        self.groups.iter().flat_map(|group| &group.first_answers).fold(0, |sum, count| sum.saturating_add(*count))
    }

    /// What was written down. It may come from anybody.
    ///
    /// # Errors
    /// When it contradicts itself.
    pub fn read(
        groups: impl IntoIterator<Item = LossGroup>,
        scales: impl IntoIterator<Item = [u64; 4]>,
        uncounted: u64,
        dropped: u64,
    ) -> Result<Self, LossError> {
        let mut count = Self { uncounted, dropped, ..Self::default() };
        let mut two = [0_u64; 2];
        for group in groups {
            let attempts = group.sent.len();
            if group.first_answers.len() != attempts {
                return Err(LossError::Unsound("as many attempts were sent as answered"));
            }
            let slot = attempts.checked_sub(1).and_then(|at| count.groups.get_mut(at));
            let slot = slot.ok_or(LossError::Unsound("a slice has 1 to 8 attempts"))?;
            if !slot.sent.is_empty() {
                return Err(LossError::Unsound("a number of attempts is there twice"));
            }
            if group.first_answers.iter().zip(&group.sent).any(|(answered, sent)| answered > sent) {
                return Err(LossError::Unsound("more answers than probes"));
            }
            // A lease has 2^32 - 1 units.
            if group.sent.iter().any(|sent| *sent > u64::from(u32::MAX)) {
                return Err(LossError::Unsound("more probes than a lease has units"));
            }
            if let [first, second, ..] = *group.first_answers {
                two = [two[0].saturating_add(first), two[1].saturating_add(second)];
            }
            *slot = group;
        }
        count.windows.add_sums(&two, scales.into_iter().take(SCALES_MAX).map(bounded));
        Ok(count)
    }

    /// Probes sent on each attempt, and pairs that answered it first, whatever the number of attempts.
    #[must_use]
    pub fn by_attempt(&self) -> LossGroup {
        let mut all = LossGroup::default();
        self.groups.iter().for_each(|group| all.add(group.sent.iter().copied(), group.first_answers.iter().copied()));
        all
    }

    /// What may have been missed.
    ///
    /// # Errors
    /// Why nothing is stated.
    pub fn state(&self) -> Result<Stated, Unstated> {
        if self.uncounted > 0 {
            return Err(Unstated::Uncounted { units: self.uncounted });
        }
        if self.groups().next().is_none() {
            return Err(Unstated::Nothing);
        }
        if self.groups.iter().skip(1).all(|group| group.sent.is_empty()) {
            return Err(Unstated::Once);
        }
        let answered = self.answered();
        let too_few = Unstated::TooFew { answered };
        if self.windows.answered() < PAIRS_MIN {
            return Err(too_few);
        }
        let dispersion = self.windows.dispersion();
        let (first, all) = effective(self.windows.first_answers(), dispersion);
        let loss = loss_from_share(lower_bound(first, all, ALPHA_LOSS), 2);
        let late = late_loss(&self.first_three(), dispersion).map(|late| late.upper);
        let alpha = ALPHA_MISSED / real(self.groups().count() as u64);
        let (mut missed, mut expected) = (Some(0_u64), 0.0);
        for group in self.groups() {
            let attempts = i32::try_from(group.sent.len()).unwrap_or(i32::MAX);
            let found: u64 = group.first_answers.iter().fold(0, |sum, count| sum.saturating_add(*count));
            let mut here = missed_pairs(real(found), loss.powi(attempts), dispersion, alpha);
            if let Some(late) = late {
                // The missed are among those that were lost on the first attempt.
                let lost_first = real(found - group.first_answers.first().copied().unwrap_or(0));
                here = most(here, missed_pairs(lost_first, late.powi(attempts - 1), dispersion, alpha));
            }
            missed = missed.zip(here).map(|(missed, here)| missed.saturating_add(here));
            expected += loss.powi(attempts) * real(found) / real(answered);
        }
        let share_max = share_of(missed, real(answered)).max(expected);
        match missed {
            Some(pairs_max) if share_max < 1.0 => {
                let estimate = loss_from_share(first / all, 2);
                Ok(Stated { share_max, pairs_max, loss: estimate })
            }
            _ => Err(too_few),
        }
    }

    /// The first three attempts of the slices that had three.
    fn first_three(&self) -> [u64; 3] {
        let mut sum = [0_u64; 3];
        for group in self.groups.iter().skip(2) {
            sum.iter_mut().zip(&group.first_answers).for_each(|(sum, count)| *sum = sum.saturating_add(*count));
        }
        sum
    }
}

impl LossGroup {
    fn add(&mut self, sent: impl IntoIterator<Item = u64>, first_answers: impl IntoIterator<Item = u64>) {
        let add = |list: &mut Vec<u64>, at: usize, more: u64| match list.get_mut(at) {
            Some(count) => *count = count.saturating_add(more),
            None => list.push(more),
        };
        sent.into_iter().enumerate().for_each(|(at, more)| add(&mut self.sent, at, more));
        first_answers.into_iter().enumerate().for_each(|(at, more)| add(&mut self.first_answers, at, more));
    }
}

/// No more clusters than a lease has slices.
fn bounded([clusters, tt, tl, ll]: [u64; 4]) -> [u64; 4] {
    [clusters.min(u64::from(u32::MAX)), tt, tl, ll]
}

fn written(windows: &Tally) -> impl Iterator<Item = [u64; 4]> {
    windows.sums().map(|sums| sums.map(|sum| u64::try_from(sum).unwrap_or(u64::MAX)))
}

/// How often a pair is to be asked, `min` to `max` times, when so many answered first on each attempt so far, and this
/// machine dropped so many answers for want of room: so often that all attempts are lost for one in a thousand at most.
#[must_use]
pub fn attempts_wanted(first_answers: &[u64], dropped: u64, min: u8, max: u8) -> u8 {
    let first = first_answers.first().copied().unwrap_or(0);
    let second = first_answers.get(1).copied().unwrap_or(0).saturating_add(dropped);
    let all = first.saturating_add(second);
    if all < ANSWERS_MIN {
        return min;
    }
    // The second attempt finds what the first lost, but for what it loses itself: (1 - q) / (1 - q^2) answer the first.
    let loss = if all < ANSWERS_ENOUGH {
        // One more is assumed, so that a clean beginning is no proof of a clean network.
        (real(second) + 1.0) / real(all)
    } else {
        upper_bound(real(second), real(all), ALPHA_WANTED)
    };
    let odds = (loss / (1.0 - loss).max(f64::MIN_POSITIVE)).min(1.0);
    (min..=max).find(|attempts| odds.powi(i32::from(*attempts)) <= MISSED_WANTED).unwrap_or(max)
}

#[cfg(test)]
mod tests;
