//! A keyed permutation of 0..n: the generalised Feistel cipher of Black and Rogaway, "Ciphers with Arbitrary Finite
//! Domains" (CT-RSA 2002), section 5, with cycle walking.
//!
//! It spreads a scan over its targets; it is not meant to hide anything, so the round function is a mixer (the
//! finaliser of SplitMix64, Steele, Lea and Flood 2014) and not a cipher.

/// Eight rounds: four make the order look random to a target, eight leave room for the weak round function.
const ROUNDS: usize = 8;

/// A bijection of `0..n` chosen by a key.
#[derive(Debug, Clone)]
pub struct Permutation {
    n: u64,
    /// The domain is `a * b`, at least `n` and less than `n + a`: one walk in about `sqrt(n)`.
    a: u64,
    b: u64,
    round_keys: [u64; ROUNDS],
}

impl Permutation {
    /// The permutation of `0..n` under `key`. Of `n = 0` nothing can be asked.
    #[must_use]
    pub fn new(key: [u8; 16], n: u32) -> Self {
        let n = u64::from(n);
        let a = ceil_sqrt(n).max(1);
        let b = n.div_ceil(a).max(1);
        let (low, high) = key.split_at(8);
        let mut state = [read(low), read(high)];
        let round_keys = std::array::from_fn(|round| {
            let word = &mut state[round % 2];
            *word = word.wrapping_add(0x9e37_79b9_7f4a_7c15);
            mix(*word)
        });
        Self { n, a, b, round_keys }
    }

    /// Number of elements.
    #[must_use]
    pub const fn len(&self) -> u64 {
        self.n
    }

    /// Whether there is nothing to permute.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.n == 0
    }

    /// Where `index` goes; `None` when it is not below n.
    #[must_use]
    pub fn forward(&self, index: u32) -> Option<u32> {
        let mut value = u64::from(index);
        if value >= self.n {
            return None;
        }
        loop {
            value = self.encrypt(value);
            if value < self.n {
                return u32::try_from(value).ok();
            }
        }
    }

    /// Which index goes to `image`; `None` when it is not below n.
    #[must_use]
    pub fn backward(&self, image: u32) -> Option<u32> {
        let mut value = u64::from(image);
        if value >= self.n {
            return None;
        }
        loop {
            value = self.decrypt(value);
            if value < self.n {
                return u32::try_from(value).ok();
            }
        }
    }

    fn encrypt(&self, value: u64) -> u64 {
        let (mut left, mut right) = (value % self.a, value / self.a);
        for (round, key) in self.round_keys.iter().enumerate() {
            let next = (left + mix(right ^ key) % self.modulus(round)) % self.modulus(round);
            left = right;
            right = next;
        }
        self.a * right + left
    }

    fn decrypt(&self, value: u64) -> u64 {
        let (mut left, mut right) = (value % self.a, value / self.a);
        for (round, key) in self.round_keys.iter().enumerate().rev() {
            let modulus = self.modulus(round);
            let previous = (right + modulus - mix(left ^ key) % modulus) % modulus;
            right = left;
            left = previous;
        }
        self.a * right + left
    }

    const fn modulus(&self, round: usize) -> u64 {
        if round.is_multiple_of(2) { self.a } else { self.b }
    }
}

fn read(half: &[u8]) -> u64 {
    half.iter().fold(0, |word, byte| word << 8 | u64::from(*byte))
}

const fn mix(mut word: u64) -> u64 {
    word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}

const fn ceil_sqrt(n: u64) -> u64 {
    let root = n.isqrt();
    if root * root == n { root } else { root + 1 }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_index_has_one_image_and_every_image_one_index(key: [u8; 16], n in 1_u32..5_000) {
            let permutation = Permutation::new(key, n);
            let mut seen = vec![false; n as usize];
            for index in 0..n {
                let image = permutation.forward(index).unwrap();
                prop_assert!(!std::mem::replace(&mut seen[image as usize], true));
                prop_assert_eq!(permutation.backward(image), Some(index));
            }
        }

        #[test]
        fn large_domains_round_trip(key: [u8; 16], n in 1_u32.., index: u32) {
            let permutation = Permutation::new(key, n);
            let image = permutation.forward(index % n).unwrap();
            prop_assert!(image < n);
            prop_assert_eq!(permutation.backward(image), Some(index % n));
            prop_assert_eq!(permutation.forward(n), None);
        }
    }

    #[test]
    fn another_key_is_another_order() {
        let order =
            |key| (0..1_000).map(|i| Permutation::new([key; 16], 1_000).forward(i).unwrap()).collect::<Vec<_>>();
        assert_ne!(order(1), order(2));
    }

    #[test]
    fn neighbours_are_torn_apart() {
        // Of 65,535 neighbouring pairs about 65,535 * 512 / 65,536 = 512 land within 256 of each other by chance.
        let permutation = Permutation::new(*b"neighbours apart", 65_536);
        let close = (0..65_535)
            .filter(|i| permutation.forward(*i).unwrap().abs_diff(permutation.forward(i + 1).unwrap()) < 256)
            .count();
        assert!((300..800).contains(&close), "{close} pairs");
    }
}
