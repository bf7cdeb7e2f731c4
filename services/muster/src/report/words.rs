//! Figures as sentences, for the page and for the terminal alike.

use super::data::{Coverage, Ledger};
use crate::operator::share;

impl Coverage {
    /// Open and closed: what said something.
    #[must_use]
    pub const fn answered(&self) -> u64 {
        self.open + self.closed
    }

    /// What is not known to be open or closed.
    #[must_use]
    pub const fn undecided(&self) -> u64 {
        self.silent + self.skipped + self.lost
    }

    /// What a sweep may have missed. Silence is not proof, and what was not looked at is not empty.
    #[must_use]
    pub fn in_words(&self) -> String {
        if self.planned == 0 {
            return "Nothing was planned, so nothing is known.".to_owned();
        }
        let mut text = format!(
            "{} of {} answered ({}): {} open, {} closed.",
            grouped(self.answered()),
            grouped(self.planned),
            share(self.answered(), self.planned),
            grouped(self.open),
            grouped(self.closed)
        );
        if self.silent > 0 {
            text += &format!(
                " {} stayed silent: an address that nobody holds is silent, and so is a host behind a filter or a lost \
                 answer.",
                grouped(self.silent)
            );
        }
        let unseen = self.skipped + self.lost;
        if unseen > 0 {
            text += &format!(" {} were not looked at ({} skipped, {} lost).", grouped(unseen), self.skipped, self.lost);
        }
        text += &match self.undecided() {
            0 => " Nothing may have been missed among what was planned.".to_owned(),
            undecided => format!(
                " So at most {} ({}) may hide an open service.",
                grouped(undecided),
                share_up(undecided, self.planned)
            ),
        };
        if self.void {
            text += &format!(" The sweep is void ({}): it proves nothing about what it did not see.", self.void_reason);
        }
        text
    }
}

impl Ledger {
    /// The equation of the orders, as `muster verify` prints it.
    #[must_use]
    pub fn orders(&self) -> String {
        let missing = if self.missing == 0 { String::new() } else { format!(" + {} MISSING", self.missing) };
        format!(
            "issued {} = finished {} + failed {} + dead {} + in flight {}{missing}",
            self.issued, self.finished, self.failed, self.dead, self.in_flight
        )
    }

    /// All lines.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let sign = |same: bool| if same { "=" } else { "≠" };
        vec![
            format!("{}: {}", if self.balanced { "balanced" } else { "NOT balanced" }, self.orders()),
            format!(
                "rows:  slices carry {} {} store holds {}",
                self.slice_rows,
                sign(self.slice_rows == self.stored_rows),
                self.stored_rows
            ),
            format!(
                "units: slices cover {} {} outcomes say {}",
                self.slice_units,
                sign(self.slice_units == self.outcome_units),
                self.outcome_units
            ),
            format!("dead letters: {}", self.dead_letters),
        ]
    }
}

/// 1234567 as 1,234,567.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A share in percent, rounded up: what may have been missed is never said too small.
fn share_up(part: u64, whole: u64) -> String {
    let permille = (u128::from(part) * 1000).div_ceil(u128::from(whole.max(1)));
    format!("{}.{}%", permille / 10, permille % 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_grouped() {
        assert_eq!([0, 999, 1000, 1_234_567].map(grouped), ["0", "999", "1,000", "1,234,567"]);
    }

    #[test]
    fn what_may_have_been_missed_is_never_rounded_away() {
        let coverage = Coverage { planned: 1_000_000, closed: 999_999, silent: 1, ..Coverage::default() };
        let text = coverage.in_words();
        assert!(text.contains("(99.9%)") && text.contains("at most 1 (0.1%)"), "{text}");
    }

    #[test]
    fn a_void_sweep_says_so() {
        let coverage =
            Coverage { planned: 10, lost: 10, void: true, void_reason: "no answers".to_owned(), ..Coverage::default() };
        assert!(coverage.in_words().contains("void (no answers)"));
    }
}
