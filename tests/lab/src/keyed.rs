//! A keyed hash: everything that looks random in the lab follows from a seed.

/// What is hashed, so that no two questions share their answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Domain {
    Host = 1,
    Port = 2,
    LossIn = 3,
    LossOut = 4,
    RoundTrip = 5,
    Duplicate = 6,
    Late = 7,
    Sequence = 8,
}

/// 64 bits of a number under a seed: the finaliser of SplitMix64 (Steele, Lea, Flood, "Fast Splittable Pseudorandom
/// Number Generators", OOPSLA 2014, figure 16), once for each word. It spreads well and is no cryptography, which a lab
/// does not need.
pub(crate) const fn hash(seed: u64, domain: Domain, number: u64) -> u64 {
    mix(mix(seed ^ ((domain as u64) << 56)).wrapping_add(number))
}

/// Whether a number is among so many of a million.
pub(crate) const fn hits(seed: u64, domain: Domain, number: u64, of_a_million: u32) -> bool {
    below(hash(seed, domain, number), of_a_million)
}

/// Whether a hash lies in the first so many millionths of all hashes.
pub(crate) const fn below(hash: u64, of_a_million: u32) -> bool {
    // The upper 44 bits: 2^44 times a million is below 2^64.
    (hash >> 20) * 1_000_000 < (of_a_million as u64) << 44
}

const fn mix(number: u64) -> u64 {
    let z = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::{Domain, hits};

    #[test]
    fn shares_are_what_they_are_said_to_be() {
        for share in [0, 20_000, 50_000, 500_000, 1_000_000] {
            let hit = (0..200_000).filter(|number| hits(7, Domain::LossIn, *number, share)).count();
            let expected = f64::from(share) / 1e6 * 200_000.0;
            // Five standard deviations of a binomial count.
            let spread = 5.0 * (expected * (1.0 - f64::from(share) / 1e6)).sqrt();
            assert!((hit as f64 - expected).abs() <= spread, "{hit} of 200,000 at {share} of a million");
        }
    }

    #[test]
    fn seeds_and_domains_differ() {
        let of = |seed, domain| (0..1_000).filter(|number| hits(seed, domain, *number, 500_000)).collect::<Vec<_>>();
        assert_ne!(of(1, Domain::LossIn), of(2, Domain::LossIn));
        assert_ne!(of(1, Domain::LossIn), of(1, Domain::LossOut));
        assert_eq!(of(1, Domain::LossIn), of(1, Domain::LossIn));
    }
}
