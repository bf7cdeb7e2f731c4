//! The slices under way: which units answered on which attempt, and what is to be sent again. No I/O; instants are
//! arguments.

use std::collections::VecDeque;
use std::time::Duration;

use muster_sweep::{Bitmap, SliceRange, Unit};

use crate::engine::{Fate, Method, SliceBuilder};

/// A SYN to be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Task {
    /// Index of the unit in the lease.
    pub(super) unit: u32,
    /// Counted from 0.
    pub(super) attempt: u8,
}

/// How many units answered first on each attempt.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Firsts([u64; 8]);

/// After so many answers loss is known well enough.
const ANSWERS_MIN: u64 = 20;
/// The share of the units that would answer and may stay unheard: a tenth of what a sweep promises.
const MISSED_MAX: f64 = 1e-5;

impl Firsts {
    fn heard(&mut self, attempt: u8) {
        if let Some(count) = self.0.get_mut(usize::from(attempt)) {
            *count += 1;
        }
    }

    /// SYNs to a unit: so many that all of them are lost for at most [`MISSED_MAX`] of those that would answer, each
    /// lost as often as the first two show. Loss that comes in bursts longer than the time between two attempts is not
    /// seen by it.
    pub(super) fn attempts(&self, min: u8, max: u8) -> u8 {
        let [first, second, ..] = self.0;
        if first + second < ANSWERS_MIN {
            return min;
        }
        // The second attempt finds what the first lost, but for what it loses itself; one more is assumed, so that a
        // clean beginning is no proof of a clean network.
        let loss = (second as f64 + 1.0) / (first + second) as f64;
        let needed = (MISSED_MAX.ln() / loss.min(0.9).ln()).ceil();
        (min..=max).find(|attempts| f64::from(*attempts) >= needed).unwrap_or(max)
    }
}

/// One slice.
#[derive(Debug)]
struct Track {
    builder: SliceBuilder,
    first_unit: u32,
    units: u32,
    decided: Bitmap,
    open: u32,
    /// The attempt that is being sent or waited for.
    attempt: u8,
    /// Of this attempt: SYNs that have not left.
    unsent: u32,
    /// Of this attempt: when the last one left, ns.
    sent_at_ns: u64,
    /// Of each attempt: when a unit's SYN left, ns; 0: not.
    left_ns: Vec<Vec<u64>>,
}

/// What became of a slice.
#[derive(Debug)]
pub(super) enum Turn {
    /// These have to be sent again.
    Again(Vec<Task>),
    /// It is over.
    Over(Box<SliceBuilder>),
}

/// All slices under way, in the order of their claim.
#[derive(Debug)]
pub(super) struct Tracks {
    tracks: VecDeque<Track>,
    units_per_slice: u32,
    firsts: Firsts,
}

impl Tracks {
    pub(super) fn new(units_per_slice: u32) -> Self {
        Self { tracks: VecDeque::new(), units_per_slice, firsts: Firsts::default() }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.tracks.is_empty()
    }

    pub(super) const fn firsts(&self) -> &Firsts {
        &self.firsts
    }

    /// Takes a slice up: each of its units has a SYN to be sent.
    pub(super) fn begin(&mut self, range: SliceRange) {
        self.tracks.push_back(Track {
            first_unit: range.first_unit,
            units: range.units,
            decided: Bitmap::new(range.units),
            open: range.units,
            attempt: 0,
            unsent: range.units,
            sent_at_ns: 0,
            left_ns: vec![vec![0; range.units as usize]],
            builder: SliceBuilder::new(range, Method::Syn),
        });
    }

    fn of(&mut self, unit: u32) -> Option<(&mut Track, u32)> {
        let index = unit / self.units_per_slice;
        // Slices end in about the order in which they began: the place is near the difference to the first.
        let first = self.tracks.front()?.builder.index();
        let guess = usize::try_from(index.saturating_sub(first)).unwrap_or(0).min(self.tracks.len() - 1);
        let at = (0..=guess)
            .rev()
            .chain(guess + 1..self.tracks.len())
            .find(|at| self.tracks.get(*at).is_some_and(|track| track.builder.index() == index))?;
        let track = self.tracks.get_mut(at)?;
        let bit = unit.checked_sub(track.first_unit).filter(|bit| *bit < track.units)?;
        Some((track, bit))
    }

    /// Whether a task is still of use: its unit may have been decided since.
    pub(super) fn wanted(&mut self, task: Task) -> bool {
        self.of(task.unit).is_some_and(|(track, bit)| !track.decided.get(bit))
    }

    /// A SYN left, or is not going to.
    pub(super) fn left(&mut self, task: Task, at_ns: Option<u64>) {
        let Some((track, bit)) = self.of(task.unit) else { return };
        track.unsent = track.unsent.saturating_sub(1);
        if let Some(at_ns) = at_ns {
            track.sent_at_ns = track.sent_at_ns.max(at_ns);
            let slot = track.left_ns.get_mut(usize::from(task.attempt)).and_then(|left| left.get_mut(bit as usize));
            if let Some(slot) = slot {
                *slot = at_ns;
            }
        }
    }

    /// A unit is decided without an answer.
    pub(super) fn decide(&mut self, unit: &Unit, fate: Fate) {
        let Some((track, bit)) = self.of(unit.index) else { return };
        if !track.decided.get(bit) {
            track.decided.set(bit);
            track.open -= 1;
            track.builder.decide(unit, fate);
        }
    }

    /// A unit answered. The first answer counts, every other one is a repetition.
    pub(super) fn heard(&mut self, unit: &Unit, open: bool, attempt: u8, at_ns: u64) {
        let Some((track, bit)) = self.of(unit.index) else { return };
        if track.decided.get(bit) {
            return;
        }
        let left_ns = track.left_ns.get(usize::from(attempt)).and_then(|left| left.get(bit as usize)).copied();
        // An attempt that was not made has no answer.
        let Some(left_ns) = left_ns.filter(|left_ns| *left_ns != 0) else { return };
        let rtt = Duration::from_nanos(at_ns.saturating_sub(left_ns));
        self.firsts.heard(attempt);
        self.decide(unit, if open { Fate::Open { rtt } } else { Fate::Closed });
    }

    /// Ends or repeats the slices whose time has come. `attempts` is how often a unit is asked, `unit` names one.
    pub(super) fn turn(
        &mut self,
        now_ns: u64,
        wait: Duration,
        attempts: u8,
        unit: impl Fn(u32) -> Option<Unit>,
    ) -> Vec<Turn> {
        let wait_ns = u64::try_from(wait.as_nanos()).unwrap_or(u64::MAX);
        let mut turns = Vec::new();
        let mut at = 0;
        while let Some(track) = self.tracks.get_mut(at) {
            let waited = track.unsent == 0 && now_ns >= track.sent_at_ns.saturating_add(wait_ns);
            if track.open > 0 && waited {
                let undecided: Vec<_> = (0..track.units).filter(|bit| !track.decided.get(*bit)).collect();
                if track.attempt + 1 < attempts {
                    track.attempt += 1;
                    track.unsent = track.open;
                    track.left_ns.push(vec![0; track.units as usize]);
                    let (first, attempt) = (track.first_unit, track.attempt);
                    turns.push(Turn::Again(undecided.iter().map(|bit| Task { unit: first + bit, attempt }).collect()));
                } else {
                    for bit in undecided {
                        track.decided.set(bit);
                        track.open -= 1;
                        if let Some(unit) = unit(track.first_unit + bit) {
                            track.builder.decide(&unit, Fate::Silent);
                        }
                    }
                }
            }
            if track.open == 0 {
                if let Some(track) = self.tracks.remove(at) {
                    turns.push(Turn::Over(Box::new(track.builder)));
                }
            } else {
                at += 1;
            }
        }
        turns
    }

    /// When the next slice's time comes, ns; none while all of them are being sent.
    pub(super) fn next_turn_ns(&self, wait: Duration) -> Option<u64> {
        let wait_ns = u64::try_from(wait.as_nanos()).unwrap_or(u64::MAX);
        let sent = self.tracks.iter().filter(|track| track.unsent == 0);
        sent.map(|track| track.sent_at_ns.saturating_add(wait_ns)).min()
    }
}

#[cfg(test)]
mod tests {
    use super::{Firsts, Task, Tracks, Turn};
    use muster_sweep::{SliceRange, Transport, Unit};
    use std::time::Duration;

    const WAIT: Duration = Duration::from_secs(1);

    fn unit(index: u32) -> Unit {
        let address = std::net::Ipv4Addr::from(0x0a00_0000 + index).into();
        Unit { index, address, transport: Transport::Tcp, port: 80 }
    }

    fn sent(tracks: &mut Tracks, tasks: impl IntoIterator<Item = Task>, at_ns: u64) {
        for task in tasks {
            tracks.left(task, Some(at_ns));
        }
    }

    #[test]
    fn who_does_not_answer_is_asked_again_and_then_silent() {
        let mut tracks = Tracks::new(10);
        tracks.begin(SliceRange { index: 0, first_unit: 0, units: 3 });
        assert!(tracks.turn(5_000_000_000, WAIT, 2, |index| Some(unit(index))).is_empty(), "nothing has left yet");
        sent(&mut tracks, (0..3).map(|unit| Task { unit, attempt: 0 }), 1_000);
        tracks.heard(&unit(0), true, 0, 4_000);
        tracks.heard(&unit(0), false, 0, 5_000);
        // It answers an attempt that was never made.
        tracks.heard(&unit(1), true, 1, 5_000);
        assert!(tracks.turn(1_000_000_999, WAIT, 2, |index| Some(unit(index))).is_empty(), "it is not time yet");
        let again = tracks.turn(1_000_001_000, WAIT, 2, |index| Some(unit(index)));
        let [Turn::Again(tasks)] = again.as_slice() else { panic!("{again:?}") };
        assert_eq!(tasks, &[Task { unit: 1, attempt: 1 }, Task { unit: 2, attempt: 1 }]);
        sent(&mut tracks, tasks.iter().copied(), 2_000_000_000);
        // Late, to the first attempt.
        tracks.heard(&unit(1), false, 0, 2_000_000_100);
        assert!(!tracks.wanted(Task { unit: 1, attempt: 1 }) && tracks.wanted(Task { unit: 2, attempt: 1 }));
        let over = tracks.turn(3_000_000_000, WAIT, 2, |index| Some(unit(index)));
        let [Turn::Over(_)] = over.as_slice() else { panic!("{over:?}") };
        let Some(Turn::Over(slice)) = over.into_iter().next() else { panic!("one slice") };
        let result = slice.finish();
        let counts = result.counts;
        assert_eq!((counts.open, counts.closed, counts.silent, counts.skipped), (1, 1, 1, 0));
        assert_eq!(result.open[0].rtt, Duration::from_nanos(3_000));
        assert!(tracks.is_empty());
    }

    #[test]
    fn a_slice_that_answered_whole_waits_for_nothing() {
        let mut tracks = Tracks::new(10);
        for index in 0..3 {
            tracks.begin(SliceRange { index, first_unit: index * 10, units: 10 });
        }
        sent(&mut tracks, (0..30).map(|unit| Task { unit, attempt: 0 }), 1);
        for index in 10..20 {
            tracks.heard(&unit(index), index % 2 == 0, 0, 2);
        }
        let over = tracks.turn(3, WAIT, 2, |index| Some(unit(index)));
        assert!(matches!(over.as_slice(), [Turn::Over(slice)] if slice.index() == 1), "{over:?}");
        assert_eq!(tracks.next_turn_ns(WAIT), Some(1_000_000_001));
        // The other two are still found at their places.
        assert!(tracks.wanted(Task { unit: 5, attempt: 0 }) && tracks.wanted(Task { unit: 25, attempt: 0 }));
        assert!(!tracks.wanted(Task { unit: 15, attempt: 0 }), "it is over");
    }

    #[test]
    fn how_often_follows_from_the_loss() {
        let of = |first, second| Firsts([first, second, 0, 0, 0, 0, 0, 0]).attempts(2, 6);
        assert_eq!(of(3, 2), 2, "too few to know");
        assert_eq!(of(1_000_000, 0), 2);
        assert_eq!(of(100_000, 100), 2);
        assert_eq!(of(96_000, 4_000), 4, "two in a hundred each way");
        assert_eq!(of(80, 20), 6);
        assert_eq!(of(0, 100), 6);
    }
}
