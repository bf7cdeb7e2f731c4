//! Times of sightings, joined where they follow closely.

use jiff::{SignedDuration, Timestamp};

/// From the first to the last of some sightings, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span {
    /// First.
    pub first: Timestamp,
    /// Last.
    pub last: Timestamp,
}

impl Span {
    pub(crate) const fn at(at: Timestamp) -> Self {
        Self { first: at, last: at }
    }

    /// Whether both hold at some instant.
    pub(crate) fn overlaps(&self, other: &Self) -> bool {
        self.first <= other.last && other.first <= self.last
    }

    pub(crate) fn extend(&mut self, other: &Self) {
        self.first = self.first.min(other.first);
        self.last = self.last.max(other.last);
    }
}

/// Spans in order, further apart than the time that joins them: the same ones in whatever order instants came.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Spans(Vec<Span>);

impl Spans {
    pub(crate) fn add(&mut self, at: Timestamp, join: SignedDuration) {
        let mut new = Span::at(at);
        // Spans are further apart than that, so that at most one before and one behind are near.
        let from = self.0.partition_point(|span| span.last.duration_until(at) > join);
        let mut to = from;
        while let Some(span) = self.0.get(to).filter(|span| at.duration_until(span.first) <= join) {
            new.extend(span);
            to += 1;
        }
        self.0.splice(from..to, [new]);
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Span> {
        self.0.iter()
    }

    /// From the first to the last.
    pub(crate) fn hull(&self) -> Option<Span> {
        Some(Span { first: self.0.first()?.first, last: self.0.last()?.last })
    }

    pub(crate) fn overlaps(&self, other: &Self) -> bool {
        let (mut own, mut others) = (self.0.iter().peekable(), other.0.iter().peekable());
        while let (Some(a), Some(b)) = (own.peek(), others.peek()) {
            if a.overlaps(b) {
                return true;
            }
            if a.last < b.last {
                own.next()
            } else {
                others.next()
            };
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn spans_are_those_of_the_sorted_instants(mut seconds in proptest::collection::vec(0..200_i64, 0..30)) {
            let join = SignedDuration::from_secs(5);
            let at = |second: i64| Timestamp::from_second(second).unwrap();
            let mut spans = Spans::default();
            for second in &seconds {
                spans.add(at(*second), join);
            }
            seconds.sort_unstable();
            let mut wanted: Vec<Span> = Vec::new();
            for second in seconds {
                match wanted.last_mut() {
                    Some(span) if span.last.duration_until(at(second)) <= join => span.last = at(second),
                    _ => wanted.push(Span::at(at(second))),
                }
            }
            prop_assert_eq!(spans.0, wanted);
        }
    }
}
