//! What a report says: plain data, the same for the page and for JSON.

use serde::{Deserialize, Serialize};

/// Everything.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportData {
    /// Heading.
    pub title: String,
    /// When it was made, RFC 3339.
    pub generated_at: String,
    /// Version of Muster.
    pub version: String,
    /// Site by site.
    pub sites: Vec<SiteFigures>,
    /// The worst, first ones first.
    pub findings: Vec<FindingItem>,
    /// How many are open in all.
    pub findings_open: u64,
    /// Assets that do not answer: unknown, not absent.
    pub silent: Vec<SilentAsset>,
    /// The last audit.
    pub audit: Option<Audit>,
    /// The books.
    pub ledger: Option<Ledger>,
    /// What happened, in order; empty where nothing was staged.
    pub story: Vec<StoryItem>,
    /// What to type next.
    pub next: Vec<NextStep>,
}

/// The figures of a site.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SiteFigures {
    /// Its name.
    pub site: String,
    /// What a reader has to know, for example when a host counts as seen.
    pub note: String,
    /// Hosts that were seen.
    pub hosts_seen: u64,
    /// Of them in the inventory.
    pub known: u64,
    /// Of them with all that the site asks for.
    pub managed: u64,
    /// Seen, and of no asset.
    pub rogue: u64,
    /// Open, and not approved there.
    pub unapproved_services: u64,
    /// In another zone than their record says.
    pub misplaced: u64,
    /// Inventoried, not seen: unknown, not absent.
    pub silent_assets: u64,
    /// Assets of the inventory.
    pub assets: u64,
    /// Findings that are open.
    pub findings_open: u64,
    /// The last sweep that is over.
    pub coverage: Option<Coverage>,
}

/// Of all units (address, port) planned, what became of them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Coverage {
    /// To look at.
    pub planned: u64,
    /// Something listens.
    pub open: u64,
    /// Answered that nothing listens.
    pub closed: u64,
    /// No answer.
    pub silent: u64,
    /// Not looked at: out of scope, halted, or a local error.
    pub skipped: u64,
    /// Not reached: the lease failed before.
    pub lost: u64,
    /// Must not be read as "nothing there".
    pub void: bool,
    /// Why.
    pub void_reason: String,
    /// When it was over, RFC 3339; empty: it runs.
    pub finished_at: String,
    /// What the network may have lost, in words; empty: it is not known yet.
    #[serde(default)]
    pub lost_on_the_way: String,
}

/// One finding.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FindingItem {
    /// 32 hexadecimal digits.
    pub finding_id: String,
    /// Site.
    pub site: String,
    /// Address.
    pub address: String,
    /// What was seen, where there is more to say.
    pub title: String,
    /// What it is about.
    pub subject: String,
    /// "fail" or "unknown".
    pub outcome: String,
    /// Why it does not pass.
    pub reason: String,
    /// "open", "suppressed" or "resolved".
    pub state: String,
    /// Owner of the host.
    pub owner: String,
    /// RFC 3339.
    pub first_seen: String,
    /// What it rests on.
    pub evidence: Vec<EvidenceItem>,
}

/// A fact.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EvidenceItem {
    /// Which.
    pub path: String,
    /// What it says.
    pub value: String,
    /// Where it comes from.
    pub source: String,
    /// When, RFC 3339.
    pub at: String,
}

/// An asset that does not answer.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SilentAsset {
    /// Site.
    pub site: String,
    /// Address; empty where the inventory names none.
    pub address: String,
    /// The inventory's key.
    pub key: String,
    /// Name.
    pub name: String,
    /// Owner.
    pub owner: String,
    /// When it was seen last, RFC 3339; empty: never.
    pub last_seen: String,
    /// What the verdict says, such as "never-seen".
    pub reason: String,
}

/// A draw, with what is needed to repeat it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Audit {
    /// 32 hexadecimal digits.
    pub draw_id: String,
    /// How it was drawn.
    pub method: String,
    /// Hexadecimal.
    pub seed: String,
    /// SHA-256 over the frame, hexadecimal.
    pub frame_root: String,
    /// Hosts that could have been drawn.
    pub frame_size: u64,
    /// The inventory they were taken from.
    pub inventory_revision: u64,
    /// Sites in the frame.
    pub sites: Vec<String>,
    /// Who was drawn, lowest ticket first.
    pub items: Vec<DrawnHost>,
}

/// A drawn host.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DrawnHost {
    /// "site/address".
    pub item: String,
    /// Hexadecimal.
    pub ticket: String,
}

/// The books: work done twice is counted once, and nothing is lost.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ledger {
    /// All of it holds.
    pub balanced: bool,
    /// Orders.
    pub issued: u64,
    /// Of them finished.
    pub finished: u64,
    /// Failed.
    pub failed: u64,
    /// Put aside.
    pub dead: u64,
    /// Under way.
    pub in_flight: u64,
    /// Nowhere: must be none.
    pub missing: u64,
    /// Rows that the slices say they carry.
    pub slice_rows: u64,
    /// Rows that stand in the store.
    pub stored_rows: u64,
    /// Units of the slices.
    pub slice_units: u64,
    /// Units of the outcomes.
    pub outcome_units: u64,
    /// Messages that could not be read.
    pub dead_letters: u64,
    /// Rows of each table, and the distinct ones.
    pub tables: Vec<TableCount>,
    /// What does not hold.
    pub problems: Vec<String>,
    /// When, RFC 3339.
    pub at: String,
}

/// Rows of a table.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableCount {
    /// Its name.
    pub table: String,
    /// Rows.
    pub rows: u64,
    /// Distinct rows: as many.
    pub distinct_rows: u64,
}

/// Something that happened.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoryItem {
    /// Seconds since the beginning, for example "12.4 s", or an instant.
    pub at: String,
    /// What.
    pub text: String,
}

/// A command to type.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NextStep {
    /// What for.
    pub text: String,
    /// The command or address.
    pub command: String,
}
