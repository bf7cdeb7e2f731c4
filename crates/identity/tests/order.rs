//! What is decided does not depend on the order in which sightings came, nor on when it was asked.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use std::net::IpAddr;

use jiff::Timestamp;
use muster_identity::{Identities, Key, Kind, Policy, Sighting};
use proptest::collection::vec;
use proptest::prelude::*;

fn sighting() -> impl Strategy<Value = Sighting> {
    let key = (0..6_usize, 0..3_u8).prop_map(|(kind, value)| match kind {
        0 => Key::new(Kind::SmbGuid, format!("g{value}")),
        1 => Key::new(Kind::SshHostKey, format!("s{value}")),
        2 => Key::new(Kind::TlsKey, format!("t{value}")),
        3 => Key::new(Kind::DhcpClientId, format!("d{value}")),
        4 => Key::new(Kind::Mac, format!("{}:00:00:00:00:0{value}", ["00", "02"][usize::from(value % 2)])),
        _ => Key::new(Kind::Name, format!("n{value}")),
    });
    (0..12_i64, 0..5_u8, vec(key, 0..4)).prop_map(|(day, last, keys)| Sighting {
        at: Timestamp::from_second(day * 86_400).expect("in range"),
        address: IpAddr::from([10, 0, 0, last]),
        keys,
    })
}

proptest! {
    #[test]
    fn the_order_of_sightings_says_nothing(
        (sightings, shuffled) in vec(sighting(), 0..30)
            .prop_flat_map(|sightings| (Just(sightings.clone()), Just(sightings).prop_shuffle())),
        ask_every in 1_usize..8,
    ) {
        let mut at_once = Identities::new(Policy::default());
        for sighting in &sightings {
            at_once.see(sighting.clone()).expect("room");
        }
        at_once.resolve();
        let mut bit_by_bit = Identities::new(Policy::default());
        for (index, sighting) in shuffled.iter().enumerate() {
            bit_by_bit.see(sighting.clone()).expect("room");
            if index % ask_every == 0 {
                bit_by_bit.resolve();
            }
        }
        bit_by_bit.resolve();
        prop_assert_eq!(at_once.hosts(), bit_by_bit.hosts());
        prop_assert_eq!(at_once.ambiguous(), bit_by_bit.ambiguous());
        // Every sighting belongs to a host, and nothing changes where nothing came.
        for sighting in &sightings {
            prop_assert!(at_once.host_of(sighting.address, &sighting.keys).is_some());
        }
        prop_assert_eq!(bit_by_bit.resolve(), Vec::new());
    }
}
