//! Figures as sentences, for the page and for the terminal alike.

use muster_proto::v1;

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
        if !self.lost_on_the_way.is_empty() {
            text += &format!(" {}", self.lost_on_the_way);
        }
        if self.void {
            text += &format!(" The sweep is void ({}): it proves nothing about what it did not see.", self.void_reason);
        }
        text
    }
}

/// What the network may have lost of the answers, as a sentence.
pub(super) fn missed_in_words(missed: &v1::Missed) -> String {
    if !missed.unstated.is_empty() {
        return format!("How many answers were lost on the way is not known: {}.", missed.unstated);
    }
    format!(
        "Of the pairs that would have answered this vantage, at most {} were missed ({} of them), with 95 % confidence.",
        percent_up(missed.share_max),
        grouped(missed.pairs_max)
    )
}

/// A share of 1 in percent with two digits that count, never less than it is.
pub(crate) fn percent_up(share: f64) -> String {
    let percent = share * 100.0;
    let decimals: usize = match percent {
        percent if percent >= 10.0 => 0,
        percent if percent >= 1.0 => 1,
        percent if percent >= 0.1 => 2,
        percent if percent >= 0.01 => 3,
        _ => 4,
    };
    let unit = 10_f64.powi(i32::try_from(decimals).unwrap_or(4));
    format!("{:.decimals$} %", (percent * unit).ceil() / unit)
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
    fn what_the_network_lost_is_stated_or_said_not_to_be_known() {
        let missed = v1::Missed { share_max: 0.000_412_3, pairs_max: 1_234, ..v1::Missed::default() };
        let text = missed_in_words(&missed);
        assert!(text.contains("at most 0.042 % were missed (1,234 of them), with 95 % confidence"), "{text}");
        let reason = "every pair was asked once, which says nothing about what was lost";
        let unstated = v1::Missed { unstated: reason.to_owned(), ..v1::Missed::default() };
        assert!(missed_in_words(&unstated).contains(reason));
        let shares = [0.5, 0.012_34, 0.001, 0.000_000_01, 0.0].map(percent_up);
        assert_eq!(shares, ["50 %", "1.3 %", "0.10 %", "0.0001 %", "0.0000 %"]);
    }

    #[test]
    fn a_void_sweep_says_so() {
        let coverage =
            Coverage { planned: 10, lost: 10, void: true, void_reason: "no answers".to_owned(), ..Coverage::default() };
        assert!(coverage.in_words().contains("void (no answers)"));
    }
}
