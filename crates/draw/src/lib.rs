//! Who is drawn for an audit.
//!
//! Each item gets a ticket, SHA-256 over seed and item; the lowest tickets are drawn. A ticket does not depend on what
//! else is listed, so a draw is repeated from its seed and its frame by anybody, in any order. The seed is an argument:
//! where it comes from decides who could have foreseen it.

use sha2::{Digest, Sha256};

/// Name of the method, published with every draw.
pub const METHOD: &str = "sha256-ticket-v1";

/// A drawn item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drawn<'a> {
    /// The item, as it stands in the frame.
    pub item: &'a str,
    /// Its ticket.
    pub ticket: [u8; 32],
}

/// The ticket of an item.
#[must_use]
pub fn ticket(seed: &[u8; 32], item: &str) -> [u8; 32] {
    let mut hash = Sha256::new_with_prefix(METHOD);
    hash.update(seed);
    hash.update((item.len() as u64).to_be_bytes());
    hash.update(item);
    hash.finalize().into()
}

/// Draws `size` of the frame, or all of it when it is smaller; lowest ticket first. An item that is listed twice counts
/// once.
#[must_use]
pub fn select<'a>(seed: &[u8; 32], frame: &[&'a str], size: usize) -> Vec<Drawn<'a>> {
    let mut tickets: Vec<_> = frame.iter().map(|item| Drawn { item, ticket: ticket(seed, item) }).collect();
    tickets.sort_unstable_by(|a, b| (a.ticket, a.item).cmp(&(b.ticket, b.item)));
    tickets.dedup();
    tickets.truncate(size);
    tickets
}

/// Identity of a frame: SHA-256 over its items in their order, duplicates out.
#[must_use]
pub fn frame_root(frame: &[&str]) -> [u8; 32] {
    let mut items = frame.to_vec();
    items.sort_unstable();
    items.dedup();
    let mut hash = Sha256::new_with_prefix("muster.frame.v1");
    for item in items {
        hash.update((item.len() as u64).to_be_bytes());
        hash.update(item);
    }
    hash.finalize().into()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{frame_root, select};

    #[test]
    fn every_item_is_drawn_about_equally_often() {
        // 4,000 draws of 5 out of 20: each is expected 1,000 times, standard deviation 27; 6 of them are 164.
        let items: Vec<String> = (0..20).map(|n| format!("corp/10.0.0.{n}")).collect();
        let frame: Vec<&str> = items.iter().map(String::as_str).collect();
        let mut counts = [0_u32; 20];
        for round in 0_u32..4_000 {
            let mut seed = [0; 32];
            seed[..4].copy_from_slice(&round.to_be_bytes());
            for drawn in select(&seed, &frame, 5) {
                counts[frame.iter().position(|item| *item == drawn.item).unwrap()] += 1;
            }
        }
        assert!(counts.iter().all(|count| count.abs_diff(1_000) < 164), "{counts:?}");
    }

    proptest! {
        #[test]
        fn the_order_of_the_frame_does_not_matter(seed: [u8; 32], mut items in prop::collection::vec("[a-z]{1,6}", 0..40), size in 0_usize..50) {
            let frame: Vec<&str> = items.iter().map(String::as_str).collect();
            let drawn: Vec<_> = select(&seed, &frame, size).iter().map(|drawn| (drawn.item.to_owned(), drawn.ticket)).collect();
            let root = frame_root(&frame);
            items.reverse();
            let frame: Vec<&str> = items.iter().map(String::as_str).collect();
            let again: Vec<_> = select(&seed, &frame, size).iter().map(|drawn| (drawn.item.to_owned(), drawn.ticket)).collect();
            prop_assert_eq!(drawn, again);
            prop_assert_eq!(root, frame_root(&frame));
        }

        #[test]
        fn a_host_that_is_added_moves_nobody_elses_ticket(seed: [u8; 32], items in prop::collection::btree_set("[a-z]{1,6}", 1..40)) {
            let frame: Vec<&str> = items.iter().map(String::as_str).collect();
            let all = select(&seed, &frame, frame.len());
            let fewer = select(&seed, &frame[1..], frame.len());
            prop_assert!(fewer.iter().all(|drawn| all.contains(drawn)));
        }
    }
}
