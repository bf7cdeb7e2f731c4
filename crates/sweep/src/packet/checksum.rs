//! The Internet checksum: RFC 1071; its incremental update: RFC 1624.

use std::net::{Ipv4Addr, Ipv6Addr};

/// A ones' complement sum of 16-bit words that is being made (RFC 1071, section 1). Its parts may come in any order
/// (section 2, commutative and associative), as long as each begins at an even place.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sum(u64);

impl Sum {
    /// Of nothing.
    pub const ZERO: Self = Self(0);

    /// Adds bytes in network order; an odd one at the end is followed by a zero.
    #[must_use]
    #[inline]
    pub fn bytes(self, bytes: &[u8]) -> Self {
        // 32 bits at a time: 2^16 is 1 modulo 2^16 - 1 (section 2, deferred carries). A slice of 2^34 bytes or more
        // could overflow, and there is no such packet.
        let (doubles, tail) = bytes.as_chunks::<4>();
        let mut sum = self.0;
        for double in doubles {
            sum = sum.wrapping_add(u64::from(u32::from_be_bytes(*double)));
        }
        let mut last = [0; 4];
        last.iter_mut().zip(tail).for_each(|(to, from)| *to = *from);
        Self(fold32(sum.wrapping_add(u64::from(u32::from_be_bytes(last)))))
    }

    /// Adds one word.
    #[must_use]
    #[inline]
    pub const fn word(self, word: u16) -> Self {
        Self(self.0.wrapping_add(word as u64))
    }

    /// Adds two words at once.
    #[must_use]
    #[inline]
    pub const fn double(self, double: u32) -> Self {
        Self(self.0.wrapping_add(double as u64))
    }

    /// Adds an IPv4 address.
    #[must_use]
    #[inline]
    pub const fn v4(self, address: Ipv4Addr) -> Self {
        self.double(address.to_bits())
    }

    /// Adds an IPv6 address.
    #[must_use]
    #[inline]
    pub const fn v6(self, address: Ipv6Addr) -> Self {
        let bits = address.to_bits();
        self.double((bits >> 96) as u32).double((bits >> 64) as u32).double((bits >> 32) as u32).double(bits as u32)
    }

    /// The checksum: the complement of the sum. Over data that carries its own correct checksum it is 0.
    #[must_use]
    #[inline]
    pub const fn checksum(self) -> u16 {
        let mut sum = fold32(self.0);
        sum = (sum >> 16) + (sum & 0xffff);
        sum = (sum >> 16) + (sum & 0xffff);
        sum = (sum >> 16) + (sum & 0xffff);
        !(sum as u16)
    }

    /// The checksum for a UDP header, in which 0 means none (RFC 768) and is written as its equal, all ones.
    #[must_use]
    pub const fn udp_checksum(self) -> u16 {
        match self.checksum() {
            0 => 0xffff,
            other => other,
        }
    }
}

/// At most 2^33.
#[inline]
const fn fold32(sum: u64) -> u64 {
    (sum >> 32) + (sum & 0xffff_ffff)
}

/// The checksum after one word of the data has changed: RFC 1624, section 3, equation 3. `checksum` is as it stands in
/// the header. Never gives the false zero of equation 4.
#[must_use]
pub const fn update(checksum: u16, old: u16, new: u16) -> u16 {
    Sum::ZERO.word(!checksum).word(!old).word(new).checksum()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

    use super::*;
    use proptest::prelude::*;

    /// RFC 1071, section 4.1, literally.
    fn slowly(bytes: &[u8]) -> u16 {
        let mut sum = 0_u32;
        for pair in bytes.chunks(2) {
            sum += u32::from(pair[0]) << 8 | pair.get(1).map_or(0, |low| u32::from(*low));
            sum = (sum & 0xffff) + (sum >> 16);
        }
        !u16::try_from(sum).unwrap()
    }

    #[test]
    fn the_example_of_rfc_1071() {
        // Section 3: the sum is ddf2.
        assert_eq!(Sum::ZERO.bytes(&[0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7]).checksum(), !0xddf2);
    }

    #[test]
    fn the_example_of_rfc_1624() {
        // Section 4: a header with checksum dd2f, whose word 5555 becomes 3285: the checksum becomes 0000.
        assert_eq!(update(0xdd2f, 0x5555, 0x3285), 0x0000);
    }

    proptest! {
        #[test]
        fn fast_and_slow_agree(bytes in proptest::collection::vec(any::<u8>(), 0..200), all_ones: bool) {
            let bytes = if all_ones { vec![0xff; bytes.len()] } else { bytes };
            prop_assert_eq!(Sum::ZERO.bytes(&bytes).checksum(), slowly(&bytes));
        }

        #[test]
        fn an_update_is_what_a_new_sum_would_be(mut words in proptest::collection::vec(any::<u16>(), 2..40), new: u16) {
            // One word that is not zero: over nothing but zeros the two zeros differ, and no header is that.
            words[0] = 0x4500;
            let sum = |words: &[u16]| words.iter().fold(Sum::ZERO, |sum, word| sum.word(*word)).checksum();
            let before = sum(&words);
            let old = std::mem::replace(&mut words[1], new);
            prop_assert_eq!(update(before, old, new), sum(&words));
        }

        #[test]
        fn addresses_are_summed_like_their_bytes(v4: u32, v6: u128) {
            let (v4, v6) = (Ipv4Addr::from_bits(v4), Ipv6Addr::from_bits(v6));
            prop_assert_eq!(Sum::ZERO.v4(v4).checksum(), Sum::ZERO.bytes(&v4.octets()).checksum());
            prop_assert_eq!(Sum::ZERO.v6(v6).checksum(), Sum::ZERO.bytes(&v6.octets()).checksum());
        }
    }
}
