//! Lines: figures on standard output, talk on standard error.

use std::io::Write as _;

/// A value with its name and unit.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Value<'a> {
    pub(crate) name: &'a str,
    pub(crate) value: f64,
    pub(crate) unit: &'a str,
}

/// Prints a figure beside its reference.
pub(crate) fn figure(ours: Value<'_>, reference: Value<'_>) {
    // A limit of nothing that is kept is kept exactly.
    let kept = ours.value == 0.0 && reference.value == 0.0;
    let ratio = if kept { 1.0 } else { ours.value / reference.value };
    say(&format!("bench {}; {}; ratio {ratio:.2}", text(ours), text(reference)));
}

/// Prints a calibration of the run.
pub(crate) fn calibration(value: Value<'_>) {
    say(&format!("calibration {}", text(value)));
}

fn text(Value { name, value, unit }: Value<'_>) -> String {
    // Three digits that count, and whole numbers where there are more.
    let decimals = if value.abs() >= 100.0 { 0 } else { 2 };
    format!("{name} {value:.decimals$} {unit}")
}

fn say(line: &str) {
    let _closed = writeln!(std::io::stdout(), "{line}");
}

/// Talks to a person.
pub(crate) fn talk(line: &str) {
    let _closed = writeln!(std::io::stderr(), "{line}");
}

/// The middle of some values.
pub(crate) fn median(values: &[f64]) -> f64 {
    percentile(values, 50)
}

/// The value below which so many of a hundred lie (nearest rank); 0 of none.
pub(crate) fn percentile(values: &[f64], percent: usize) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let rank = (sorted.len() * percent).div_ceil(100).saturating_sub(1);
    sorted.get(rank).copied().unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::{median, percentile};

    #[test]
    fn ranks_are_nearest() {
        let hundred: Vec<f64> = (1..=100).map(f64::from).rev().collect();
        assert!((median(&hundred) - 50.0).abs() < f64::EPSILON);
        assert!((percentile(&hundred, 99) - 99.0).abs() < f64::EPSILON);
        assert!((percentile(&[7.0], 99) - 7.0).abs() < f64::EPSILON);
        assert!(percentile(&[], 50).abs() < f64::EPSILON);
    }
}
