//! What holds where a file says nothing.

use jiff::SignedDuration;

use crate::model::{PortRange, Requirement, ScanScope, Transport};

/// Routing domain of a site that names none.
pub const REALM: &str = "default";
/// Time zone of a site that names none.
pub const TIME_ZONE: &str = "UTC";
/// Packets a second for a whole site: a /16 with ten ports in eleven minutes, and under one megabit a second.
pub const RATE_SITE_PPS: u32 = 1_000;
/// Packets a second for one host: what the slowest embedded devices bear.
pub const RATE_HOST_PPS: u32 = 40;
/// An asset not seen for so long has an unknown `seen` verdict: a weekly rhythm.
pub const SEEN_WITHIN: SignedDuration = SignedDuration::from_hours(7 * 24);
/// Sweeps, none of them void, that must miss an asset before it counts as absent.
pub const ABSENT_AFTER_SWEEPS: u32 = 3;
/// What an asset needs to be managed.
pub const MANAGED_REQUIRES: [Requirement; 2] = [Requirement::Owner, Requirement::SupportGroup];

const fn tcp(first: u16, last: u16) -> PortRange {
    PortRange { transport: Transport::Tcp, first, last }
}

const fn udp(first: u16, last: u16) -> PortRange {
    PortRange { transport: Transport::Udp, first, last }
}

/// Ports that are never sent a payload: what listens there acts on whatever arrives.
pub const NEVER_PAYLOAD: [PortRange; 12] = [
    // LPD, RFC 1179: a command byte starts a job.
    tcp(515, 515),
    // Raw printing (JetDirect, pdl-datastream in the IANA registry): every byte is put on paper. Nmap's
    // nmap-service-probes excludes the same ports ("Exclude T:9100-9107").
    tcp(9100, 9107),
    // Siemens S7 over ISO-TSAP, RFC 1006: some controllers stop on a malformed request.
    tcp(102, 102),
    // Modbus/TCP, IANA: function codes write coils without any credential.
    tcp(502, 502),
    // DNP3, IANA: outstations of electric utilities.
    tcp(20000, 20000),
    udp(20000, 20000),
    // EtherNet/IP, IANA: explicit messages on TCP, implicit I/O on UDP 2222.
    tcp(44818, 44818),
    udp(44818, 44818),
    udp(2222, 2222),
    // BACnet/IP, ASHRAE 135 annex J: building control.
    udp(47808, 47808),
    // IEC 60870-5-104, IANA: telecontrol of substations.
    tcp(2404, 2404),
    // Niagara Fox, IANA: building control.
    tcp(1911, 1911),
];

/// The scope of a site that says nothing about it: its ranges, at safe rates.
#[must_use]
pub fn scope() -> ScanScope {
    ScanScope {
        include: Vec::new(),
        exclude: Vec::new(),
        rate_site_pps: RATE_SITE_PPS,
        rate_host_pps: RATE_HOST_PPS,
        rate_build_pps: 0,
        never_payload: NEVER_PAYLOAD.to_vec(),
        signature: Vec::new(),
        signer: Vec::new(),
    }
}
