//! Echo requests.

use std::net::IpAddr;

use super::base::{Base, Path};
use crate::cookie::EchoFields;
use crate::packet::PacketError;
use crate::packet::answer::echo_request;
use crate::packet::ip::protocol;

/// A prepared echo request with 8 bytes of data, the token.
#[derive(Debug, Clone)]
pub struct EchoTemplate {
    base: Base,
}

impl EchoTemplate {
    /// For one path.
    ///
    /// # Errors
    /// Never today: the packet is always short enough.
    pub fn new(path: &Path) -> Result<Self, PacketError> {
        let mut message = [0; 16];
        message[0] = echo_request(path.source);
        let base = if path.source.is_ipv4() {
            Base::new(path, protocol::ICMP, &message)?.without_pseudo_header()
        } else {
            Base::new(path, protocol::ICMPV6, &message)?
        };
        Ok(Self { base })
    }

    /// Writes a probe to the beginning of `out` and returns its length in bytes.
    ///
    /// # Errors
    /// When the target is of another family than the path, or the buffer too small.
    #[inline]
    pub fn fill(&self, out: &mut [u8], target: IpAddr, fields: EchoFields) -> Result<usize, PacketError> {
        let draft = self.base.draft(out, target, fields.ident)?;
        // IPv4's has no pseudo header, and so no target in its sum; what is left is the message's own part.
        let sum = match target {
            IpAddr::V4(_) if self.base.is_v4() => self.base.body_sum(),
            IpAddr::V4(_) | IpAddr::V6(_) => draft.sum,
        };
        if let Some(message) = draft.body.first_chunk_mut::<16>() {
            [message[4], message[5]] = fields.identifier.to_be_bytes();
            [message[6], message[7]] = fields.sequence.to_be_bytes();
            message[8..].copy_from_slice(&fields.token.to_be_bytes());
            let sum = sum.word(fields.identifier).word(fields.sequence).bytes(&fields.token.to_be_bytes());
            [message[2], message[3]] = sum.checksum().to_be_bytes();
        }
        Ok(draft.len)
    }
}
