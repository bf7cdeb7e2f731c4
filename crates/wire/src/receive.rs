//! Frames in, through a ring that the kernel fills.

use std::os::fd::{AsFd as _, OwnedFd};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::error::WireError;
use crate::filter::Filter;
use crate::route::Interface;
use crate::sys::{self, EVERY_PROTOCOL, Ring, RingShape};

/// How much may arrive while nobody looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RingSize {
    /// Blocks of 256 KiB, 1 to 1,024.
    pub blocks: u32,
}

impl Default for RingSize {
    fn default() -> Self {
        // 8 MiB are 70,000 answers of 54 bytes: a tenth of a second at 700,000 a second.
        Self { blocks: 32 }
    }
}

/// A block takes some 2,000 answers.
const BLOCK_BYTES: u32 = 256 << 10;
/// A lone answer waits so long in its block: a fortieth of the resolution that round trips are of use in.
const RETIRE_MS: u32 = 4;

/// A frame that arrived. A tag with a priority alone was taken off by the kernel.
#[derive(Debug, Clone, Copy)]
pub struct Heard<'a> {
    /// From the Ethernet header on.
    pub frame: &'a [u8],
    /// When the kernel received it, ns since 1970.
    pub at_ns: u64,
}

/// What the kernel counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Statistics {
    /// Frames that passed the filter.
    pub passed: u64,
    /// Of these, those that found the ring full and are lost.
    pub lost: u64,
}

/// Receives frames of one interface.
#[derive(Debug)]
pub struct Receiver {
    socket: OwnedFd,
    ring: Ring,
    next: u32,
    statistics: Statistics,
}

impl Receiver {
    /// Opens it. What the machine itself sends is not heard.
    ///
    /// # Errors
    /// Without `CAP_NET_RAW`, when the interface is gone or down, or there is no memory for the ring.
    pub fn open(interface: &Interface, filter: &Filter, size: RingSize) -> Result<Self, WireError> {
        interface.check()?;
        // No protocol yet: nothing arrives before the filter stands.
        let socket = sys::packet_socket(0).map_err(WireError::open)?;
        sys::attach_filter(socket.as_fd(), &filter.program()).map_err(WireError::kernel("attach the filter"))?;
        let shape = RingShape { block_bytes: BLOCK_BYTES, blocks: size.blocks.clamp(1, 1_024), retire_ms: RETIRE_MS };
        let ring = Ring::new(socket.as_fd(), shape).map_err(WireError::kernel("make the ring of received frames"))?;
        sys::set_number(socket.as_fd(), libc::PACKET_IGNORE_OUTGOING, 1)
            .map_err(WireError::kernel("leave out what is sent"))?;
        sys::bind(socket.as_fd(), interface.index, EVERY_PROTOCOL)
            .map_err(WireError::kernel("bind to the interface"))?;
        Ok(Self { socket, ring, next: 0, statistics: Statistics::default() })
    }

    /// Takes what is there, and waits for something where there is nothing; says how many frames it was.
    ///
    /// # Errors
    /// When the interface went away.
    pub fn receive(&mut self, wait: Duration, mut each: impl FnMut(Heard<'_>)) -> Result<usize, WireError> {
        let mut heard = self.take(&mut each);
        if heard == 0 && !wait.is_zero() {
            let timeout = Timespec {
                tv_sec: i64::try_from(wait.as_secs()).unwrap_or(i64::MAX),
                tv_nsec: wait.subsec_nanos().into(),
            };
            let mut sockets = [PollFd::new(&self.socket, PollFlags::IN | PollFlags::ERR)];
            match poll(&mut sockets, Some(&timeout)) {
                Ok(_) | Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(WireError::Kernel { action: "wait for frames", cause: error.into() }),
            }
            if sockets[0].revents().contains(PollFlags::ERR)
                && let Err(error) = rustix::net::sockopt::socket_error(&self.socket).unwrap_or(Ok(()))
            {
                return Err(WireError::Kernel { action: "receive frames", cause: error.into() });
            }
            heard = self.take(&mut each);
        }
        Ok(heard)
    }

    /// All blocks that were handed over.
    fn take(&mut self, each: &mut impl FnMut(Heard<'_>)) -> usize {
        let mut heard = 0;
        for _ in 0..self.ring.blocks() {
            let Some(block) = self.ring.block(self.next) else { break };
            heard += frames(block, each);
            self.ring.give_back(self.next);
            self.next = (self.next + 1) % self.ring.blocks();
        }
        heard
    }

    /// What the kernel counted since this was opened.
    ///
    /// # Errors
    /// When it does not say.
    pub fn statistics(&mut self) -> Result<Statistics, WireError> {
        // Each question sets the kernel's counters to 0.
        let (passed, lost) =
            sys::statistics(self.socket.as_fd()).map_err(WireError::kernel("ask for the counts of received frames"))?;
        self.statistics.passed += u64::from(passed);
        self.statistics.lost += u64::from(lost);
        Ok(self.statistics)
    }
}

/// Where things lie in a block and in the header of a frame (`struct tpacket_hdr_v1`, `struct tpacket3_hdr`).
mod place {
    /// Of a block: number of frames.
    pub(super) const FRAMES: usize = 12;
    /// Of a block: where the first one's header lies.
    pub(super) const FIRST: usize = 16;
    /// Of a frame: how far the next header is.
    pub(super) const NEXT: usize = 0;
    pub(super) const SECONDS: usize = 4;
    pub(super) const NANOSECONDS: usize = 8;
    /// Of a frame: bytes that were kept.
    pub(super) const KEPT: usize = 12;
    /// Of a frame: where it begins, from its header.
    pub(super) const BEGINS: usize = 24;
}

/// The frames of a block. The kernel wrote it; still nothing outside of it is read whatever it says.
fn frames(block: &[u8], each: &mut impl FnMut(Heard<'_>)) -> usize {
    let word = |at: usize| Some(u32::from_ne_bytes(block.get(at..at.checked_add(4)?)?.try_into().ok()?));
    let half = |at: usize| Some(u16::from_ne_bytes(block.get(at..at.checked_add(2)?)?.try_into().ok()?));
    let (Some(count), Some(first)) = (word(place::FRAMES), word(place::FIRST)) else { return 0 };
    let (mut at, mut heard) = (first as usize, 0);
    for _ in 0..count {
        let one = || {
            let begins = at.checked_add(usize::from(half(at.checked_add(place::BEGINS)?)?))?;
            let kept = word(at + place::KEPT)? as usize;
            let frame = block.get(begins..begins.checked_add(kept)?)?;
            let (seconds, nanoseconds) = (word(at + place::SECONDS)?, word(at + place::NANOSECONDS)?);
            let at_ns = u64::from(seconds) * 1_000_000_000 + u64::from(nanoseconds);
            Some((Heard { frame, at_ns }, word(at + place::NEXT)? as usize))
        };
        let Some((one, next)) = one() else { break };
        each(one);
        heard += 1;
        if next == 0 {
            break;
        }
        at += next;
    }
    heard
}

#[cfg(test)]
mod tests {
    use super::{frames, place};
    use proptest::prelude::*;

    fn block_of(bodies: &[&[u8]]) -> Vec<u8> {
        let mut block = vec![0; 48];
        block[place::FRAMES..place::FRAMES + 4].copy_from_slice(&u32::try_from(bodies.len()).unwrap().to_ne_bytes());
        block[place::FIRST..place::FIRST + 4].copy_from_slice(&48_u32.to_ne_bytes());
        for (n, body) in bodies.iter().enumerate() {
            let last = n + 1 == bodies.len();
            let mut header = vec![0; 48];
            let next = if last { 0 } else { u32::try_from(48 + body.len()).unwrap() };
            header[place::NEXT..place::NEXT + 4].copy_from_slice(&next.to_ne_bytes());
            header[place::SECONDS..place::SECONDS + 4].copy_from_slice(&7_u32.to_ne_bytes());
            header[place::KEPT..place::KEPT + 4].copy_from_slice(&u32::try_from(body.len()).unwrap().to_ne_bytes());
            header[place::BEGINS..place::BEGINS + 2].copy_from_slice(&48_u16.to_ne_bytes());
            block.extend(header);
            block.extend_from_slice(body);
        }
        block
    }

    #[test]
    fn frames_come_in_their_order() {
        let mut heard = Vec::new();
        let count = frames(&block_of(&[b"one", b"", b"three"]), &mut |one| heard.push((one.frame.to_vec(), one.at_ns)));
        let expected = [b"one".to_vec(), Vec::new(), b"three".to_vec()].map(|frame| (frame, 7_000_000_000));
        assert_eq!((count, heard), (3, expected.to_vec()));
    }

    proptest! {
        #[test]
        fn any_block_is_read_inside_its_bounds(
            bytes in proptest::collection::vec(any::<u8>(), 0..256),
            count in 0_u32..5, first in 0_u32..300
        ) {
            let mut block = bytes;
            if block.len() >= 20 {
                block[place::FRAMES..place::FRAMES + 4].copy_from_slice(&count.to_ne_bytes());
                block[place::FIRST..place::FIRST + 4].copy_from_slice(&first.to_ne_bytes());
            }
            let heard = frames(&block, &mut |one| assert!(one.frame.len() <= block.len()));
            prop_assert!(heard <= 5 || block.len() < 20 || count >= 5);
        }
    }
}
