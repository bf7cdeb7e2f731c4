//! The declared state of a site, and its inventory records.

use std::net::IpAddr;

use ipnet::IpNet;
use jiff::{SignedDuration, Timestamp};

/// Transport of a port.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Transport {
    /// TCP
    Tcp,
    /// UDP
    Udp,
}

/// A run of ports of one transport.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PortRange {
    /// Transport.
    pub transport: Transport,
    /// First port.
    pub first: u16,
    /// Last port, inclusive.
    pub last: u16,
}

/// How addresses of a range come to their hosts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RangeKind {
    /// Fixed by an administrator.
    Static,
    /// Leased.
    Dhcp,
    /// Given to remote users.
    Vpn,
    /// Given by a cloud provider.
    Cloud,
    /// Given to containers.
    Container,
}

/// A range of a site.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Range {
    /// Addresses.
    pub block: IpNet,
    /// How they are given out.
    pub kind: RangeKind,
}

/// What a zone is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ZoneClass {
    /// Serves users.
    Production,
    /// Test systems.
    Test,
    /// Servers on their way out of the build.
    Build,
    /// Isolated.
    Quarantine,
}

/// Who can reach a zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exposure {
    /// Everybody.
    Internet,
    /// The enterprise.
    Intranet,
}

/// What a scanner may do in a zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScanPolicy {
    /// Everything.
    Full,
    /// A quarter of the rates, no payloads.
    Gentle,
    /// Nothing is sent.
    PassiveOnly,
    /// Nothing is sent and nothing is expected.
    None,
}

/// Services that a zone (or a role inside it) may run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Approval {
    /// Ports.
    pub ports: PortRange,
    /// Only for assets of this role; `None`: every host of the zone.
    pub role: Option<String>,
    /// Why.
    pub reason: String,
}

/// A part of a site.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Zone {
    /// Name, unique in its site.
    pub name: String,
    /// Addresses; the longest prefix over all zones decides.
    pub blocks: Vec<IpNet>,
    /// What it is for.
    pub class: ZoneClass,
    /// Who can reach it.
    pub exposure: Exposure,
    /// What a scanner may do.
    pub scan_policy: ScanPolicy,
    /// What may run there.
    pub approvals: Vec<Approval>,
}

/// What a schedule starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScheduleKind {
    /// A sweep of the whole scope.
    Sweep,
    /// A random audit.
    Audit,
}

/// Recurring work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    /// Name, unique in its site.
    pub name: String,
    /// What it starts.
    pub kind: ScheduleKind,
    /// Time between two firings; at least one second.
    pub every: SignedDuration,
    /// First firing; the others follow at multiples of `every`.
    pub anchor: Timestamp,
    /// Ports that are looked at.
    pub ports: Vec<PortRange>,
    /// Of an audit: hosts drawn each time.
    pub sample_size: u32,
    /// Fires nothing.
    pub paused: bool,
}

/// What a scanner may send, and how fast.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScanScope {
    /// Addresses that may be probed; empty: the site's ranges.
    pub include: Vec<IpNet>,
    /// Addresses that never are.
    pub exclude: Vec<IpNet>,
    /// Packets a second for the whole site.
    pub rate_site_pps: u32,
    /// Packets a second for one host.
    pub rate_host_pps: u32,
    /// Packets a second for one host of a build zone, whose servers serve nobody yet; 0: as for every host.
    pub rate_build_pps: u32,
    /// Ports that are never sent a payload.
    pub never_payload: Vec<PortRange>,
    /// Ed25519 signature of the canonical encoding; empty: loopback only.
    pub signature: Vec<u8>,
    /// Public key of the signer.
    pub signer: Vec<u8>,
}

/// When a host counts as seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AliveBy {
    /// Only an open port proves a host: for networks where something answers for every address.
    OpenPort,
    /// Any answer proves a host, a refusal too.
    AnyAnswer,
}

/// An attribute that an asset needs to be managed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Requirement {
    /// A named owner.
    Owner,
    /// A support group.
    SupportGroup,
    /// An approved base image.
    BaseImage,
}

/// The whole declared state of one site.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Site {
    /// Name: one subject token, `[a-z0-9-]{1,63}`, not "all".
    pub name: String,
    /// Revision; 0 before the first is applied.
    pub revision: u64,
    /// Routing domain.
    pub realm: String,
    /// IANA time zone.
    pub time_zone: String,
    /// Addresses; no two sites of a realm overlap.
    pub ranges: Vec<Range>,
    /// Parts.
    pub zones: Vec<Zone>,
    /// Recurring work.
    pub schedules: Vec<Schedule>,
    /// What may be sent.
    pub scope: ScanScope,
    /// When a host counts as seen.
    pub alive_by: AliveBy,
    /// An asset not seen for so long has an unknown `seen` verdict.
    pub seen_within: SignedDuration,
    /// It fails after so many sweeps that were not void.
    pub absent_after_sweeps: u32,
    /// What an asset needs to be managed.
    pub managed_requires: Vec<Requirement>,
    /// Sources of the inventory, the one that is believed first in front; those that are not named come after, in the
    /// order in which they were first imported.
    pub inventory_precedence: Vec<String>,
    /// The site was taken out of the estate.
    pub removed: bool,
}

/// How an asset is recognised.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum IdentifierKind {
    /// IP address.
    Address(IpAddr),
    /// MAC address, lower case with colons.
    Mac(String),
    /// Fully qualified domain name, lower case.
    Fqdn(String),
    /// Directory id.
    DirectoryId(String),
    /// Serial number.
    Serial(String),
    /// Cloud instance id.
    CloudId(String),
}

/// An identifier with the time it is valid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identifier {
    /// Kind and value.
    pub kind: IdentifierKind,
    /// Valid from; `None`: always was.
    pub valid_from: Option<Timestamp>,
    /// Valid until; `None`: still is.
    pub valid_until: Option<Timestamp>,
}

/// An inventory record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asset {
    /// The inventory's own key, unique in its site.
    pub key: String,
    /// Name.
    pub name: String,
    /// Named owner; empty: none.
    pub owner: String,
    /// Support group; empty: none.
    pub support_group: String,
    /// Role; empty: none.
    pub role: String,
    /// Zone it should stand in; empty: not said.
    pub zone: String,
    /// Base image; empty: none.
    pub base_image: String,
    /// Criticality; empty: not said.
    pub criticality: String,
    /// How it is recognised.
    pub identifiers: Vec<Identifier>,
    /// What each source says about it; empty where the CSV alone speaks in the whole inventory.
    pub claims: Vec<Claim>,
}

/// What one source says about an asset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// The source: "csv", "netbox".
    pub source: String,
    /// Place of the source in the order in which sources were first imported, from 1.
    pub rank: u32,
    /// When the source last saw the asset; `None`: it does not say.
    pub last_seen: Option<Timestamp>,
    /// Its record, under its own key and without claims.
    pub asset: Box<Asset>,
}
