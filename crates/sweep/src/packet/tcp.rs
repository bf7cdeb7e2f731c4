//! TCP segments (RFC 9293) with their options.

use super::PacketError;
use super::bytes::Reader;

/// Control bits (RFC 9293, section 3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TcpFlags(pub u8);

impl TcpFlags {
    /// No more data from the sender.
    pub const FIN: u8 = 1;
    /// Synchronise sequence numbers.
    pub const SYN: u8 = 2;
    /// Reset the connection.
    pub const RST: u8 = 4;
    /// The acknowledgement number counts.
    pub const ACK: u8 = 16;

    /// An answer to a SYN: something listens.
    #[must_use]
    pub const fn is_syn_ack(self) -> bool {
        self.0 & (Self::SYN | Self::ACK | Self::RST | Self::FIN) == Self::SYN | Self::ACK
    }

    /// An answer to a SYN: nothing listens, or something refuses. RFC 9293, section 3.10.7.1: such a reset
    /// acknowledges the SYN.
    #[must_use]
    pub const fn is_refusal(self) -> bool {
        self.0 & (Self::SYN | Self::ACK | Self::RST) == Self::RST | Self::ACK
    }
}

/// What a SYN or a SYN-ACK may say about its sender's stack.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct TcpOptions {
    /// Largest segment in bytes (RFC 9293, section 3.7.1).
    pub mss: Option<u16>,
    /// Shift of the window, in bits (RFC 7323, section 2).
    pub window_scale: Option<u8>,
    /// Selective acknowledgements (RFC 2018, section 2).
    pub sack_permitted: bool,
    /// Value and echo of the timestamps (RFC 7323, section 3).
    pub timestamps: Option<(u32, u32)>,
    /// The first eight kinds in their order, the first in the most significant byte; what ends the list is kind 0 and
    /// not seen here. It says much about a stack.
    pub order: u64,
    /// The list is cut off or a length is wrong. What was read before that counts.
    pub malformed: bool,
}

impl TcpOptions {
    const END: u8 = 0;
    const NOP: u8 = 1;

    /// Reads a list of options, at most 40 bytes of it. A broken one is no error: the segment is an answer all the
    /// same.
    #[must_use]
    pub fn parse(list: &[u8]) -> Self {
        let mut options = Self::default();
        let mut reader = Reader::new("TCP options", list.get(..40).unwrap_or(list));
        let mut seen = 0_u32;
        while let Ok(kind) = reader.u8() {
            if kind == Self::END {
                break;
            }
            if seen < 8 {
                options.order |= u64::from(kind) << (56 - 8 * seen);
                seen += 1;
            }
            if kind != Self::NOP && options.option(kind, &mut reader).is_none() {
                options.malformed = true;
                break;
            }
        }
        options
    }

    /// Reads the rest of one option.
    fn option(&mut self, kind: u8, reader: &mut Reader<'_>) -> Option<()> {
        let len = usize::from(reader.u8().ok()?).checked_sub(2)?;
        let value = reader.take(len).ok()?;
        match (kind, value) {
            (2, &[high, low]) => self.mss = Some(u16::from_be_bytes([high, low])),
            (3, &[shift]) => self.window_scale = Some(shift),
            (4, []) => self.sack_permitted = true,
            (8, &[a, b, c, d, e, f, g, h]) => {
                self.timestamps = Some((u32::from_be_bytes([a, b, c, d]), u32::from_be_bytes([e, f, g, h])));
            }
            (2..=4 | 8, _) => return None,
            _ => {}
        }
        Some(())
    }
}

/// A segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tcp {
    /// The sender's port.
    pub source_port: u16,
    /// Ours, when it is an answer.
    pub destination_port: u16,
    /// Sequence number.
    pub sequence: u32,
    /// Acknowledgement number; it counts only with [`TcpFlags::ACK`].
    pub acknowledgement: u32,
    /// Control bits.
    pub flags: TcpFlags,
    /// Window, not scaled, in bytes.
    pub window: u16,
    /// Options.
    pub options: TcpOptions,
    /// Bytes of data behind the header.
    pub data_len: usize,
}

impl Tcp {
    /// Reads a whole segment.
    ///
    /// # Errors
    /// When it is cut off, or the length of its header is impossible.
    pub fn parse(segment: &[u8]) -> Result<Self, PacketError> {
        let mut reader = Reader::new("a TCP header", segment);
        let (source_port, destination_port) = (reader.u16()?, reader.u16()?);
        let (sequence, acknowledgement) = (reader.u32()?, reader.u32()?);
        let offset = reader.u8()? >> 4;
        let flags = TcpFlags(reader.u8()?);
        let window = reader.u16()?;
        reader.u32()?;
        let Some(options_len) = (usize::from(offset) * 4).checked_sub(20) else {
            return Err(PacketError::Field { what: "the length of a TCP header", value: offset.into() });
        };
        let options = TcpOptions::parse(reader.take(options_len)?);
        let data_len = reader.rest().len();
        Ok(Self { source_port, destination_port, sequence, acknowledgement, flags, window, options, data_len })
    }
}
