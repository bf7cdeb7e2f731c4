//! What each resource may be filtered by. The store knows the column of every field named here; a test holds them
//! together.

use super::{Field, Kind};

const fn field(name: &'static str, kind: Kind) -> Field {
    Field { name, kind }
}

const OUTCOME: Kind = Kind::Word(&[("pass", 1), ("fail", 2), ("not-applicable", 3), ("unknown", 4)]);
const STATE: Kind = Kind::Word(&[("open", 1), ("resolved", 2), ("suppressed", 3)]);
const DISPOSITION: Kind = Kind::Word(&[("adopted", 1), ("accepted", 2), ("decommissioned", 3), ("none", 4)]);

/// Assets of the inventory.
pub const ASSETS: &[Field] = &[
    field("site", Kind::Text),
    field("key", Kind::Text),
    field("name", Kind::Text),
    field("owner", Kind::Text),
    field("support_group", Kind::Text),
    field("role", Kind::Text),
    field("zone", Kind::Text),
    field("base_image", Kind::Text),
    field("criticality", Kind::Text),
];

/// Hosts.
pub const HOSTS: &[Field] = &[
    field("host_id", Kind::Id),
    field("site", Kind::Text),
    field("realm", Kind::Text),
    field("address", Kind::Address),
    field("zone", Kind::Text),
    field("asset_key", Kind::Text),
    field("name", Kind::Text),
    field("owner", Kind::Text),
    field("first_seen", Kind::Time),
    field("last_seen", Kind::Time),
    field("open_ports", Kind::Number),
    field("open_findings", Kind::Number),
];

/// Verdicts.
pub const VERDICTS: &[Field] = &[
    field("host_id", Kind::Id),
    field("site", Kind::Text),
    field("realm", Kind::Text),
    field("address", Kind::Address),
    field("subject", Kind::Text),
    field("outcome", OUTCOME),
    field("reason", Kind::Text),
    field("rule", Kind::Text),
    field("valid_until", Kind::Time),
];

/// Findings.
pub const FINDINGS: &[Field] = &[
    field("finding_id", Kind::Id),
    field("host_id", Kind::Id),
    field("site", Kind::Text),
    field("realm", Kind::Text),
    field("address", Kind::Address),
    field("subject", Kind::Text),
    field("outcome", OUTCOME),
    field("reason", Kind::Text),
    field("state", STATE),
    field("owner", Kind::Text),
    field("disposition", DISPOSITION),
    field("first_seen", Kind::Time),
    field("last_seen", Kind::Time),
    field("due_at", Kind::Time),
    field("title", Kind::Text),
];

/// Sweeps.
pub const SWEEPS: &[Field] = &[
    field("sweep_id", Kind::Id),
    field("site", Kind::Text),
    field("schedule", Kind::Text),
    field("void", Kind::Bool),
    field("due_at", Kind::Time),
    field("started_at", Kind::Time),
    field("finished_at", Kind::Time),
];

/// Audits: sweeps with a draw.
pub const AUDITS: &[Field] = &[
    field("sweep_id", Kind::Id),
    field("draw_id", Kind::Id),
    field("site", Kind::Text),
    field("schedule", Kind::Text),
    field("void", Kind::Bool),
    field("due_at", Kind::Time),
    field("started_at", Kind::Time),
    field("finished_at", Kind::Time),
];

/// Bulletins.
pub const BULLETINS: &[Field] = &[
    field("feed", Kind::Text),
    field("bulletin_id", Kind::Text),
    field("vendor", Kind::Text),
    field("product", Kind::Text),
    field("title", Kind::Text),
    field("exploited", Kind::Bool),
    field("ransomware", Kind::Bool),
    field("withdrawn", Kind::Bool),
    field("published_at", Kind::Time),
    field("due_at", Kind::Time),
];
