//! Reading a header field by field, and writing one.

use super::PacketError;

/// What is left of a header that is being read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reader<'a> {
    what: &'static str,
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// `what` names the header in errors.
    pub(super) const fn new(what: &'static str, bytes: &'a [u8]) -> Self {
        Self { what, rest: bytes }
    }

    pub(super) fn take(&mut self, len: usize) -> Result<&'a [u8], PacketError> {
        let Some((taken, rest)) = self.rest.split_at_checked(len) else {
            return Err(PacketError::Short { what: self.what, need: len, have: self.rest.len() });
        };
        self.rest = rest;
        Ok(taken)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], PacketError> {
        let Some((taken, rest)) = self.rest.split_first_chunk::<N>() else {
            return Err(PacketError::Short { what: self.what, need: N, have: self.rest.len() });
        };
        self.rest = rest;
        Ok(*taken)
    }

    pub(super) fn u8(&mut self) -> Result<u8, PacketError> {
        self.array::<1>().map(|[byte]| byte)
    }

    pub(super) fn u16(&mut self) -> Result<u16, PacketError> {
        self.array().map(u16::from_be_bytes)
    }

    pub(super) fn u32(&mut self) -> Result<u32, PacketError> {
        self.array().map(u32::from_be_bytes)
    }

    pub(super) const fn rest(&self) -> &'a [u8] {
        self.rest
    }
}

/// Overwrites a few bytes. Nothing happens where they do not fit: places come from the layout of a packet that was
/// measured before.
#[inline]
pub(super) fn put<const N: usize>(packet: &mut [u8], at: usize, field: [u8; N]) {
    if let Some(place) = packet.get_mut(at..).and_then(|rest| rest.first_chunk_mut::<N>()) {
        *place = field;
    }
}

/// The first `len` bytes of a buffer.
#[inline]
pub(super) fn room(out: &mut [u8], len: usize) -> Result<&mut [u8], PacketError> {
    let have = out.len();
    out.get_mut(..len).ok_or(PacketError::Buffer { need: len, have })
}
