//! SYN probes.

use std::net::IpAddr;

use super::base::{Base, Path};
use crate::cookie::SynFields;
use crate::packet::PacketError;
use crate::packet::bytes::put;
use crate::packet::ip::protocol;

/// TCP options of a probe. Some firewalls drop a SYN that has none at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SynOptions {
    /// The largest segment alone, 4 bytes: over IPv4 the frame stays within Ethernet's minimum of 60 bytes.
    Mss,
    /// Segment size, window scale and selective acknowledgements, 12 bytes: what a desktop system sends.
    MssScaleSack,
}

/// Window of a probe, in bytes: as large as it may be without scaling.
const WINDOW: u16 = 65_535;

/// A prepared SYN.
#[derive(Debug, Clone)]
pub struct SynTemplate {
    base: Base,
}

impl SynTemplate {
    /// For one path. The segment size is what Ethernet carries: 1,460 bytes over IPv4, 1,440 over IPv6.
    ///
    /// # Errors
    /// Never today: the packet is always short enough.
    pub fn new(path: &Path, options: SynOptions) -> Result<Self, PacketError> {
        let [mss_high, mss_low] = if path.source.is_ipv4() { 1_460_u16 } else { 1_440 }.to_be_bytes();
        let [window_high, window_low] = WINDOW.to_be_bytes();
        let list: &[u8] = match options {
            SynOptions::Mss => &[2, 4, mss_high, mss_low],
            SynOptions::MssScaleSack => &[2, 4, mss_high, mss_low, 1, 3, 3, 8, 1, 1, 4, 2],
        };
        let mut segment = vec![0; 20];
        put(&mut segment, 13, [2, window_high, window_low]);
        segment.extend_from_slice(list);
        // 24 or 32 bytes in all: six or eight words.
        let words = if list.len() == 4 { 6 } else { 8 };
        put(&mut segment, 12, [words << 4]);
        Ok(Self { base: Base::new(path, protocol::TCP, &segment)? })
    }

    /// Writes a probe to the beginning of `out` and returns its length in bytes.
    ///
    /// # Errors
    /// When the target is of another family than the path, or the buffer too small.
    #[inline]
    pub fn fill(&self, out: &mut [u8], target: IpAddr, port: u16, fields: SynFields) -> Result<usize, PacketError> {
        let draft = self.base.draft(out, target, fields.ident)?;
        if let Some(head) = draft.body.first_chunk_mut::<20>() {
            [head[0], head[1]] = fields.source_port.to_be_bytes();
            [head[2], head[3]] = port.to_be_bytes();
            [head[4], head[5], head[6], head[7]] = fields.sequence.to_be_bytes();
            let checksum = draft.sum.word(fields.source_port).word(port).double(fields.sequence).checksum();
            [head[16], head[17]] = checksum.to_be_bytes();
        }
        Ok(draft.len)
    }
}
