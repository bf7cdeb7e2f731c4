//! Counting on which attempt pairs answered for the first time, window by window, in constant memory.

use crate::cookie::ATTEMPTS_MAX;

/// Scales at which windows are joined: runs of 2^0 to 2^23 of them. A /8 with 20 ports has 360,000 slices.
const SCALES: usize = 24;

/// Clusters that a variance between clusters needs to mean anything.
const CLUSTERS_MIN: u64 = 16;

/// Why counts are refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LossError {
    /// No attempt, or too many.
    #[error("failed to count answers: {attempts} attempts; 1 to {ATTEMPTS_MAX} are possible")]
    Attempts {
        /// Wanted.
        attempts: u8,
    },
    /// Counts that were written down contradict themselves.
    #[error("failed to read the counts of answers: {0}")]
    Unsound(&'static str),
    /// A window has counts of another number of attempts.
    #[error("failed to count answers: counts of {found} attempts in a sweep of {attempts}")]
    Counts {
        /// Attempts of the sweep.
        attempts: u8,
        /// Counts given.
        found: usize,
    },
    /// More canaries answered than there are.
    #[error("failed to judge the canaries: {answered} of {probed} answered")]
    Canaries {
        /// Probed.
        probed: u32,
        /// Answered.
        answered: u32,
    },
}

/// Sums over the clusters of one scale: of pairs t that answered, and of those of them that did not do so at once, l.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Scale {
    clusters: u64,
    tt: u128,
    tl: u128,
    ll: u128,
    /// The first half of the next cluster.
    half: Option<(u64, u64)>,
}

/// How many pairs answered for the first time on which attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tally {
    attempts: u8,
    first_answers: [u64; ATTEMPTS_MAX as usize],
    scales: [Scale; SCALES],
}

impl Tally {
    /// Of a sweep with so many attempts at each pair that does not answer.
    ///
    /// # Errors
    /// When there are none, or more than [`ATTEMPTS_MAX`].
    pub fn new(attempts: u8) -> Result<Self, LossError> {
        if !(1..=ATTEMPTS_MAX).contains(&attempts) {
            return Err(LossError::Attempts { attempts });
        }
        Ok(Self { attempts, first_answers: [0; ATTEMPTS_MAX as usize], scales: [Scale::default(); SCALES] })
    }

    /// Adds the next window in the order of sending: of its pairs, so many answered for the first time on the first,
    /// second, … attempt. A late answer counts for the attempt that it answers.
    ///
    /// # Errors
    /// When there is not one count for each attempt.
    pub fn add_window(&mut self, first_answers: &[u32]) -> Result<(), LossError> {
        if first_answers.len() != usize::from(self.attempts) {
            return Err(LossError::Counts { attempts: self.attempts, found: first_answers.len() });
        }
        self.first_answers.iter_mut().zip(first_answers).for_each(|(sum, count)| *sum += u64::from(*count));
        let all: u64 = first_answers.iter().map(|count| u64::from(*count)).sum();
        let late = all - first_answers.first().map_or(0, |count| u64::from(*count));
        let mut cluster = (all, late);
        for scale in &mut self.scales {
            let (t, l) = (u128::from(cluster.0), u128::from(cluster.1));
            scale.clusters += u64::from(t > 0);
            scale.tt += t * t;
            scale.tl += t * l;
            scale.ll += l * l;
            let Some((t, l)) = scale.half.take() else {
                scale.half = Some(cluster);
                break;
            };
            cluster = (cluster.0 + t, cluster.1 + l);
        }
        Ok(())
    }

    /// Adds another part of the same sweep, for instance another lease. Clusters do not reach over the seam.
    ///
    /// # Errors
    /// When it has another number of attempts.
    pub fn merge(&mut self, other: &Self) -> Result<(), LossError> {
        if self.attempts != other.attempts {
            return Err(LossError::Counts { attempts: self.attempts, found: usize::from(other.attempts) });
        }
        self.first_answers
            .iter_mut()
            .zip(other.first_answers)
            .for_each(|(sum, count)| *sum = sum.saturating_add(count));
        for (mine, theirs) in self.scales.iter_mut().zip(other.scales) {
            mine.clusters = mine.clusters.saturating_add(theirs.clusters);
            mine.tt += theirs.tt;
            mine.tl += theirs.tl;
            mine.ll += theirs.ll;
            mine.half = None;
        }
        Ok(())
    }

    /// Of two attempts, which are always possible.
    pub(super) const fn of_two() -> Self {
        const NONE: Scale = Scale { clusters: 0, tt: 0, tl: 0, ll: 0, half: None };
        Self { attempts: 2, first_answers: [0; ATTEMPTS_MAX as usize], scales: [NONE; SCALES] }
    }

    /// Ends every cluster under way: what comes next is of another part.
    pub(super) fn forget_halves(&mut self) {
        self.scales.iter_mut().for_each(|scale| scale.half = None);
    }

    /// The sums by scale, as [`LossCount`](super::LossCount) writes them down; what is left of a half is not kept.
    pub(super) fn sums(&self) -> impl Iterator<Item = [u128; 4]> {
        let used = self.scales.iter().take_while(|scale| scale.clusters > 0);
        used.map(|scale| [scale.clusters.into(), scale.tt, scale.tl, scale.ll])
    }

    /// Adds sums that were written down. Scales beyond the last are dropped.
    pub(super) fn add_sums(&mut self, first_answers: &[u64], sums: impl IntoIterator<Item = [u64; 4]>) {
        self.first_answers.iter_mut().zip(first_answers).for_each(|(sum, count)| *sum = sum.saturating_add(*count));
        for (scale, [clusters, tt, tl, ll]) in self.scales.iter_mut().zip(sums) {
            scale.clusters = scale.clusters.saturating_add(clusters);
            scale.tt += u128::from(tt);
            scale.tl += u128::from(tl);
            scale.ll += u128::from(ll);
        }
    }

    /// Attempts at each pair.
    #[must_use]
    pub const fn attempts(&self) -> u8 {
        self.attempts
    }

    /// First answers by attempt.
    #[must_use]
    pub fn first_answers(&self) -> &[u64] {
        self.first_answers.get(..usize::from(self.attempts)).unwrap_or_default()
    }

    /// Pairs that answered on any attempt.
    #[must_use]
    pub fn answered(&self) -> u64 {
        self.first_answers.iter().sum()
    }

    /// How many times larger the variance of the late share is than that of independent pairs, at its upper 90 %
    /// bound: at least 1, at most the number of pairs (then they are one clump).
    pub(super) fn dispersion(&self) -> f64 {
        let answered = real(self.answered());
        let late = answered - self.first_answers.first().map_or(0.0, |count| real(*count));
        let clump = answered.max(1.0);
        let first = self.scales.first().map_or(0, |scale| scale.clusters);
        if first < 2 {
            return clump;
        }
        if late == 0.0 || late == answered {
            // Nothing varies, so nothing is known of bursts: either there was none, or there is nothing but one.
            return 1.0;
        }
        let enough = |scale: &&Scale| scale.clusters >= CLUSTERS_MIN.min(first);
        let ratios = self.scales.iter().filter(enough).map(|scale| scale.ratio(answered, late));
        ratios.fold(1.0, f64::max).min(clump)
    }
}

impl Scale {
    /// The linearised variance of a ratio between clusters (Cochran, "Sampling Techniques", 3rd edition, section 6.5)
    /// over the binomial one, times what takes it to its upper 90 % bound.
    fn ratio(&self, answered: f64, late: f64) -> f64 {
        let share = late / answered;
        let clusters = real(self.clusters);
        let squares = wide(self.ll) - 2.0 * share * wide(self.tl) + share * share * wide(self.tt);
        let variance = clusters / (clusters - 1.0) * squares.max(0.0) / (answered * answered);
        let binomial = share * (1.0 - share) / answered;
        variance / binomial * (clusters - 1.0) / chi_square_tenth(clusters - 1.0)
    }
}

/// The lower tenth of the chi-square distribution: Wilson and Hilferty (1931).
fn chi_square_tenth(freedom: f64) -> f64 {
    /// Of the normal distribution.
    const TENTH: f64 = -1.281_552;
    let part = 2.0 / (9.0 * freedom);
    // With one degree of freedom the approximation reaches 0.0157 less 5 %.
    freedom * (1.0 - part + TENTH * part.sqrt()).powi(3).max(0.01)
}

#[expect(clippy::cast_precision_loss, reason = "counts; exact to 2^53")]
pub(super) const fn real(count: u64) -> f64 {
    count as f64
}

#[expect(clippy::cast_precision_loss, reason = "sums of squares, of which 53 bits are plenty")]
const fn wide(sum: u128) -> f64 {
    sum as f64
}
