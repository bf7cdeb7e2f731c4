//! The sockets of one thread: each is free, or on its way to a unit.

use std::os::fd::OwnedFd;
use std::time::Instant;

use muster_sweep::Unit;
use rustix::event::epoll;

use super::socket::{Attempt, Socket, is_shortage};

/// What a socket is on its way to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Busy {
    pub(super) unit: Unit,
    pub(super) since: Instant,
}

/// One use of one socket.
#[derive(Debug, Clone, Copy)]
pub(super) struct Use {
    pub(super) slot: usize,
    turn: u32,
}

#[derive(Debug)]
struct Slot {
    socket: Socket,
    watched: bool,
    /// Tells one use of the slot from the next.
    turn: u32,
    busy: Option<Busy>,
}

#[derive(Debug)]
pub(super) struct Pool {
    slots: Vec<Slot>,
    free: Vec<usize>,
    /// Sockets that there may be; a shortage of descriptors lowers it.
    window: usize,
}

impl Pool {
    pub(super) const fn new(window: usize) -> Self {
        Self { slots: Vec::new(), free: Vec::new(), window }
    }

    /// Units that could be sent at once.
    pub(super) fn room(&self) -> usize {
        self.free.len() + self.window.saturating_sub(self.slots.len())
    }

    pub(super) fn socket(&self, at: usize) -> Option<&Socket> {
        self.slots.get(at).map(|slot| &slot.socket)
    }

    pub(super) fn busy(&self, at: usize) -> Option<Busy> {
        self.slots.get(at)?.busy
    }

    /// What a use is doing, if it is not over.
    pub(super) fn still(&self, of: Use) -> Option<Busy> {
        self.slots.get(of.slot).filter(|slot| slot.turn == of.turn)?.busy
    }

    /// A free socket of the right family; `None` when this machine has none left.
    pub(super) fn take(&mut self, unit: &Unit) -> Option<usize> {
        let Some(at) = self.free.pop() else { return self.grow(unit) };
        let slot = self.slots.get_mut(at)?;
        if !slot.socket.fits(unit.address) {
            let Ok(socket) = Socket::for_address(unit.address) else {
                self.free.push(at);
                return None;
            };
            // Closing the old one takes it out of the epoll.
            slot.socket = socket;
            slot.watched = false;
        }
        Some(at)
    }

    fn grow(&mut self, unit: &Unit) -> Option<usize> {
        match Socket::for_address(unit.address) {
            Ok(socket) => {
                self.slots.push(Slot { socket, watched: false, turn: 0, busy: None });
                Some(self.slots.len() - 1)
            }
            Err(error) => {
                if is_shortage(error) {
                    self.window = self.slots.len().max(1);
                }
                None
            }
        }
    }

    /// Waits for the answer to a unit that was sent.
    pub(super) fn watch(&mut self, epoll: &OwnedFd, at: usize, busy: Busy) -> Result<Use, &'static str> {
        let Some(slot) = self.slots.get_mut(at) else { return Err("a socket is missing") };
        if !slot.watched {
            let flags = epoll::EventFlags::OUT | epoll::EventFlags::ET;
            let data = epoll::EventData::new_u64(at as u64);
            epoll::add(epoll, &slot.socket, data, flags).map_err(|_| "a socket cannot be watched")?;
            slot.watched = true;
        }
        slot.busy = Some(busy);
        Ok(Use { slot: at, turn: slot.turn })
    }

    /// Makes a socket as new. A connection that came about is closed, as whoever hangs up does: taking it back would
    /// reset it, and there are servers that fall over a connection that is gone before they have looked at it.
    pub(super) fn release(&mut self, at: usize, unit: &Unit, attempt: Attempt) {
        let Some(slot) = self.slots.get_mut(at) else { return };
        slot.busy = None;
        slot.turn = slot.turn.wrapping_add(1);
        if attempt == Attempt::Open || slot.socket.take_back().is_err() {
            // Where there is no new socket the old one's next unit fails and says so.
            if let Ok(socket) = Socket::for_address(unit.address) {
                slot.socket = socket;
                slot.watched = false;
            }
        }
        self.free.push(at);
    }
}
