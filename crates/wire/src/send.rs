//! Frames out.

use std::os::fd::{AsFd as _, OwnedFd};

use crate::error::WireError;
use crate::route::Interface;
use crate::sys::{self, SEND_MAX};

/// A probe with options is far below it; what carries a payload has room too.
pub const FRAME_BYTES_MAX: usize = 512;

/// Frames that leave together.
#[derive(Debug)]
pub struct Batch {
    buffer: Vec<u8>,
    lengths: Vec<u16>,
}

impl Default for Batch {
    fn default() -> Self {
        Self { buffer: vec![0; SEND_MAX * FRAME_BYTES_MAX], lengths: Vec::with_capacity(SEND_MAX) }
    }
}

impl Batch {
    /// Frames that one batch holds.
    pub const FRAMES_MAX: usize = SEND_MAX;

    /// Frames in it.
    #[must_use]
    pub fn len(&self) -> usize {
        self.lengths.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.lengths.is_empty()
    }

    /// Adds a frame that is written in place: `write` gets [`FRAME_BYTES_MAX`] bytes and gives the number of those it
    /// used, or none to add nothing. `false`: nothing was added, or the batch is full.
    pub fn write(&mut self, write: impl FnOnce(&mut [u8]) -> Option<usize>) -> bool {
        let at = self.lengths.len() * FRAME_BYTES_MAX;
        let Some(slot) = self.buffer.get_mut(at..at + FRAME_BYTES_MAX) else { return false };
        let written = write(slot).filter(|written| *written <= FRAME_BYTES_MAX);
        let Some(length) = written.and_then(|written| u16::try_from(written).ok()) else { return false };
        self.lengths.push(length);
        true
    }

    /// Adds a frame. `false`: the batch is full, or the frame has more than [`FRAME_BYTES_MAX`] bytes.
    #[must_use]
    pub fn push(&mut self, frame: &[u8]) -> bool {
        self.write(|slot| {
            slot.get_mut(..frame.len())?.copy_from_slice(frame);
            Some(frame.len())
        })
    }

    /// Empties it.
    pub fn clear(&mut self) {
        self.lengths.clear();
    }
}

/// Sends frames out of one interface.
#[derive(Debug)]
pub struct Sender {
    socket: OwnedFd,
}

impl Sender {
    /// Opens it.
    ///
    /// # Errors
    /// Without `CAP_NET_RAW`, or when the interface is gone or down.
    pub fn open(interface: &Interface) -> Result<Self, WireError> {
        interface.check()?;
        // Without a protocol it hears nothing, and costs the machine nothing for each frame that arrives.
        let socket = sys::packet_socket(0).map_err(WireError::open)?;
        sys::bind(socket.as_fd(), interface.index, 0).map_err(WireError::kernel("bind to the interface"))?;
        Ok(Self { socket })
    }

    /// Sends a batch from frame `first` on; says how many the kernel took, from the front: none where its queue is full.
    ///
    /// # Errors
    /// When the kernel refuses the first of them.
    pub fn send(&self, batch: &Batch, first: usize) -> Result<usize, WireError> {
        let lengths = batch.lengths.get(first..).unwrap_or_default();
        if lengths.is_empty() {
            return Ok(0);
        }
        let buffer = &batch.buffer[first * FRAME_BYTES_MAX..];
        loop {
            return match sys::send_many(self.socket.as_fd(), buffer, lengths, FRAME_BYTES_MAX) {
                Ok(sent) => Ok(sent),
                Err(cause) => match cause.raw_os_error() {
                    Some(libc::EINTR) => continue,
                    Some(libc::EAGAIN | libc::ENOBUFS) => Ok(0),
                    _ => Err(WireError::Kernel { action: "send frames", cause }),
                },
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Batch, FRAME_BYTES_MAX};

    #[test]
    fn a_batch_takes_what_fits() {
        let mut batch = Batch::default();
        assert!(batch.is_empty() && !batch.push(&[0; FRAME_BYTES_MAX + 1]));
        for n in 0..Batch::FRAMES_MAX {
            assert!(batch.push(&[1; FRAME_BYTES_MAX]), "{n}");
        }
        assert!(!batch.push(&[1]), "full");
        assert_eq!(batch.len(), Batch::FRAMES_MAX);
        batch.clear();
        assert!(batch.push(&[]) && batch.len() == 1);
    }
}
