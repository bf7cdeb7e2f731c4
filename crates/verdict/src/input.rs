//! What a site's state is made from. Each input carries its own time or revision, so that the newer one wins in
//! whatever order they come.

use std::net::IpAddr;
use std::sync::Arc;

use ipnet::IpNet;
use jiff::Timestamp;
use muster_estate::model::{Asset, PortRange, Site, Transport};
use muster_ids::{EventId, FindingId, SweepId};

use crate::finding::Disposition;

/// One input to a site.
#[derive(Debug, Clone)]
pub enum Input<'a> {
    /// A revision of the declared state; the highest revision stands.
    Estate(Arc<Site>),
    /// Single assets changed.
    InventoryDelta(InventoryDelta<'a>),
    /// The whole inventory was replaced.
    InventoryImport(InventoryImport<'a>),
    /// Open services.
    Observations(Observations<'a>),
    /// Ports that answered that nothing listens.
    Closed(Closed<'a>),
    /// A sweep or an audit is over.
    SweepFinished(FinishedSweep),
    /// A person decided about a finding.
    Disposition(DispositionSet),
    /// Time passed. Time never goes back: an earlier instant changes nothing.
    Clock(Timestamp),
}

/// Single assets changed, at a revision of the site's inventory.
#[derive(Debug, Clone, Copy)]
pub struct InventoryDelta<'a> {
    /// Revision.
    pub revision: u64,
    /// Added or changed.
    pub upserts: &'a [Asset],
    /// Keys taken out.
    pub removals: &'a [String],
}

/// The whole inventory at a revision.
#[derive(Debug, Clone, Copy)]
pub struct InventoryImport<'a> {
    /// Revision.
    pub revision: u64,
    /// All assets.
    pub assets: &'a [Asset],
}

/// Open services of one slice.
#[derive(Debug, Clone, Copy)]
pub struct Observations<'a> {
    /// The sweep or audit.
    pub sweep: SweepId,
    /// What was open.
    pub seen: &'a [Seen<'a>],
}

/// A port that was open.
#[derive(Debug, Clone, Copy)]
pub struct Seen<'a> {
    /// Address.
    pub address: IpAddr,
    /// Transport.
    pub transport: Transport,
    /// Port.
    pub port: u16,
    /// When.
    pub at: Timestamp,
    /// What the service said it was ("Microsoft-IIS 6.0"); empty: nothing readable. Cut to 128 bytes.
    pub title: &'a str,
}

/// Ports of one slice that answered that nothing listens.
#[derive(Debug, Clone, Copy)]
pub struct Closed<'a> {
    /// The sweep or audit.
    pub sweep: SweepId,
    /// Not after the first of the answers: the slice's start will do.
    pub at: Timestamp,
    /// The ports.
    pub refused: &'a [Refused],
}

/// A port that answered that nothing listens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refused {
    /// Address.
    pub address: IpAddr,
    /// Transport.
    pub transport: Transport,
    /// Port.
    pub port: u16,
}

/// A sweep or an audit that is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FinishedSweep {
    /// The sweep or audit.
    pub sweep: SweepId,
    /// Its silence must not be read as "nothing there".
    pub void: bool,
    /// Addresses that it really looked at: the blocks of its finished leases. What is not here was not covered.
    pub covered: Vec<IpNet>,
    /// Ports that it looked at on them.
    pub ports: Vec<PortRange>,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended.
    pub finished_at: Timestamp,
}

/// A person decided about a finding; the newest by (time, event) stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DispositionSet {
    /// The finding.
    pub finding: FindingId,
    /// What was decided.
    pub disposition: Disposition,
    /// Why.
    pub reason: String,
    /// Until when an acceptance holds; without it an acceptance suppresses nothing.
    pub until: Option<Timestamp>,
    /// When it was decided.
    pub at: Timestamp,
    /// The event, to order two of the same instant.
    pub event: EventId,
}
