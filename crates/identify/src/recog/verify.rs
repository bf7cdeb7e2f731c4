//! Every example of a database against what the database says of it.

use std::borrow::Cow;

use super::Database;
use super::fingerprint::{Content, Example};
use super::table::Table;

/// What came of verifying a database.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Verified {
    /// Examples of which the fingerprint that has them is the first that matches, with every attribute right.
    pub examples: usize,
    /// Attributes of examples that were equal.
    pub attributes: usize,
    /// The others.
    pub failures: Vec<Failure>,
}

/// An example that is not what its file says.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("verify {file}, line {line}, fingerprint {fingerprint:?}: {cause}")]
pub struct Failure {
    /// File of the fingerprint, as the caller named it.
    pub file: String,
    /// Line of the example, from 1.
    pub line: u32,
    /// Description of the fingerprint.
    pub fingerprint: String,
    /// What is wrong.
    pub cause: Cause,
}

/// Why an example fails.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Cause {
    /// The file that holds its text was not given.
    #[error("its text is in {0}, which is not there")]
    Missing(String),
    /// The fingerprint does not match it.
    #[error("the fingerprint does not match it")]
    NoMatch,
    /// Another fingerprint of the file comes first.
    #[error("line {line}, {fingerprint:?}, matches it first")]
    Shadowed {
        /// Line of the other.
        line: u32,
        /// Its description.
        fingerprint: String,
    },
    /// A parameter is not what the example says.
    #[error("{name} is {}, not {expected:?}", found.as_ref().map_or("absent".to_owned(), |text| format!("{text:?}")))]
    Attribute {
        /// Its name.
        name: String,
        /// What the example says.
        expected: String,
        /// What the fingerprint says; none: nothing.
        found: Option<String>,
    },
}

impl Database {
    /// Verifies every example. `read` gives the content of a file that holds the text of an example, by the name in
    /// [`Content::File`]; none: it is not there.
    pub fn verify(&self, mut read: impl FnMut(&str) -> Option<Vec<u8>>) -> Verified {
        let mut verified = Verified::default();
        for table in self.tables() {
            for (index, fingerprint) in table.fingerprints().iter().enumerate() {
                for example in fingerprint.examples() {
                    let text = match example.content() {
                        Content::Bytes(bytes) => Some(Cow::Borrowed(bytes.as_slice())),
                        Content::File(name) => read(name).map(Cow::Owned),
                    };
                    let causes = check(table, index, example, text.as_deref(), &mut verified.attributes);
                    verified.examples += usize::from(causes.is_empty());
                    verified.failures.extend(causes.into_iter().map(|cause| Failure {
                        file: table.file().to_owned(),
                        line: example.line(),
                        fingerprint: fingerprint.description().to_owned(),
                        cause,
                    }));
                }
            }
        }
        verified
    }
}

fn check(table: &Table, index: usize, example: &Example, text: Option<&[u8]>, equal: &mut usize) -> Vec<Cause> {
    let Some(text) = text else {
        return match example.content() {
            Content::File(name) => vec![Cause::Missing(name.clone())],
            Content::Bytes(_) => Vec::new(),
        };
    };
    let Some(own) = table.matches_one(index, text) else { return vec![Cause::NoMatch] };
    let mut causes = Vec::new();
    if let Some(first) = table.matches(text)
        && !std::ptr::eq(first.fingerprint, own.fingerprint)
    {
        let (line, fingerprint) = (first.fingerprint.line(), first.fingerprint.description().to_owned());
        causes.push(Cause::Shadowed { line, fingerprint });
    }
    for (name, expected) in example.attributes() {
        let found = own.params.get(name.as_str());
        if found.is_some_and(|found| found == expected) {
            *equal += 1;
        } else {
            let found = found.map(|text| text.clone().into_owned());
            causes.push(Cause::Attribute { name: name.clone(), expected: expected.clone(), found });
        }
    }
    causes
}
