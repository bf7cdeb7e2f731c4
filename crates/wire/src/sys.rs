//! Packet sockets (packet(7)) and their ring (Linux `Documentation/networking/packet_mmap.rst`), each as a small safe
//! function.

use std::ffi::{c_int, c_uint, c_void};
use std::io;
use std::os::fd::{AsRawFd as _, BorrowedFd, FromRawFd as _, OwnedFd};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::filter::Instruction;

/// Every protocol, as `linux/if_ether.h` counts it.
pub(crate) const EVERY_PROTOCOL: u16 = 0x0003;

fn check(result: c_int) -> io::Result<c_int> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}

/// A socket for whole frames. Without a protocol it receives nothing until it is bound to one.
pub(crate) fn packet_socket(protocol: u16) -> io::Result<OwnedFd> {
    let flags = libc::SOCK_RAW | libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK;
    // SAFETY: socket(2) takes numbers; what it returns is checked.
    let fd = check(unsafe { libc::socket(libc::AF_PACKET, flags, c_int::from(protocol.to_be())) })?;
    // SAFETY: the descriptor was just made and is owned by nobody else.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Binds to an interface.
pub(crate) fn bind(socket: BorrowedFd<'_>, interface: u32, protocol: u16) -> io::Result<()> {
    let index = c_int::try_from(interface).map_err(io::Error::other)?;
    let address = libc::sockaddr_ll {
        sll_family: libc::AF_PACKET as libc::sa_family_t,
        sll_protocol: protocol.to_be(),
        sll_ifindex: index,
        sll_hatype: 0,
        sll_pkttype: 0,
        sll_halen: 0,
        sll_addr: [0; 8],
    };
    let size = size_of::<libc::sockaddr_ll>() as libc::socklen_t;
    // SAFETY: the address lives as long as the call, and its size is its own.
    check(unsafe { libc::bind(socket.as_raw_fd(), (&raw const address).cast(), size) }).map(drop)
}

/// Sets an option of packet sockets to a number.
pub(crate) fn set_number(socket: BorrowedFd<'_>, option: c_int, value: c_int) -> io::Result<()> {
    set(socket, libc::SOL_PACKET, option, &value)
}

fn set<T>(socket: BorrowedFd<'_>, level: c_int, option: c_int, value: &T) -> io::Result<()> {
    let size = size_of::<T>() as libc::socklen_t;
    let value: *const T = value;
    // SAFETY: the value lives as long as the call, and its size is its own.
    check(unsafe { libc::setsockopt(socket.as_raw_fd(), level, option, value.cast(), size) }).map(drop)
}

/// Has the kernel run a filter on what arrives.
pub(crate) fn attach_filter(socket: BorrowedFd<'_>, program: &[Instruction]) -> io::Result<()> {
    let mut instructions: Vec<_> =
        program.iter().map(|(code, jt, jf, k)| libc::sock_filter { code: *code, jt: *jt, jf: *jf, k: *k }).collect();
    let len = u16::try_from(instructions.len()).map_err(io::Error::other)?;
    let program = libc::sock_fprog { len, filter: instructions.as_mut_ptr() };
    // The kernel copies the program before it returns.
    set(socket, libc::SOL_SOCKET, libc::SO_ATTACH_FILTER, &program)
}

/// Frames since the last question: what passed the filter, and what of it found the ring full.
pub(crate) fn statistics(socket: BorrowedFd<'_>) -> io::Result<(u32, u32)> {
    let mut found = libc::tpacket_stats_v3 { tp_packets: 0, tp_drops: 0, tp_freeze_q_cnt: 0 };
    let mut size = size_of::<libc::tpacket_stats_v3>() as libc::socklen_t;
    let (fd, value) = (socket.as_raw_fd(), (&raw mut found).cast::<c_void>());
    // SAFETY: the value lives as long as the call, and its size is told.
    check(unsafe { libc::getsockopt(fd, libc::SOL_PACKET, libc::PACKET_STATISTICS, value, &raw mut size) })?;
    Ok((found.tp_packets, found.tp_drops))
}

/// Sends frames of one buffer, each of `length` bytes every `stride`; says how many the kernel took, from the front.
pub(crate) fn send_many(socket: BorrowedFd<'_>, buffer: &[u8], lengths: &[u16], stride: usize) -> io::Result<usize> {
    let mut parts: [libc::iovec; SEND_MAX] = [libc::iovec { iov_base: std::ptr::null_mut(), iov_len: 0 }; SEND_MAX];
    // SAFETY: all zeroes are a message header without address, parts and control data.
    let mut messages: [libc::mmsghdr; SEND_MAX] = unsafe { std::mem::zeroed() };
    let count = lengths.len().min(SEND_MAX);
    for (n, (length, frame)) in lengths.iter().zip(buffer.chunks(stride)).take(count).enumerate() {
        let frame = frame.get(..usize::from(*length)).ok_or_else(|| io::Error::other("a frame beyond its buffer"))?;
        parts[n] = libc::iovec { iov_base: frame.as_ptr().cast_mut().cast(), iov_len: frame.len() };
        messages[n].msg_hdr.msg_iov = &raw mut parts[n];
        messages[n].msg_hdr.msg_iovlen = 1;
    }
    let fd = socket.as_raw_fd();
    // SAFETY: headers, parts and frames live as long as the call; the kernel only reads the frames.
    let sent = check(unsafe { libc::sendmmsg(fd, messages.as_mut_ptr(), count as c_uint, libc::MSG_DONTWAIT) })?;
    usize::try_from(sent).map_err(io::Error::other)
}

/// Frames of one [`send_many`].
pub(crate) const SEND_MAX: usize = 64;

/// Sizes of a ring.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RingShape {
    pub(crate) block_bytes: u32,
    pub(crate) blocks: u32,
    /// After which a block that is not full is handed over.
    pub(crate) retire_ms: u32,
}

/// The memory that a kernel fills with frames. Blocks are handed over by their status, an acquire and a release.
pub(crate) struct Ring {
    memory: NonNull<u8>,
    shape: RingShape,
}

// SAFETY: the memory is reached through this value alone.
unsafe impl Send for Ring {}

impl std::fmt::Debug for Ring {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ring").field("shape", &self.shape).finish_non_exhaustive()
    }
}

impl Ring {
    /// Gives a socket a ring.
    pub(crate) fn new(socket: BorrowedFd<'_>, shape: RingShape) -> io::Result<Self> {
        set_number(socket, libc::PACKET_VERSION, libc::tpacket_versions::TPACKET_V3 as c_int)?;
        let request = libc::tpacket_req3 {
            tp_block_size: shape.block_bytes,
            tp_block_nr: shape.blocks,
            // Frames lie as they come; the numbers only have to fit.
            tp_frame_size: FRAME_SLOT_BYTES,
            tp_frame_nr: shape.block_bytes / FRAME_SLOT_BYTES * shape.blocks,
            tp_retire_blk_tov: shape.retire_ms,
            tp_sizeof_priv: 0,
            tp_feature_req_word: 0,
        };
        set(socket, libc::SOL_PACKET, libc::PACKET_RX_RING, &request)?;
        let length = shape.block_bytes as usize * shape.blocks as usize;
        let (protection, flags) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_SHARED);
        // SAFETY: a new mapping of a descriptor that has a ring of this length.
        let memory = unsafe { libc::mmap(std::ptr::null_mut(), length, protection, flags, socket.as_raw_fd(), 0) };
        if memory == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let memory = NonNull::new(memory.cast()).ok_or_else(|| io::Error::other("a mapping at address 0"))?;
        Ok(Self { memory, shape })
    }

    pub(crate) const fn blocks(&self) -> u32 {
        self.shape.blocks
    }

    /// The bytes of a block, where the kernel has handed it over.
    pub(crate) fn block(&self, number: u32) -> Option<&[u8]> {
        let status = self.status(number)?;
        if status.load(Ordering::Acquire) & libc::TP_STATUS_USER == 0 {
            return None;
        }
        let start = number as usize * self.shape.block_bytes as usize;
        // SAFETY: the block lies inside the mapping, and the kernel does not touch it until it is given back, which
        // takes `&mut self`. Its status lies in it too, and is not written meanwhile.
        Some(unsafe { std::slice::from_raw_parts(self.memory.as_ptr().add(start), self.shape.block_bytes as usize) })
    }

    /// Gives a block back.
    pub(crate) fn give_back(&mut self, number: u32) {
        if let Some(status) = self.status(number) {
            status.store(libc::TP_STATUS_KERNEL, Ordering::Release);
        }
    }

    fn status(&self, number: u32) -> Option<&AtomicU32> {
        if number >= self.shape.blocks {
            return None;
        }
        let at = number as usize * self.shape.block_bytes as usize + BLOCK_STATUS;
        // SAFETY: inside the mapping, aligned since blocks are whole pages, and only ever used as an atomic.
        Some(unsafe { AtomicU32::from_ptr(self.memory.as_ptr().add(at).cast()) })
    }
}

impl Drop for Ring {
    fn drop(&mut self) {
        let length = self.shape.block_bytes as usize * self.shape.blocks as usize;
        // SAFETY: the mapping was made with this length, and nothing borrows it any more.
        unsafe { libc::munmap(self.memory.as_ptr().cast(), length) };
    }
}

/// A slot must hold a header and the largest frame of an interface with an MTU of 1,500.
const FRAME_SLOT_BYTES: u32 = 2_048;
/// Where the status of a block lies: after version and offset of the private part (`struct tpacket_block_desc`).
const BLOCK_STATUS: usize = 8;
