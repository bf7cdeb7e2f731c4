//! A line of addresses cut into runs that share an answer.

use ipnet::IpNet;

use super::blocks::span;

/// Values from a start up to the next start.
#[derive(Debug, Clone)]
pub(super) struct Segments<K, V> {
    // Apart, so that the search touches keys alone.
    starts: Vec<K>,
    values: Vec<V>,
}

impl<K: Ord + Copy, V> Segments<K, V> {
    /// The value at a key; `None` before the first start.
    #[inline]
    pub(super) fn at(&self, key: K) -> Option<&V> {
        let after = self.starts.partition_point(|start| *start <= key);
        self.values.get(after.checked_sub(1)?)
    }

    /// Where runs start.
    pub(super) fn starts(&self) -> impl Iterator<Item = K> + '_ {
        self.starts.iter().copied()
    }
}

/// From (start, value) in ascending order of starts.
impl<K, V> FromIterator<(K, V)> for Segments<K, V> {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(items: I) -> Self {
        let (starts, values) = items.into_iter().unzip();
        Self { starts, values }
    }
}

/// Longest prefix wins; of two equal blocks the first.
pub(super) fn flatten<V: Copy>(blocks: impl Iterator<Item = (IpNet, V)>) -> Segments<u128, Option<V>> {
    let mut spans: Vec<((u128, u128), V)> = blocks.map(|(block, value)| (span(block), value)).collect();
    // Outer before inner; stable, so equal ones stay in order. Blocks nest or are apart, they never cross.
    spans.sort_by_key(|((start, end), _)| (*start, std::cmp::Reverse(*end)));
    spans.dedup_by_key(|(span, _)| *span);
    let mut runs: Vec<(u128, Option<V>)> = Vec::new();
    let mut around: Vec<(u128, V)> = Vec::new();
    let start_at = |runs: &mut Vec<(u128, Option<V>)>, start: u128, value: Option<V>| {
        // A run that is empty because the next starts where it did.
        if runs.last().is_some_and(|(last, _)| *last == start) {
            runs.pop();
        }
        runs.push((start, value));
    };
    for ((start, end), value) in spans {
        close(&mut around, &mut runs, start, &start_at);
        start_at(&mut runs, start, Some(value));
        around.push((end, value));
    }
    close(&mut around, &mut runs, u128::MAX, &start_at);
    // The first run is "before everything".
    if runs.first().is_none_or(|(start, _)| *start > 0) {
        runs.insert(0, (0, None));
    }
    runs.into_iter().collect()
}

/// Ends the blocks that end before a start; what was around them goes on.
fn close<V: Copy>(
    around: &mut Vec<(u128, V)>,
    runs: &mut Vec<(u128, Option<V>)>,
    start: u128,
    start_at: &impl Fn(&mut Vec<(u128, Option<V>)>, u128, Option<V>),
) {
    while let Some((end, _)) = around.last().copied()
        && end < start
    {
        around.pop();
        if let Some(next) = end.checked_add(1) {
            start_at(runs, next, around.last().map(|(_, value)| *value));
        }
    }
}
