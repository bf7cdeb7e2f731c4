//! What is wrong, and where: compiler style, one line a problem.

use std::fmt;
use std::sync::Arc;

use thiserror::Error;

use crate::limits::PROBLEMS_MAX;

/// A place in a file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Name of the file, as it was given.
    pub file: Arc<str>,
    /// Line, from 1.
    pub line: u64,
    /// Column in characters, from 1; 0: not known.
    pub column: u64,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)?;
        if self.column > 0 { write!(f, ":{}", self.column) } else { Ok(()) }
    }
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub struct Problem {
    /// Where; `None`: what is wrong did not come from a file, and the text names the site and the field.
    pub place: Option<Place>,
    /// What, and what to do about it.
    pub what: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Some(place) => write!(f, "{place}: {}", self.what),
            None => f.write_str(&self.what),
        }
    }
}

impl Problem {
    /// A problem at a place.
    #[must_use]
    pub fn at(place: Place, what: impl Into<String>) -> Self {
        Self { place: Some(place), what: what.into() }
    }

    /// A problem of something that came from no file.
    #[must_use]
    pub fn nowhere(what: impl Into<String>) -> Self {
        Self { place: None, what: what.into() }
    }
}

/// Everything that is wrong; never empty.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub struct Problems(Vec<Problem>);

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{problem}")?;
        }
        Ok(())
    }
}

impl Problems {
    /// The problems, in the order of the files.
    #[must_use]
    pub fn list(&self) -> &[Problem] {
        &self.0
    }
}

impl From<Problem> for Problems {
    fn from(problem: Problem) -> Self {
        Self(vec![problem])
    }
}

/// Collects problems, up to the bound.
#[derive(Debug, Default)]
pub(crate) struct Collector(Vec<Problem>);

impl Collector {
    pub(crate) fn add(&mut self, problem: Problem) {
        if self.0.len() < PROBLEMS_MAX {
            self.0.push(problem);
        }
    }

    /// Whether it takes no more, so that looking on is in vain.
    pub(crate) fn is_full(&self) -> bool {
        self.0.len() >= PROBLEMS_MAX
    }

    pub(crate) fn finish(mut self) -> Result<(), Problems> {
        if self.0.is_empty() {
            return Ok(());
        }
        self.0.sort_by(|a, b| a.place.cmp(&b.place));
        Err(Problems(self.0))
    }
}

/// `; did you mean "x"?` when one of the names is near, otherwise the whole list when it is short.
pub(crate) fn hint<'a>(given: &str, names: impl IntoIterator<Item = &'a str>) -> String {
    // Longer input is no typing mistake, and the distance is quadratic.
    const GIVEN_BYTES_MAX: usize = 64;
    // What still fits on a line.
    const LISTED_MAX: usize = 20;
    let names: Vec<&str> = names.into_iter().collect();
    if given.len() <= GIVEN_BYTES_MAX {
        let near = names
            .iter()
            .map(|name| {
                (
                    strsim::damerau_levenshtein(
                        &given.to_lowercase().replace(['-', ' '], "_"),
                        &name.replace('-', "_"),
                    ),
                    *name,
                )
            })
            .min_by_key(|(distance, _)| *distance);
        if let Some((distance, name)) = near
            && distance <= 1 + name.len() / 4
        {
            return format!("; did you mean {name:?}?");
        }
    }
    if names.is_empty() || names.len() > LISTED_MAX {
        String::new()
    } else {
        format!("; expected one of: {}", names.join(", "))
    }
}

/// A value as an error may show it: one line, shortened.
pub(crate) fn shown(text: &str) -> String {
    const SHOWN_CHARS: usize = 60;
    let mut short: String = text.chars().take(SHOWN_CHARS).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    format!("{short:?}")
}
