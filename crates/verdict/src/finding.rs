//! The life of a verdict that does not pass.

use jiff::Timestamp;
use muster_ids::FindingId;

use crate::outcome::words;
use crate::text::Text;

words! {
    /// Where a finding stands in its life.
    FindingState, "finding state" {
        /// Needs somebody.
        Open = "open",
        /// Accepted until a time, or decommissioned and waiting for proof.
        Suppressed = "suppressed",
        /// Gone, on positive evidence.
        Resolved = "resolved",
    }
}

words! {
    /// What a person decided about a finding.
    Disposition, "disposition" {
        /// Nothing; takes back the last one.
        None = "none",
        /// The host enters the inventory; the record itself resolves the finding.
        Adopted = "adopted",
        /// The risk is accepted until the given time.
        Accepted = "accepted",
        /// Taken out of service; the finding waits for sweeps that do not see it.
        Decommissioned = "decommissioned",
    }
}

/// The life of a verdict that does not pass, under the key hash(host, subject).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Stable key.
    pub id: FindingId,
    /// Where it stands.
    pub state: FindingState,
    /// First time it was positively seen.
    pub first_seen: Timestamp,
    /// Last time it was positively seen; moves when a sweep that saw it again is over.
    pub last_seen: Timestamp,
    /// When the proof came; set while it is resolved.
    pub resolved_at: Option<Timestamp>,
    /// The asset's owner; empty: nobody is known.
    pub owner: Text,
    /// When it has to be done; no rule of a site sets it yet.
    pub due_at: Option<Timestamp>,
    /// What a person decided.
    pub disposition: Disposition,
    /// Why.
    pub disposition_reason: Text,
    /// Until when an acceptance holds.
    pub disposition_until: Option<Timestamp>,
    /// How often it was opened again after it was resolved.
    pub reopened: u32,
}
