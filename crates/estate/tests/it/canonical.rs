//! One content, one encoding; another content, another.

use muster_estate::canonical::{canonical, content_sha256};
use muster_estate::diff::diff;
use muster_estate::model::{Approval, PortRange, Site, Transport};
use proptest::prelude::*;

use crate::strategy;

fn without_revision(site: &Site) -> Site {
    Site { revision: 0, ..site.clone() }
}

proptest! {
    #[test]
    fn encodings_are_equal_when_the_contents_are(a in strategy::site(), b in strategy::site()) {
        let equal = without_revision(&a) == without_revision(&b);
        prop_assert_eq!(canonical(&a) == canonical(&b), equal);
        prop_assert_eq!(diff(&a, &b).is_empty(), equal);
        prop_assert!(diff(&a, &a).is_empty());
    }

    #[test]
    fn every_mutation_changes_the_encoding(site in strategy::site(), which in 0..16_usize) {
        let mut other = site.clone();
        mutate(&mut other, which);
        prop_assert_ne!(canonical(&site), canonical(&other));
        prop_assert!(!diff(&site, &other).is_empty());
    }

    #[test]
    fn the_revision_is_not_part_of_the_content(site in strategy::site(), revision in any::<u64>()) {
        prop_assert_eq!(content_sha256(&site), content_sha256(&Site { revision, ..site.clone() }));
    }
}

fn mutate(site: &mut Site, which: usize) {
    match which {
        0 => site.name.push('x'),
        1 => site.realm.push('x'),
        2 => site.time_zone.push('x'),
        3 => drop(site.ranges.pop()),
        4 => match site.zones.pop() {
            Some(_) => {}
            None => site.removed = !site.removed,
        },
        5 => site.scope.include.push("10.0.9.0/24".parse().unwrap()),
        6 => site.scope.exclude.push("10.0.9.0/24".parse().unwrap()),
        7 => site.scope.rate_site_pps += 1,
        8 => site.scope.rate_host_pps += 1,
        9 => site.scope.never_payload.push(PortRange { transport: Transport::Udp, first: 9, last: 9 }),
        10 => site.scope.signature.push(1),
        11 => site.scope.signer.push(1),
        12 => site.absent_after_sweeps += 1,
        13 => site.removed = !site.removed,
        15 => site.scope.rate_build_pps += 1,
        14 => site.seen_within += jiff::SignedDuration::from_nanos(1),
        _ => match site.zones.first_mut() {
            // Moves a letter from one field to the next: lengths have to tell the two apart.
            Some(zone) => zone.approvals.push(Approval {
                ports: PortRange { transport: Transport::Tcp, first: 1, last: 1 },
                role: Some(String::new()),
                reason: String::new(),
            }),
            None => site.absent_after_sweeps += 1,
        },
    }
}

#[test]
fn the_encoding_of_a_known_site_stays() {
    // Signatures in the world depend on it: when this changes, the domain "muster.v1.site" has to change too.
    insta::assert_snapshot!(hex::encode(canonical(&strategy::small())));
}
