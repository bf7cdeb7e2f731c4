//! The nouns and their columns: what a table, a wide table and a CSV file show of each.

mod nouns;

pub(super) use nouns::{
    ASSET, BULLETIN, CHANGE, CHECK, DECIDED, DRAW, DRAWN, EVIDENCE, FINDING, FINDING_GROUP, GATE, GATE_LINE, HOST,
    IMPORTED, LEDGER, LETTER, LISTENER, MUTATION, OVERDUE, SERVICE, SIGHTING, SITE, SUMMARY, SWEEP, TABLE, VERDICT,
};

use super::datum::Datum;

/// A noun.
pub(super) struct Noun {
    /// In the plural, for talk.
    pub(super) plural: &'static str,
    /// In the order of the table.
    pub(super) columns: &'static [Column],
}

/// What a value means to the reader, as a colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tone {
    Plain,
    Good,
    Bad,
    Open,
}

/// A column.
pub(super) struct Column {
    /// As filters, CSV files and headers have it.
    pub(super) name: &'static str,
    from: From,
    /// Only in wide tables and CSV files.
    pub(super) wide: bool,
    /// Never broken over two lines: it is there to be copied.
    pub(super) whole: bool,
    pub(super) tone: fn(&str) -> Tone,
}

enum From {
    Path(&'static str),
    Made(fn(&Datum) -> String),
}

impl Column {
    /// The value of an item.
    pub(super) fn text(&self, item: &Datum) -> String {
        match self.from {
            From::Path(path) => item.at(path).cell(),
            From::Made(make) => make(item),
        }
    }

    const fn wide(self) -> Self {
        Self { wide: true, ..self }
    }

    const fn whole(self) -> Self {
        Self { whole: true, ..self }
    }

    const fn toned(self) -> Self {
        Self { tone, ..self }
    }
}

const fn col(name: &'static str, path: &'static str) -> Column {
    Column { name, from: From::Path(path), wide: false, whole: false, tone: |_| Tone::Plain }
}

const fn made(name: &'static str, make: fn(&Datum) -> String) -> Column {
    Column { name, from: From::Made(make), wide: false, whole: false, tone: |_| Tone::Plain }
}

/// Unknown is never pass, so it is not green.
fn tone(text: &str) -> Tone {
    match text {
        "pass" | "resolved" => Tone::Good,
        "fail" | "open" => Tone::Bad,
        "unknown" | "suppressed" => Tone::Open,
        _ => Tone::Plain,
    }
}
