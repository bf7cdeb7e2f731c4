//! One question to the kernel's routing and its answer (rtnetlink(7)), as bytes.

use rustix::net::netlink::SocketAddrNetlink;
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType};

use std::io;
use std::os::fd::OwnedFd;

/// A header: length, type, flags, sequence, port.
const HEADER: usize = 16;
const ERROR: u16 = 2;
const REQUEST: u16 = 1;
/// An answer is some hundred bytes; interfaces with many statistics have some thousand.
const ANSWER_BYTES_MAX: usize = 32 << 10;

/// A question under construction.
#[derive(Debug)]
pub(crate) struct Question {
    bytes: Vec<u8>,
}

impl Question {
    /// Of a type, with the fixed part of its family.
    pub(crate) fn new(kind: u16, fixed: &[u8]) -> Self {
        let mut bytes = vec![0; HEADER];
        bytes[4..6].copy_from_slice(&kind.to_ne_bytes());
        bytes[6..8].copy_from_slice(&REQUEST.to_ne_bytes());
        bytes.extend_from_slice(fixed);
        Self { bytes }
    }

    /// Adds an attribute; attributes are aligned to four bytes.
    pub(crate) fn with(mut self, kind: u16, value: &[u8]) -> Self {
        let length = u16::try_from(4 + value.len()).unwrap_or(u16::MAX);
        self.bytes.extend(length.to_ne_bytes());
        self.bytes.extend(kind.to_ne_bytes());
        self.bytes.extend_from_slice(value);
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
        self
    }

    fn numbered(mut self, sequence: u32) -> Vec<u8> {
        let length = u32::try_from(self.bytes.len()).unwrap_or(u32::MAX);
        self.bytes[..4].copy_from_slice(&length.to_ne_bytes());
        self.bytes[8..12].copy_from_slice(&sequence.to_ne_bytes());
        self.bytes
    }
}

/// A socket for questions.
#[derive(Debug)]
pub(crate) struct Netlink {
    socket: OwnedFd,
    sequence: u32,
}

impl Netlink {
    pub(crate) fn open() -> io::Result<Self> {
        // Of netlink's protocols the one of routes is the first.
        let socket = rustix::net::socket_with(AddressFamily::NETLINK, SocketType::RAW, SocketFlags::CLOEXEC, None)?;
        Ok(Self { socket, sequence: 0 })
    }

    /// Asks, and gives the body of the answer after its header. The kernel answers before it returns from the question.
    pub(crate) fn ask(&mut self, question: Question) -> io::Result<Vec<u8>> {
        self.sequence += 1;
        let bytes = question.numbered(self.sequence);
        let kernel = SocketAddrNetlink::new(0, 0);
        rustix::net::sendto(&self.socket, &bytes, SendFlags::empty(), &kernel)?;
        let mut answer = vec![0; ANSWER_BYTES_MAX];
        loop {
            let (length, _) = rustix::net::recv(&self.socket, answer.as_mut_slice(), RecvFlags::DONTWAIT)?;
            let said = &answer[..length.min(ANSWER_BYTES_MAX)];
            // An answer to an earlier question that was given up.
            if word(said, 8) != Some(self.sequence) {
                continue;
            }
            let body = word(said, 0).and_then(|length| said.get(HEADER..length as usize));
            let Some(body) = body else { return Err(io::ErrorKind::InvalidData.into()) };
            if half(said, 4) == Some(ERROR) {
                let code = word(body, 0).map_or(0, u32::cast_signed);
                return Err(io::Error::from_raw_os_error(code.saturating_neg()));
            }
            return Ok(body.to_vec());
        }
    }
}

pub(crate) fn word(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(bytes.get(at..at.checked_add(4)?)?.try_into().ok()?))
}

pub(crate) fn half(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_ne_bytes(bytes.get(at..at.checked_add(2)?)?.try_into().ok()?))
}

/// The attributes after a fixed part; one that does not fit ends them.
pub(crate) fn attributes(bytes: &[u8], fixed: usize) -> impl Iterator<Item = (u16, &[u8])> {
    let mut at = fixed;
    std::iter::from_fn(move || {
        let length = usize::from(half(bytes, at)?);
        let kind = half(bytes, at.checked_add(2)?)?;
        let value = bytes.get(at.checked_add(4)?..at.checked_add(length)?)?;
        at = at.checked_add(length.next_multiple_of(4))?;
        // The two highest bits say how it is encoded.
        Some((kind & 0x3fff, value))
    })
}

#[cfg(test)]
mod tests {
    use super::{Question, attributes};
    use proptest::prelude::*;

    #[test]
    fn what_was_asked_is_read_back() {
        let bytes = Question::new(26, &[2, 32, 0, 0]).with(1, &[10, 0, 0, 1, 5]).with(4, &[]).numbered(9);
        assert_eq!(bytes.len() as u32, u32::from_ne_bytes(bytes[..4].try_into().unwrap()));
        let read: Vec<_> = attributes(&bytes, 20).collect();
        assert_eq!(read, [(1, [10, 0, 0, 1, 5].as_slice()), (4, [].as_slice())]);
    }

    proptest! {
        #[test]
        fn any_answer_is_read_to_an_end(bytes in proptest::collection::vec(any::<u8>(), 0..200), fixed in 0_usize..220) {
            prop_assert!(attributes(&bytes, fixed).take(1_000).count() < 1_000);
        }
    }
}
