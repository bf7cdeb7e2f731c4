//! One bit for each unit of a slice, least significant bit first, as it stands in a slice message.

/// A fixed number of bits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bitmap {
    bits: Vec<u8>,
    len: u32,
}

/// Why bytes are no bitmap of a length.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BitmapError {
    /// Neither empty nor the length that the number of bits needs.
    #[error("failed to read a bitmap of {len} bits: {bytes} bytes instead of {}", len.div_ceil(8))]
    Length {
        /// Bits wanted.
        len: u32,
        /// Bytes found.
        bytes: usize,
    },
    /// A bit beyond the last unit.
    #[error("failed to read a bitmap of {len} bits: bit {bit} is set")]
    Beyond {
        /// Bits wanted.
        len: u32,
        /// The bit found.
        bit: u32,
    },
}

impl Bitmap {
    /// `len` zeros.
    #[must_use]
    pub fn new(len: u32) -> Self {
        Self { bits: vec![0; len.div_ceil(8) as usize], len }
    }

    /// Reads a message's bytes; none at all are `len` zeros.
    ///
    /// # Errors
    /// When the length does not fit, or a bit beyond `len` is set.
    pub fn from_bytes(len: u32, bytes: &[u8]) -> Result<Self, BitmapError> {
        if bytes.is_empty() {
            return Ok(Self::new(len));
        }
        if bytes.len() != len.div_ceil(8) as usize {
            return Err(BitmapError::Length { len, bytes: bytes.len() });
        }
        let bitmap = Self { bits: bytes.to_vec(), len: len.next_multiple_of(8) };
        if let Some(bit) = (len..bitmap.len).find(|bit| bitmap.get(*bit)) {
            return Err(BitmapError::Beyond { len, bit });
        }
        Ok(Self { len, ..bitmap })
    }

    /// The bytes for a message: none when no bit is set.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        if self.bits.iter().all(|byte| *byte == 0) { Vec::new() } else { self.bits.clone() }
    }

    /// Number of bits.
    #[must_use]
    pub const fn len(&self) -> u32 {
        self.len
    }

    /// Whether there are no bits.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Sets a bit; one that does not exist is ignored.
    pub fn set(&mut self, bit: u32) {
        if bit < self.len
            && let Some(byte) = self.bits.get_mut((bit / 8) as usize)
        {
            *byte |= 1 << (bit % 8);
        }
    }

    /// Whether a bit is set; one that does not exist is not.
    #[must_use]
    pub fn get(&self, bit: u32) -> bool {
        bit < self.len && self.bits.get((bit / 8) as usize).is_some_and(|byte| byte & (1 << (bit % 8)) != 0)
    }

    /// How many bits are set.
    #[must_use]
    pub fn count(&self) -> u32 {
        self.bits.iter().map(|byte| byte.count_ones()).sum()
    }

    /// The set bits, ascending.
    pub fn ones(&self) -> impl Iterator<Item = u32> + '_ {
        (0..self.len).filter(|bit| self.get(*bit))
    }

    /// Whether a bit is set in both.
    #[must_use]
    pub fn overlaps(&self, other: &Self) -> bool {
        self.bits.iter().zip(&other.bits).any(|(mine, theirs)| mine & theirs != 0)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    proptest! {
        #[test]
        fn behaves_like_a_set(len in 1_u32..1_001, bits in proptest::collection::btree_set(0_u32..1_001, 0..50)) {
            let mut bitmap = Bitmap::new(len);
            bits.iter().for_each(|bit| bitmap.set(*bit));
            let expected: BTreeSet<u32> = bits.into_iter().filter(|bit| *bit < len).collect();
            prop_assert_eq!(bitmap.count() as usize, expected.len());
            prop_assert_eq!(bitmap.ones().collect::<BTreeSet<_>>(), expected);
            prop_assert_eq!(Bitmap::from_bytes(len, &bitmap.to_bytes()).unwrap(), bitmap);
        }

        #[test]
        fn any_bytes_are_read_or_refused(len in 0_u32..2_000, bytes in proptest::collection::vec(any::<u8>(), 0..260)) {
            if let Ok(bitmap) = Bitmap::from_bytes(len, &bytes) {
                prop_assert!(bitmap.ones().all(|bit| bit < len));
            }
        }
    }

    #[test]
    fn the_least_significant_bit_comes_first() {
        let mut bitmap = Bitmap::new(10);
        bitmap.set(0);
        bitmap.set(9);
        assert_eq!(bitmap.to_bytes(), [0b1, 0b10]);
    }

    #[test]
    fn a_bit_beyond_the_last_unit_is_refused() {
        assert_eq!(Bitmap::from_bytes(10, &[0, 4]), Err(BitmapError::Beyond { len: 10, bit: 10 }));
        assert_eq!(Bitmap::from_bytes(10, &[0]), Err(BitmapError::Length { len: 10, bytes: 1 }));
    }
}
