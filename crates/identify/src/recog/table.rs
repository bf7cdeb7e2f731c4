//! The fingerprints of one file.

use super::engine::{Engine, Slots};
use super::fingerprint::{Fingerprint, Params};

/// What is read of a text, which is a part of a reply.
pub const TEXT_MAX_BYTES: usize = crate::REPLY_MAX_BYTES;

/// One file: fingerprints in their order, for texts of one kind.
#[derive(Debug)]
pub struct Table {
    pub(super) file: String,
    pub(super) key: String,
    pub(super) protocol: Option<String>,
    pub(super) database_type: Option<String>,
    pub(super) preference: f64,
    pub(super) fingerprints: Vec<Fingerprint>,
    /// For texts that are ASCII, or are no UTF-8.
    pub(super) bytes: Engine,
    /// For the others.
    pub(super) characters: Engine,
}

/// A fingerprint that matches, and what it says.
#[derive(Debug, Clone)]
pub struct Match<'a> {
    /// The file that it is in.
    pub table: &'a Table,
    /// The first one of the file that matches.
    pub fingerprint: &'a Fingerprint,
    /// What it says of the text.
    pub params: Params<'a>,
}

impl Table {
    /// The file, as the caller named it.
    #[must_use]
    pub fn file(&self) -> &str {
        &self.file
    }

    /// What its texts are: attribute `matches`, or else the name of the file without ".xml".
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The protocol that its texts are spoken in, in lower case. It becomes `service.protocol` of every match that does
    /// not say another.
    #[must_use]
    pub fn protocol(&self) -> Option<&str> {
        self.protocol.as_deref()
    }

    /// What it is mostly about: "service", "util.os".
    #[must_use]
    pub fn database_type(&self) -> Option<&str> {
        self.database_type.as_deref()
    }

    /// How much it is worth beside other files, 0 to 1; 0.1 where the file does not say.
    #[must_use]
    pub fn preference(&self) -> f64 {
        self.preference
    }

    /// The fingerprints, in the order in which they are tried.
    #[must_use]
    pub fn fingerprints(&self) -> &[Fingerprint] {
        &self.fingerprints
    }

    /// The first fingerprint of the file that matches a text, of which the first [`TEXT_MAX_BYTES`] are read.
    #[must_use]
    pub fn matches<'a>(&'a self, text: &'a [u8]) -> Option<Match<'a>> {
        let text = read_of(text);
        let mut slots = Slots::default();
        let index = self.engine(text).first(text, &mut slots)?;
        self.filled(index, text, &slots)
    }

    /// The same, found by trying one fingerprint after the other. This is what [`Self::matches`] means; it is slow, and
    /// here to be compared with.
    #[must_use]
    pub fn matches_in_turn<'a>(&'a self, text: &'a [u8]) -> Option<Match<'a>> {
        let text = read_of(text);
        let mut slots = Slots::default();
        let index = self.engine(text).first_in_turn(text, &mut slots)?;
        self.filled(index, text, &slots)
    }

    /// What one fingerprint says of a text, whether or not others come before it.
    pub(super) fn matches_one<'a>(&'a self, index: usize, text: &'a [u8]) -> Option<Match<'a>> {
        let text = read_of(text);
        let mut slots = Slots::default();
        self.engine(text).pattern(index)?.matches(text, &mut slots).then_some(())?;
        self.filled(index, text, &slots)
    }

    /// Ruby reads a text by characters where it is UTF-8, and else by bytes. For ASCII both are the same, and bytes are
    /// faster.
    fn engine(&self, text: &[u8]) -> &Engine {
        if text.is_ascii() || std::str::from_utf8(text).is_err() { &self.bytes } else { &self.characters }
    }

    fn filled<'a>(&'a self, index: usize, text: &'a [u8], slots: &Slots) -> Option<Match<'a>> {
        let fingerprint = self.fingerprints.get(index)?;
        let params = fingerprint.fill(self.protocol.as_deref(), text, slots);
        Some(Match { table: self, fingerprint, params })
    }
}

fn read_of(text: &[u8]) -> &[u8] {
    text.get(..TEXT_MAX_BYTES).unwrap_or(text)
}
