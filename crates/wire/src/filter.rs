//! What the kernel hands over, as a program of the classic packet filter (Linux `Documentation/networking/filter.rst`).

use std::ops::RangeInclusive;

/// One instruction: operation, jumps when true and false, operand.
pub(crate) type Instruction = (u16, u8, u8, u32);

// Operations as in linux/bpf_common.h.
const LOAD_HALF: u16 = 0x28;
const LOAD_BYTE: u16 = 0x30;
const LOAD_HALF_INDEXED: u16 = 0x48;
/// X = 4 * (byte at the operand & 0xf): the length of an IPv4 header.
const LOAD_HEADER_LENGTH: u16 = 0xb1;
const JUMP_EQUAL: u16 = 0x15;
const JUMP_GREATER: u16 = 0x25;
const JUMP_GREATER_EQUAL: u16 = 0x35;
const JUMP_SET: u16 = 0x45;
const RETURN: u16 = 0x06;

/// An Ethernet header, without a tag: the kernel takes it off before the filter runs.
const ETHERNET: u32 = 14;
const IPV4: u32 = 0x0800;
const ARP: u32 = 0x0806;
const IPV6: u32 = 0x86dd;
const TCP: u32 = 6;
const UDP: u32 = 17;
const ICMP: u32 = 1;
const ICMPV6: u32 = 58;
/// Fragment offset of an IPv4 header: a later fragment has no ports.
const FRAGMENT: u32 = 0x1fff;

/// Which frames arrive: TCP and UDP to a range of ports, and, where they are wanted, ICMP, ICMPv6 and ARP.
///
/// IPv6 packets with extension headers before the transport header do not pass.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filter {
    ports: RangeInclusive<u16>,
    control: bool,
}

impl Filter {
    /// TCP and UDP to these destination ports alone.
    #[must_use]
    pub const fn ports(ports: RangeInclusive<u16>) -> Self {
        Self { ports, control: false }
    }

    /// ICMP, ICMPv6 and ARP as well.
    #[must_use]
    pub fn with_control(self) -> Self {
        Self { control: true, ..self }
    }

    /// The program.
    pub(crate) fn program(&self) -> Vec<Instruction> {
        const REJECT: u8 = 21;
        const CONTROL: u8 = 22;
        const ACCEPT: u8 = 23;
        let (first, last) = (u32::from(*self.ports.start()), u32::from(*self.ports.end()));
        let control = if self.control { u32::MAX } else { 0 };
        // Jumps name the instruction that comes next; the kernel counts from the one after the jump.
        let program: [Instruction; 24] = [
            /* 0 */ (LOAD_HALF, 0, 0, 12),
            /* 1 */ (JUMP_EQUAL, 2, 12, IPV4),
            /* 2 */ (LOAD_BYTE, 0, 0, ETHERNET + 9),
            /* 3 */ (JUMP_EQUAL, CONTROL, 4, ICMP),
            /* 4 */ (JUMP_EQUAL, 6, 5, TCP),
            /* 5 */ (JUMP_EQUAL, 6, REJECT, UDP),
            /* 6 */ (LOAD_HALF, 0, 0, ETHERNET + 6),
            /* 7 */ (JUMP_SET, REJECT, 8, FRAGMENT),
            /* 8 */ (LOAD_HEADER_LENGTH, 0, 0, ETHERNET),
            /* 9 */ (LOAD_HALF_INDEXED, 0, 0, ETHERNET + 2),
            /* 10 */ (JUMP_GREATER_EQUAL, 11, REJECT, first),
            /* 11 */ (JUMP_GREATER, REJECT, ACCEPT, last),
            /* 12 */ (JUMP_EQUAL, 13, 20, IPV6),
            /* 13 */ (LOAD_BYTE, 0, 0, ETHERNET + 6),
            /* 14 */ (JUMP_EQUAL, CONTROL, 15, ICMPV6),
            /* 15 */ (JUMP_EQUAL, 17, 16, TCP),
            /* 16 */ (JUMP_EQUAL, 17, REJECT, UDP),
            /* 17 */ (LOAD_HALF, 0, 0, ETHERNET + 40 + 2),
            /* 18 */ (JUMP_GREATER_EQUAL, 19, REJECT, first),
            /* 19 */ (JUMP_GREATER, REJECT, ACCEPT, last),
            /* 20 */ (JUMP_EQUAL, CONTROL, REJECT, ARP),
            /* REJECT */ (RETURN, 0, 0, 0),
            /* CONTROL */ (RETURN, 0, 0, control),
            /* ACCEPT */ (RETURN, 0, 0, u32::MAX),
        ];
        let relative = |(at, (operation, yes, no, operand)): (u8, Instruction)| match operation {
            JUMP_EQUAL | JUMP_GREATER | JUMP_GREATER_EQUAL | JUMP_SET => {
                (operation, yes - at - 1, no - at - 1, operand)
            }
            _ => (operation, yes, no, operand),
        };
        (0_u8..).zip(program).map(relative).collect()
    }
}
