//! Why bytes are no packet, or a packet cannot be made.

/// What was wrong, and in which header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PacketError {
    /// The bytes end inside a header.
    #[error("failed to read {what}: it needs {need} bytes, and {have} are left")]
    Short {
        /// Which header.
        what: &'static str,
        /// Bytes needed.
        need: usize,
        /// Bytes left.
        have: usize,
    },
    /// A field has a value that it must not have.
    #[error("failed to read {what}: it is {value}")]
    Field {
        /// Which field.
        what: &'static str,
        /// What it says.
        value: u32,
    },
    /// A checksum is wrong.
    #[error("failed to read {what}: its checksum is wrong")]
    Checksum {
        /// Which header.
        what: &'static str,
    },
    /// A part of a datagram. A probe is answered in one piece.
    #[error("failed to read a datagram: it is a fragment")]
    Fragment,
    /// More IPv6 extension headers than anybody needs.
    #[error("failed to read an IPv6 packet: it has more than {} extension headers", super::EXTENSIONS_MAX)]
    Extensions,
    /// Well formed, and nothing that answers a probe.
    #[error("failed to read an answer: {what} {value} answers no probe")]
    NoAnswer {
        /// What kind of number `value` is.
        what: &'static str,
        /// The EtherType, protocol or message type.
        value: u32,
    },
    /// An IPv4 address for an IPv6 path, or the other way round.
    #[error("failed to write a packet: source and target are of different address families")]
    Family,
    /// The buffer for the packet is too small.
    #[error("failed to write a packet: it has {need} bytes, and the buffer {have}")]
    Buffer {
        /// Bytes of the packet.
        need: usize,
        /// Bytes of the buffer.
        have: usize,
    },
    /// The payload is too long, or the place of the token lies outside it.
    #[error("failed to prepare a packet: a payload of {len} bytes is too long, or its token lies outside it")]
    Payload {
        /// Bytes of the payload.
        len: usize,
    },
}
