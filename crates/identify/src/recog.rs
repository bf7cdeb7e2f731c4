//! Recog's fingerprints: XML files of regular expressions, and what each says of a text that it matches.
//!
//! The format and its meaning are those of the Recog project (<https://github.com/rapid7/recog>, BSD-2-Clause); the
//! fingerprints themselves are not part of this crate. The caller reads the files and gives them here. A file that is
//! not what it should be is refused with its line, and everything in it has a bound: size, depth, counts, memory of
//! the patterns. Searching is linear in the text, whatever the pattern.
//!
//! A text is matched with the fingerprints of its kind ("ssh.banner"), in the order of the file, and the first that
//! matches is the answer. What it says are its parameters: constants, which may refer to other parameters, and what the
//! groups of the pattern captured.
//!
//! # Examples
//!
//! ```
//! let file = br#"<fingerprints matches="ssh.banner" protocol="ssh">
//!   <fingerprint pattern="^ExampleSSH_([\d.]+)$">
//!     <description>Example SSH</description>
//!     <example service.version="1.2">ExampleSSH_1.2</example>
//!     <param pos="0" name="service.product" value="ExampleSSH"/>
//!     <param pos="1" name="service.version"/>
//!   </fingerprint>
//! </fingerprints>"#;
//! let database = muster_identify::recog::Database::load([("ssh_banners.xml", file)])?;
//! let found = database.matches("ssh.banner", b"ExampleSSH_2.0").expect("it matches");
//! assert_eq!(found.fingerprint.description(), "Example SSH");
//! assert_eq!(found.params["service.version"], "2.0");
//! assert_eq!(found.params["service.protocol"], "ssh");
//! # Ok::<(), muster_identify::recog::Error>(())
//! ```

mod engine;
mod error;
mod fingerprint;
mod load;
mod needles;
mod pattern;
mod table;
mod values;
mod verify;
mod xml;

pub use error::{Error, Problem};
pub use fingerprint::{Content, Example, Fingerprint, Params};
pub use table::{Match, TEXT_MAX_BYTES, Table};
pub use verify::{Cause, Failure, Verified};

/// Files of a database: Recog has 50.
const FILES_MAX: usize = 512;

/// Memory of all patterns if every one of them is in use, without what searches keep. Recog's take 109 MB.
const MEMORY_MAX_BYTES: usize = 512 << 20;

/// All files of fingerprints.
#[derive(Debug, Default)]
pub struct Database {
    tables: Vec<Table>,
}

impl Database {
    /// Reads fingerprint files, each with its name ("ssh_banners.xml") and its content.
    ///
    /// # Errors
    /// The first file that is refused, with the line and the fingerprint. Nothing of the others is kept: a database is
    /// whole, or it is not there.
    pub fn load<N: AsRef<str>, B: AsRef<[u8]>>(files: impl IntoIterator<Item = (N, B)>) -> Result<Self, Error> {
        let mut budget_bytes = MEMORY_MAX_BYTES;
        let mut tables = Vec::new();
        for (name, bytes) in files {
            if tables.len() == FILES_MAX {
                return Err(Error {
                    file: name.as_ref().to_owned(),
                    line: 1,
                    fingerprint: None,
                    problem: Problem::Limit { what: "files", found: FILES_MAX + 1, limit: FILES_MAX },
                });
            }
            tables.push(load::file(name.as_ref(), bytes.as_ref(), &mut budget_bytes)?);
        }
        // Where two files are about the same texts, the one that is worth more is asked first. The sort is stable.
        tables.sort_by(|one, other| other.preference().total_cmp(&one.preference()));
        Ok(Self { tables })
    }

    /// The files, those that are worth most first, and among equals in the order in which they were given.
    #[must_use]
    pub fn tables(&self) -> &[Table] {
        &self.tables
    }

    /// The files about one kind of text, for example "ssh.banner": see [`Table::key`].
    pub fn tables_of<'a>(&'a self, key: &'a str) -> impl Iterator<Item = &'a Table> {
        self.tables.iter().filter(move |table| table.key() == key)
    }

    /// The first fingerprint for a kind of text that matches a text.
    #[must_use]
    pub fn matches<'a>(&'a self, key: &str, text: &'a [u8]) -> Option<Match<'a>> {
        self.tables.iter().filter(|table| table.key() == key).find_map(|table| table.matches(text))
    }
}
