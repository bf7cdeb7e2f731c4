//! What changed between two answers.

use crate::evidence::HostKey;
use crate::key::Key;

/// A change of what is known, with its evidence.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Event {
    /// A host that was not known.
    Appeared {
        /// The host.
        host: HostKey,
        /// Its keys.
        keys: Vec<Key>,
    },
    /// The host has an earlier sighting than was known, and with it another id.
    Renamed {
        /// Its id before.
        from: HostKey,
        /// Its id now.
        to: HostKey,
    },
    /// Two hosts turned out to be one.
    Merged {
        /// The one that they are.
        into: HostKey,
        /// The one that is no more.
        from: HostKey,
        /// Keys that both had.
        because: Vec<Key>,
    },
    /// A host turned out to be several.
    Split {
        /// The one that they were.
        from: HostKey,
        /// One that is new.
        into: HostKey,
        /// Keys that join no longer.
        because: Vec<Key>,
    },
    /// A key is one that several hosts have.
    Ambiguous {
        /// The key.
        key: Key,
    },
}
