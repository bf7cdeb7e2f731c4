//! The rules: the state of a site → verdicts, findings and their life.
//!
//! [`SiteState`] takes inputs and answers with the differences to what was published last. It opens no socket and reads
//! no clock: time is an input.
//!
//! # What does not depend on the order of inputs
//!
//! Every input carries a time, a revision or an id, and the newer one wins (by time, then by id). So after the same
//! inputs in any order, these are the same:
//! - the hosts with their zone, asset, name and owner;
//! - for each host and subject: outcome, reason, path and value of the evidence, `valid_until`;
//! - which findings of these are open and which are suppressed, with their owner and disposition, where the verdict fails
//!   (or, for `seen`, is unknown).
//!
//! History is a function of the order: `as_of`, the revisions a verdict was judged under, source and time of its
//! evidence, `first_seen`, `last_seen`, `resolved_at` and `reopened` of a finding; and the verdicts that only take an
//! earlier one back (a passing or not applicable `approved-service`, a not applicable `seen` of something never seen):
//! who never saw the failure is not told that it is over. So is a finding whose verdict turned from fail to unknown: it
//! stays open, since unknown is no proof.
//!
//! Three things are asked of the order, and the bus gives them: the refusal of a port counts against a service that is
//! known when the refusal arrives (to keep every refusal of an address that never had a service would keep a whole
//! network); under `alive_by = open-port` a refusal of an unknown address is dropped, so a later change to `any-answer`
//! takes effect with the next sweep; and the newest four refusals of a port wait for their sweep's end.
//!
//! # What is published
//!
//! Per host `known`, `managed`, `zone` and `seen`, whatever they say; `approved-service` only when it fails or is unknown,
//! and once more when that is over, and when a port that was open is refused. A service that never failed is implied by its observation and the approval.

mod evaluate;
mod finding;
mod host;
mod hosts;
mod input;
mod inventory;
mod life;
mod outcome;
mod restore;
mod rules;
mod state;
mod sweeps;
mod text;
mod time;
mod titles;
mod verdict;
mod zones;

pub use finding::{Disposition, Finding, FindingState};
pub use input::{
    Closed, DispositionSet, FinishedSweep, Input, InventoryDelta, InventoryImport, Observations, Refused, Seen,
};
pub use outcome::{Outcome, Reason, Subject, WordError};
pub use restore::{Published, RestoredHost, RestoredService, Snapshot};
pub use state::SiteState;
pub use text::Text;
pub use verdict::{Changes, Evidence, HostChange, HostChangeKind, Source, Verdict, VerdictChange};
