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
/// Where the filter reads the tag that was taken off (`SKF_AD_OFF` + `SKF_AD_VLAN_TAG`); 0 without one.
const TAG: u32 = 0xffff_f000 + 44;
/// The virtual network in a tag. Of network 0 is what has a priority alone; what is of any other did not come over this
/// interface but over one of its virtual ones, whose neighbours have addresses of their own.
const TAG_NETWORK: u32 = 0x0fff;
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
/// Frames of another virtual network do not pass: they are an interface of their own. Neither do IPv6 packets with
/// extension headers before the transport header.
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
        const REJECT: u8 = 23;
        const CONTROL: u8 = 24;
        const ACCEPT: u8 = 25;
        let (first, last) = (u32::from(*self.ports.start()), u32::from(*self.ports.end()));
        let control = if self.control { u32::MAX } else { 0 };
        // Jumps name the instruction that comes next; the kernel counts from the one after the jump.
        let program: [Instruction; 26] = [
            /* 0 */ (LOAD_HALF, 0, 0, TAG),
            /* 1 */ (JUMP_SET, REJECT, 2, TAG_NETWORK),
            /* 2 */ (LOAD_HALF, 0, 0, 12),
            /* 3 */ (JUMP_EQUAL, 4, 14, IPV4),
            /* 4 */ (LOAD_BYTE, 0, 0, ETHERNET + 9),
            /* 5 */ (JUMP_EQUAL, CONTROL, 6, ICMP),
            /* 6 */ (JUMP_EQUAL, 8, 7, TCP),
            /* 7 */ (JUMP_EQUAL, 8, REJECT, UDP),
            /* 8 */ (LOAD_HALF, 0, 0, ETHERNET + 6),
            /* 9 */ (JUMP_SET, REJECT, 10, FRAGMENT),
            /* 10 */ (LOAD_HEADER_LENGTH, 0, 0, ETHERNET),
            /* 11 */ (LOAD_HALF_INDEXED, 0, 0, ETHERNET + 2),
            /* 12 */ (JUMP_GREATER_EQUAL, 13, REJECT, first),
            /* 13 */ (JUMP_GREATER, REJECT, ACCEPT, last),
            /* 14 */ (JUMP_EQUAL, 15, 22, IPV6),
            /* 15 */ (LOAD_BYTE, 0, 0, ETHERNET + 6),
            /* 16 */ (JUMP_EQUAL, CONTROL, 17, ICMPV6),
            /* 17 */ (JUMP_EQUAL, 19, 18, TCP),
            /* 18 */ (JUMP_EQUAL, 19, REJECT, UDP),
            /* 19 */ (LOAD_HALF, 0, 0, ETHERNET + 40 + 2),
            /* 20 */ (JUMP_GREATER_EQUAL, 21, REJECT, first),
            /* 21 */ (JUMP_GREATER, REJECT, ACCEPT, last),
            /* 22 */ (JUMP_EQUAL, CONTROL, REJECT, ARP),
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
