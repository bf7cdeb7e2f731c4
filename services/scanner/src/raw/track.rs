//! The slices under way: which units answered on which attempt, and what is to be sent again. No I/O; instants are
//! arguments.

use std::collections::VecDeque;
use std::time::Duration;

use muster_sweep::{Bitmap, SliceRange, Unit};

use super::clock::{before, nanos};
use crate::engine::{Attempts, Fate, Method, SliceBuilder};

const ATTEMPTS: usize = muster_sweep::cookie::ATTEMPTS_MAX as usize;

/// A SYN to be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Task {
    /// Index of the unit in the lease.
    pub(super) unit: u32,
    /// Counted from 0.
    pub(super) attempt: u8,
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
    /// Attempts at a unit that does not answer, once that is settled.
    attempts: Option<u8>,
    /// By attempt.
    sent: Vec<u32>,
    first_answers: Vec<u32>,
    /// Whether these are among those that the loss is read from.
    read: bool,
}

impl Track {
    fn another_attempt(&mut self) {
        self.left_ns.push(vec![0; self.units as usize]);
        self.sent.push(0);
        self.first_answers.push(0);
    }

    /// What its attempts came to, and itself. Attempts that no unit needed were not lost on any.
    fn over(mut self, attempts: u8) -> Box<SliceBuilder> {
        if self.sent.first().is_some_and(|sent| *sent > 0) {
            let attempts = usize::from(self.attempts.unwrap_or(attempts)).max(self.sent.len());
            self.sent.resize(attempts, 0);
            self.first_answers.resize(attempts, 0);
            self.builder.counted(Attempts { sent: self.sent, first_answers: self.first_answers, dropped: 0 });
        } else {
            self.builder.counted(Attempts::default());
        }
        Box::new(self.builder)
    }
}

/// What became of a slice.
#[derive(Debug)]
pub(super) enum Turn {
    /// These have to be sent again.
    Again(Vec<Task>),
    /// It is over; its last SYN left at this instant, ns.
    Over(Box<SliceBuilder>, u64),
}

/// All slices under way, in the order of their claim.
#[derive(Debug)]
pub(super) struct Tracks {
    tracks: VecDeque<Track>,
    units_per_slice: u32,
    /// Of slices that had two attempts, or did not need the second: one that had the first alone would say that nothing
    /// answers the second.
    first_answers: [u64; ATTEMPTS],
}

impl Tracks {
    pub(super) fn new(units_per_slice: u32) -> Self {
        Self { tracks: VecDeque::new(), units_per_slice, first_answers: [0; ATTEMPTS] }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.tracks.is_empty()
    }

    /// Takes a slice up: each of its units has a SYN to be sent.
    pub(super) fn begin(&mut self, range: SliceRange) {
        let mut track = Track {
            first_unit: range.first_unit,
            units: range.units,
            decided: Bitmap::new(range.units),
            open: range.units,
            attempt: 0,
            unsent: range.units,
            sent_at_ns: 0,
            left_ns: Vec::new(),
            attempts: None,
            sent: Vec::new(),
            first_answers: Vec::new(),
            read: false,
            builder: SliceBuilder::new(range, Method::Syn),
        };
        track.another_attempt();
        self.tracks.push_back(track);
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
            let attempt = usize::from(task.attempt);
            if let Some(slot) = track.left_ns.get_mut(attempt).and_then(|left| left.get_mut(bit as usize)) {
                // 0 means that it has not left.
                *slot = at_ns.max(1);
            }
            if let Some(sent) = track.sent.get_mut(attempt) {
                *sent += 1;
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
        if let Some(count) = track.first_answers.get_mut(usize::from(attempt)) {
            *count += 1;
        }
        self.decide(unit, if open { Fate::Open { rtt } } else { Fate::Closed });
    }

    /// Ends or repeats the slices whose time has come. `attempts` is how often a unit of a slice is asked, as the first
    /// answers by attempt have it so far; after two attempts that is settled. `unit` names one.
    pub(super) fn turn(
        &mut self,
        now_ns: u64,
        wait: Duration,
        attempts: impl Fn(u32, &[u64]) -> u8,
        unit: impl Fn(u32) -> Option<Unit>,
    ) -> Vec<Turn> {
        let (mut turns, mut at) = (Vec::new(), 0);
        while let Some(track) = self.tracks.get_mut(at) {
            let waited = track.unsent == 0 && before(now_ns, wait) >= track.sent_at_ns;
            if track.open > 0 && waited {
                let undecided: Vec<_> = (0..track.units).filter(|bit| !track.decided.get(*bit)).collect();
                if track.attempt > 0 {
                    read(&mut self.first_answers, track);
                }
                let mut wanted = attempts(track.builder.index(), &self.first_answers);
                if track.attempt > 0 {
                    wanted = *track.attempts.get_or_insert(wanted);
                }
                if track.attempt + 1 < wanted {
                    track.attempt += 1;
                    track.unsent = track.open;
                    track.another_attempt();
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
                read(&mut self.first_answers, track);
                if let Some(track) = self.tracks.remove(at) {
                    let (index, sent_at_ns) = (track.builder.index(), track.sent_at_ns);
                    turns.push(Turn::Over(track.over(attempts(index, &self.first_answers)), sent_at_ns));
                }
            } else {
                at += 1;
            }
        }
        turns
    }

    /// When the next slice's time comes, ns; none while all of them are being sent.
    pub(super) fn next_turn_ns(&self, wait: Duration) -> Option<u64> {
        let sent = self.tracks.iter().filter(|track| track.unsent == 0);
        sent.map(|track| track.sent_at_ns.saturating_add(nanos(wait))).min()
    }
}

/// Adds what a slice shows of the loss, once.
fn read(first_answers: &mut [u64; ATTEMPTS], track: &mut Track) {
    if !std::mem::replace(&mut track.read, true) {
        first_answers.iter_mut().zip(&track.first_answers).for_each(|(sum, count)| *sum += u64::from(*count));
    }
}

#[cfg(test)]
mod tests {
    use super::{Task, Tracks, Turn};
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
        assert!(
            tracks.turn(5_000_000_000, WAIT, |_, _| 2, |index| Some(unit(index))).is_empty(),
            "nothing has left yet"
        );
        sent(&mut tracks, (0..3).map(|unit| Task { unit, attempt: 0 }), 1_000);
        tracks.heard(&unit(0), true, 0, 4_000);
        tracks.heard(&unit(0), false, 0, 5_000);
        // It answers an attempt that was never made.
        tracks.heard(&unit(1), true, 1, 5_000);
        assert!(tracks.turn(1_000_000_999, WAIT, |_, _| 2, |index| Some(unit(index))).is_empty(), "it is not time yet");
        let again = tracks.turn(1_000_001_000, WAIT, |_, _| 2, |index| Some(unit(index)));
        let [Turn::Again(tasks)] = again.as_slice() else { panic!("{again:?}") };
        assert_eq!(tasks, &[Task { unit: 1, attempt: 1 }, Task { unit: 2, attempt: 1 }]);
        sent(&mut tracks, tasks.iter().copied(), 2_000_000_000);
        // Late, to the first attempt.
        tracks.heard(&unit(1), false, 0, 2_000_000_100);
        assert!(!tracks.wanted(Task { unit: 1, attempt: 1 }) && tracks.wanted(Task { unit: 2, attempt: 1 }));
        let over = tracks.turn(3_000_000_000, WAIT, |_, _| 2, |index| Some(unit(index)));
        let [Turn::Over(..)] = over.as_slice() else { panic!("{over:?}") };
        let Some(Turn::Over(slice, _)) = over.into_iter().next() else { panic!("one slice") };
        let result = slice.finish();
        let counts = result.counts;
        assert_eq!((counts.open, counts.closed, counts.silent, counts.skipped), (1, 1, 1, 0));
        assert_eq!(result.open[0].rtt, Duration::from_nanos(3_000));
        let attempts = result.attempts.unwrap();
        assert_eq!((attempts.sent, attempts.first_answers), (vec![3, 2], vec![2, 0]));
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
        let over = tracks.turn(3, WAIT, |_, _| 2, |index| Some(unit(index)));
        assert!(matches!(over.as_slice(), [Turn::Over(slice, 1)] if slice.index() == 1), "{over:?}");
        assert_eq!(tracks.next_turn_ns(WAIT), Some(1_000_000_001));
        // The other two are still found at their places.
        assert!(tracks.wanted(Task { unit: 5, attempt: 0 }) && tracks.wanted(Task { unit: 25, attempt: 0 }));
        assert!(!tracks.wanted(Task { unit: 15, attempt: 0 }), "it is over");
    }

    #[test]
    fn attempts_that_nobody_needed_are_counted_as_made() {
        let mut tracks = Tracks::new(10);
        tracks.begin(SliceRange { index: 0, first_unit: 0, units: 2 });
        tracks.begin(SliceRange { index: 1, first_unit: 10, units: 1 });
        sent(&mut tracks, (0..2).map(|unit| Task { unit, attempt: 0 }), 1);
        (0..2).for_each(|index| tracks.heard(&unit(index), true, 0, 2));
        // Of the other one nothing left: what was skipped says nothing about the loss.
        tracks.left(Task { unit: 10, attempt: 0 }, None);
        tracks.decide(&unit(10), crate::engine::Fate::Skipped(crate::engine::SkipReason::NoRoute));
        let over = tracks.turn(3, WAIT, |_, _| 3, |index| Some(unit(index)));
        let counted: Vec<_> = over
            .into_iter()
            .filter_map(|turn| match turn {
                Turn::Over(slice, _) => slice.finish().attempts,
                Turn::Again(_) => None,
            })
            .map(|attempts| (attempts.sent, attempts.first_answers))
            .collect();
        assert_eq!(counted, [(vec![2, 0, 0], vec![2, 0, 0]), (vec![], vec![])]);
        assert_eq!(tracks.first_answers[..2], [2, 0]);
    }

    #[test]
    fn how_often_a_slice_is_asked_is_settled_after_two_attempts() {
        let mut tracks = Tracks::new(10);
        tracks.begin(SliceRange { index: 0, first_unit: 0, units: 1 });
        let mut at_ns = 1;
        for (attempt, wanted) in [(0, 2), (1, 3), (2, 8)] {
            sent(&mut tracks, [Task { unit: 0, attempt }], at_ns);
            at_ns += 1_000_000_000;
            let turns = tracks.turn(at_ns, WAIT, |_, _| wanted, |index| Some(unit(index)));
            assert_eq!(matches!(turns.as_slice(), [Turn::Over(..)]), attempt == 2, "{turns:?}");
        }
    }

    #[test]
    fn the_loss_is_read_from_slices_that_had_two_attempts() {
        let mut tracks = Tracks::new(10);
        tracks.begin(SliceRange { index: 0, first_unit: 0, units: 2 });
        sent(&mut tracks, (0..2).map(|unit| Task { unit, attempt: 0 }), 1);
        tracks.heard(&unit(0), true, 0, 2);
        let known = |tracks: &mut Tracks, at_ns| {
            let seen = std::cell::Cell::new([9; 2]);
            let attempts = |_, first: &[u64]| {
                seen.set([first[0], first[1]]);
                3
            };
            tracks.turn(at_ns, WAIT, attempts, |index| Some(unit(index)));
            seen.get()
        };
        assert_eq!(known(&mut tracks, 1_000_000_001), [0, 0], "the second attempt is not made");
        sent(&mut tracks, [Task { unit: 1, attempt: 1 }], 2_000_000_000);
        assert_eq!(known(&mut tracks, 3_000_000_000), [1, 0]);
    }
}
