//! Where the token stands in a question.

/// A few bytes of a payload that the answer repeats.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TokenPlace {
    at: usize,
    len: usize,
    /// Bits of the first byte that are free.
    free: u8,
    /// Bits of the first byte that are set.
    fixed: u8,
}

impl TokenPlace {
    /// `len` bytes from `at` on; more than 8 are 8.
    #[must_use]
    pub const fn new(at: usize, len: usize) -> Self {
        Self { at, len: if len > 8 { 8 } else { len }, free: 0xff, fixed: 0 }
    }

    /// Four bytes that are a positive integer of exactly four bytes in BER (X.690, section 8.3.2): 2^30 to 2^31 - 1.
    #[must_use]
    pub const fn ber_integer(at: usize) -> Self {
        Self { at, len: 4, free: 0x3f, fixed: 0x40 }
    }

    /// One byte without its highest bit.
    #[must_use]
    pub const fn seven_bits(at: usize) -> Self {
        Self { at, len: 1, free: 0x7f, fixed: 0 }
    }

    /// The first byte.
    #[must_use]
    pub const fn at(self) -> usize {
        self.at
    }

    /// How many bytes: 1 to 8.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "it is never empty")]
    pub const fn len(self) -> usize {
        self.len
    }

    /// One behind the last byte.
    #[must_use]
    pub const fn end(self) -> usize {
        self.at.saturating_add(self.len)
    }

    /// How many bits are free: a forged answer is accepted with probability 2^-bits.
    #[must_use]
    pub const fn bits(self) -> u32 {
        (self.len as u32).saturating_sub(1) * 8 + self.free.count_ones()
    }

    /// Writes the upper bytes of a token to the beginning of `out` and returns how many.
    pub fn write(self, token: u64, out: &mut [u8; 8]) -> usize {
        *out = token.to_be_bytes();
        out[0] = out[0] & self.free | self.fixed;
        self.len
    }

    /// The token as it is written, in the upper bytes of a word whose others are zero.
    pub(crate) const fn word(self, token: u64) -> u64 {
        let first = (token >> 56) as u8 & self.free | self.fixed;
        let word = token << 8 >> 8 | (first as u64) << 56;
        match self.len {
            8.. => word,
            len => word & !(u64::MAX >> (8 * len)),
        }
    }
}
