//! UDP probes.

use std::net::IpAddr;

use super::base::{Base, Path};
use crate::cookie::UdpFields;
use crate::packet::PacketError;
use crate::packet::bytes::put;
use crate::packet::checksum::Sum;
use crate::packet::ip::protocol;
use crate::payloads::TokenPlace;

/// Bytes of a payload. What fits beside all headers into the 576 bytes that every IPv4 host takes (RFC 1122, section
/// 3.3.2) is never fragmented.
pub const UDP_PAYLOAD_MAX: usize = 512;

/// A prepared datagram.
#[derive(Debug, Clone)]
pub struct UdpTemplate {
    base: Base,
    token: Option<TokenPlace>,
}

impl UdpTemplate {
    /// For one path and payload; `token` is where in the payload the cookie's token goes.
    ///
    /// # Errors
    /// When the payload is longer than [`UDP_PAYLOAD_MAX`], or the token does not lie within it.
    pub fn new(path: &Path, payload: &[u8], token: Option<TokenPlace>) -> Result<Self, PacketError> {
        let outside = token.is_some_and(|place| place.end() > payload.len());
        if payload.len() > UDP_PAYLOAD_MAX || outside {
            return Err(PacketError::Payload { len: payload.len() });
        }
        let len = u16::try_from(payload.len() + 8).map_err(|_| PacketError::Payload { len: payload.len() })?;
        let mut datagram = vec![0; 8];
        put(&mut datagram, 4, len.to_be_bytes());
        datagram.extend_from_slice(payload);
        if let Some(place) = token {
            // Zeros where it will stand, so that its sum can be added.
            let at = 8 + place.at();
            datagram.iter_mut().skip(at).take(place.len()).for_each(|byte| *byte = 0);
        }
        Ok(Self { base: Base::new(path, protocol::UDP, &datagram)?, token })
    }

    /// Writes a probe to the beginning of `out` and returns its length in bytes.
    ///
    /// # Errors
    /// When the target is of another family than the path, or the buffer too small.
    #[inline]
    pub fn fill(&self, out: &mut [u8], target: IpAddr, port: u16, fields: UdpFields) -> Result<usize, PacketError> {
        let draft = self.base.draft(out, target, fields.ident)?;
        let mut sum = draft.sum.word(fields.source_port).word(port);
        if let Some(place) = self.token {
            let at = 8 + place.at();
            let token = place.word(fields.token);
            let written = token.to_be_bytes();
            if let (Some(room), Some(written)) = (draft.body.get_mut(at..place.end() + 8), written.get(..place.len())) {
                room.copy_from_slice(written);
            }
            sum = add_at(sum, place.at(), token);
        }
        if let Some(head) = draft.body.first_chunk_mut::<8>() {
            [head[0], head[1]] = fields.source_port.to_be_bytes();
            [head[2], head[3]] = port.to_be_bytes();
            [head[6], head[7]] = sum.udp_checksum().to_be_bytes();
        }
        Ok(draft.len)
    }
}

/// Adds eight bytes that begin at a place: at an odd one they stand one byte further in their words.
const fn add_at(sum: Sum, at: usize, bytes: u64) -> Sum {
    if at.is_multiple_of(2) {
        return sum.double((bytes >> 32) as u32).double(bytes as u32);
    }
    let moved = bytes >> 8;
    sum.double((moved >> 32) as u32).double(moved as u32).word((bytes as u16) << 8)
}
