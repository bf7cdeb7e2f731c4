//! Why a document cannot be read at all.

use thiserror::Error;

/// Why a document cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Problem {
    /// Too many bytes.
    #[error("{bytes} bytes, at most {max}")]
    TooLarge {
        /// How many.
        bytes: usize,
        /// How many are read.
        max: usize,
    },
    /// Not of its format, or cut off.
    #[error("line {line}, column {column}: {what}")]
    Malformed {
        /// Line, from 1.
        line: usize,
        /// Column, from 1; 0: not known.
        column: usize,
        /// What is wrong.
        what: String,
    },
    /// Too many rows.
    #[error("{place}: more than {max} rows; export it in parts, or by site")]
    TooManyRows {
        /// Where it was too much.
        place: String,
        /// How many are read.
        max: usize,
    },
    /// Something else.
    #[error("{what}")]
    Another {
        /// What is missing, and what to do.
        what: String,
    },
}

impl Problem {
    pub(crate) fn at(line: usize, what: impl Into<String>) -> Self {
        Self::Malformed { line, column: 0, what: what.into() }
    }
}

/// A text as a report may show it: one line, shortened, without control characters.
pub(crate) fn shown(text: &str) -> String {
    const SHOWN_CHARS: usize = 60;
    let mut short: String = text.chars().take(SHOWN_CHARS).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    format!("{short:?}")
}
