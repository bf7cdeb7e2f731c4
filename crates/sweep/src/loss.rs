//! What a sweep may have missed.
//!
//! A pair (address, port) that would answer this vantage is missed when every attempt at it is lost, the probe or the
//! answer. Nobody sees those pairs; but the pairs that answered say on which attempt they did, and from that follows
//! how much one attempt loses, and from that what all attempts lose together. In ecology this is the removal method
//! (Zippin, "The Removal Method of Population Estimation", 1958). Canaries, hosts that are known to answer, say the
//! same from outside.
//!
//! # The statement
//! *Of the pairs that would have answered this vantage, at most x % were missed, with 95 % confidence.* It is about
//! what the network lost, not about what a filter hides, a host that was off, or a host that answers one probe in a
//! hundred on purpose.
//!
//! # How x is found
//! With loss q on each of K attempts, an answered pair answered on the first attempt with probability
//! (1 - q) / (1 - q^K), whatever the number of pairs. So the count of first answers is binomial given all answers, and
//! the exact one-sided interval of Clopper and Pearson (1934) bounds q from above, with 96 % confidence. Then, of n
//! pairs, the number that answers is binomial with 1 - q^K; the largest n that is not refuted by the answers seen, with
//! 99 % confidence, bounds the missed. Both hold together with 95 % at least (Bonferroni).
//!
//! # Bursts
//! Loss comes in bursts, and pairs that are sent one after the other are lost together: a thousand pairs then say as
//! much as a few dozen would. So counts come in windows, and the variance between windows, and between runs of 2, 4, 8
//! and more of them, is compared with the binomial one. The larger the ratio, the fewer the pairs that are counted:
//! Korn and Graubard, "Confidence Intervals for Proportions with Small Expected Number of Positive Counts Estimated
//! from Survey Data" (Survey Methodology, 1998). The ratio is itself taken at its upper 90 % bound, and the missed
//! pairs are counted in clumps of that size.
//!
//! # What it rests on
//! - Attempts at one pair are independent: they are so far apart that a burst does not last from one to the next.
//!   Seconds are enough for queues, and not for a link that is down. An engine has to spread every attempt over as
//!   much time as the one before, and leave a pause between them.
//! - Pairs lose alike. Where later attempts lose significantly more than the first, or canaries more than the pairs,
//!   the bound goes by whichever loses more, and says [`Bound::uneven`].
//! - Windows are in the order of sending, and a window is longer than most bursts: a slice will do.
//!
//! - What is lost on every attempt at the same place leaves no trace in the counts. Where bursts are a good part of an
//!   attempt (500 of 2,000 pairs), two attempts cover the truth in 9 of 10 sweeps instead of 19 of 20; three attempts,
//!   or canaries all along the way, mend that.
//! - With two attempts nobody can see that some pairs are harder to reach than others: the bound is then too low. Three
//!   attempts show it. A sweep whose bound matters makes three.
//!
//! Where little was answered, little is known, and the bound says so: it is 100 % when nothing is known.

mod assess;
mod count;
mod special;
mod tally;

pub use assess::{Assessment, Bound, Canaries, Interval, Source, assess};
pub use count::{LossCount, LossGroup, Stated, Unstated, attempts_wanted};
pub use special::{binomial_tail, lower_bound, upper_bound};
pub use tally::{LossError, Tally};

#[cfg(test)]
mod tests;
