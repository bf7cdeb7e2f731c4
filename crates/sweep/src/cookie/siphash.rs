//! SipHash-2-4: Aumasson and Bernstein, "SipHash: a fast short-input PRF" (INDOCRYPT 2012), section 2. Written from
//! the paper, because what comes first in a message here stays the same for a whole sweep and is hashed once.

/// The state after some whole words.
#[derive(Debug, Clone, Copy)]
pub(super) struct SipHash {
    v: [u64; 4],
    len: u8,
}

impl SipHash {
    /// Section 2.1: initialisation.
    pub(super) const fn new(key: [u64; 2]) -> Self {
        let [k0, k1] = key;
        let v = [
            k0 ^ 0x736f_6d65_7073_6575,
            k1 ^ 0x646f_7261_6e64_6f6d,
            k0 ^ 0x6c79_6765_6e65_7261,
            k1 ^ 0x7465_6462_7974_6573,
        ];
        Self { v, len: 0 }
    }

    /// Section 2.2: one word of the message, eight bytes in little-endian order.
    #[must_use]
    #[inline]
    pub(super) const fn word(self, word: u64) -> Self {
        let Self { v: [v0, v1, v2, v3], len } = self;
        let [v0, v1, v2, v3] = round(round([v0, v1, v2, v3 ^ word]));
        Self { v: [v0 ^ word, v1, v2, v3], len: len.wrapping_add(8) }
    }

    /// Section 2.3: the hash of a message that ends here. The last word holds its length alone.
    #[inline]
    pub(super) const fn finish(self) -> u64 {
        let last = (self.len as u64) << 56;
        let [v0, v1, v2, v3] = self.word(last).v;
        let [v0, v1, v2, v3] = round(round(round(round([v0, v1, v2 ^ 0xff, v3]))));
        v0 ^ v1 ^ v2 ^ v3
    }
}

/// Figure 2.1: SipRound.
#[inline]
const fn round([mut v0, mut v1, mut v2, mut v3]: [u64; 4]) -> [u64; 4] {
    v0 = v0.wrapping_add(v1);
    v2 = v2.wrapping_add(v3);
    v1 = v1.rotate_left(13) ^ v0;
    v3 = v3.rotate_left(16) ^ v2;
    v0 = v0.rotate_left(32);
    v2 = v2.wrapping_add(v1);
    v0 = v0.wrapping_add(v3);
    v1 = v1.rotate_left(17) ^ v2;
    v3 = v3.rotate_left(21) ^ v0;
    v2 = v2.rotate_left(32);
    [v0, v1, v2, v3]
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

    use super::*;
    use proptest::prelude::*;
    use std::hash::Hasher;

    proptest! {
        #[test]
        #[allow(deprecated, reason = "the standard library's SipHash-2-4 is deprecated, and right")]
        fn it_is_the_siphash_of_the_standard_library(
            k0: u64, k1: u64, words in proptest::collection::vec(any::<u64>(), 0..9),
        ) {
            let mut theirs = std::hash::SipHasher::new_with_keys(k0, k1);
            let mut ours = SipHash::new([k0, k1]);
            for word in words {
                theirs.write(&word.to_le_bytes());
                ours = ours.word(word);
            }
            prop_assert_eq!(ours.finish(), theirs.finish());
        }
    }

    #[test]
    fn a_vector_of_the_reference_implementation() {
        // Key 00..0f, message 00..07: the ninth of its 64 vectors.
        let key = [0x0706_0504_0302_0100, 0x0f0e_0d0c_0b0a_0908];
        assert_eq!(SipHash::new(key).word(0x0706_0504_0302_0100).finish(), 0x93f5_f579_9a93_2462);
    }
}
