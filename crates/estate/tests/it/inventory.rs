//! Chunks, comparison and the state, against a map.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

use jiff::Timestamp;
use muster_estate::inventory::{
    Import, InventoryState, Outcome, StateError, canonical_asset, check_assets, compare, import, read_csv,
};
use muster_estate::limits::CHUNK_BYTES_MAX;
use muster_estate::model::{Asset, Identifier, IdentifierKind};
use muster_ids::ImportId;
use proptest::collection::vec;
use proptest::prelude::*;

fn asset(key: u32, owner: &str, address: Option<u32>) -> Asset {
    let kind = |low| IdentifierKind::Address(IpAddr::from(Ipv4Addr::from_bits(0x7f14_0000 | low)));
    Asset {
        key: format!("a{key}"),
        name: String::new(),
        owner: owner.to_owned(),
        support_group: String::new(),
        role: String::new(),
        zone: String::new(),
        base_image: String::new(),
        criticality: String::new(),
        identifiers: address
            .map(|low| Identifier { kind: kind(low), valid_from: None, valid_until: None })
            .into_iter()
            .collect(),
        claims: Vec::new(),
    }
}

fn assets(count: u32) -> Vec<Asset> {
    (0..count).map(|key| asset(key, "ann", Some(key))).collect()
}

fn take(state: &mut InventoryState, revision: u64, import: &Import) -> Result<Outcome, StateError> {
    let id = ImportId::of_revision("dublin", revision);
    for chunk in &import.chunks {
        state.add_chunk(id, chunk.index, chunk.assets.clone())?;
    }
    state.complete(id, revision, &import.manifest)
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

#[test]
fn an_import_is_cut_by_count_and_by_bytes() {
    let by_count = import(assets(2_500));
    assert_eq!(by_count.chunks.iter().map(|chunk| chunk.assets.len()).collect::<Vec<_>>(), [1_000, 1_000, 500]);
    assert_eq!((by_count.manifest.chunks, by_count.manifest.rows), (3, 2_500));

    let owner = "x".repeat(4_000);
    let by_bytes = import((0..200).map(|key| asset(key, &owner, None)).collect());
    assert!(by_bytes.chunks.len() > 3);
    for chunk in &by_bytes.chunks {
        let bytes: usize = chunk.assets.iter().map(|asset| canonical_asset(asset).len()).sum();
        assert!(bytes <= CHUNK_BYTES_MAX);
    }
}

#[test]
fn the_root_hash_depends_on_the_content_and_not_on_its_order() {
    let mut reversed = assets(1_500);
    reversed.reverse();
    assert_eq!(import(reversed), import(assets(1_500)));
    let mut other = assets(1_500);
    other[700].owner = "bob".to_owned();
    assert_ne!(import(other).manifest, import(assets(1_500)).manifest);
}

#[test]
fn an_import_takes_effect_once_and_as_a_whole() {
    let mut state = InventoryState::default();
    let all = import(assets(2_500));
    let id = ImportId::of_revision("dublin", 1);
    state.add_chunk(id, 0, all.chunks[0].assets.clone()).unwrap();
    assert!(state.is_empty());
    let missing = state.complete(id, 1, &all.manifest);
    assert!(matches!(missing, Err(StateError::ChunksMissing { wanted: 3, found: 1, .. })));
    assert!(state.is_empty());

    let Ok(Outcome::Applied(effect)) = take(&mut state, 1, &all) else { panic!("refused") };
    assert_eq!((effect.upserted.len(), effect.removed.len(), state.len(), state.revision()), (2_500, 0, 2_500, 1));
    assert_eq!(take(&mut state, 1, &all), Ok(Outcome::AlreadyApplied));

    let smaller = import(assets(2_000));
    let Ok(Outcome::Applied(effect)) = take(&mut state, 2, &smaller) else { panic!("refused") };
    assert_eq!((effect.upserted.len(), effect.removed.len(), effect.from, effect.to), (0, 500, 1, 2));
}

#[test]
fn a_forged_import_has_no_effect() {
    let all = import(assets(1_500));
    let mut wrong_root = all.clone();
    wrong_root.manifest.root_sha256[0] ^= 1;
    let mut wrong_rows = all.clone();
    wrong_rows.manifest.rows += 1;
    let mut swapped = all.clone();
    swapped.chunks[0].assets[0].owner = "mallory".to_owned();
    let mut twice = all.clone();
    twice.chunks[1].assets = twice.chunks[0].assets[..500].to_vec();
    for forged in [wrong_root, wrong_rows, swapped, twice] {
        let mut state = InventoryState::default();
        assert!(take(&mut state, 1, &forged).is_err());
        assert!(state.is_empty() && state.revision() == 0);
    }
    let mut state = InventoryState::default();
    let id = ImportId::of_revision("dublin", 1);
    state.add_chunk(id, 0, assets(1)).unwrap();
    state.add_chunk(id, 0, assets(1)).unwrap();
    assert!(matches!(state.add_chunk(id, 0, assets(2)), Err(StateError::ChunkDiffers { index: 0, .. })));
}

#[test]
fn more_than_a_tenth_may_not_vanish_silently() {
    let all = assets(100);
    assert!(!compare(&all, &all[10..]).would_vanish_too_many());
    assert!(compare(&all, &all[11..]).would_vanish_too_many());
    assert!(compare(&all, &[]).would_vanish_too_many());
    assert!(!compare(&[], &all).would_vanish_too_many());
    assert!(compare(&assets(1), &[]).would_vanish_too_many());
}

#[test]
fn assets_from_elsewhere_obey_the_same_rules() {
    assert!(check_assets(&assets(500)).is_ok());
    let unsound =
        [asset(1, "ann", Some(1)), asset(1, "bob", None), asset(2, "", Some(1)), asset(3, &"x".repeat(5_000), None)];
    insta::assert_snapshot!(check_assets(&unsound).unwrap_err());
}

#[test]
fn an_address_belongs_to_its_asset_while_it_is_valid() {
    let csv = "key,address,valid_from,valid_until\n\
               a1,127.0.0.1,,2026-01-01T00:00:00Z\n\
               a2,127.0.0.1,2026-01-01T00:00:00Z,2026-02-01T00:00:00Z\n";
    let state = InventoryState::restore(1, read_csv("moves.csv", csv.as_bytes()).unwrap()).unwrap();
    let holder = |time: &str| {
        state.by_address("127.0.0.1".parse().unwrap(), time.parse().unwrap()).map(|asset| asset.key.as_str())
    };
    assert_eq!(holder("2025-12-31T23:59:59Z"), Some("a1"));
    assert_eq!(holder("2026-01-01T00:00:00Z"), Some("a2"));
    assert_eq!(holder("2026-02-01T00:00:00Z"), None);
}

/// An entry of the log: revisions may come again and out of order.
type Step = (u64, Vec<(u32, bool, Option<u32>)>, Vec<u32>, bool);

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let upserts = vec((0..12_u32, any::<bool>(), proptest::option::of(0..6_u32)), 0..6);
    vec((0..12_u64, upserts, vec(0..12_u32, 0..4), any::<bool>()), 0..12)
}

proptest! {
    #[test]
    fn the_state_is_the_fold_of_its_log(steps in steps()) {
        let mut state = InventoryState::default();
        let mut model: BTreeMap<String, Asset> = BTreeMap::new();
        let mut revision = 0;
        for (next, upserts, removals, is_import) in steps {
            let upserts: BTreeMap<String, Asset> = upserts
                .into_iter()
                .map(|(key, owned, address)| asset(key, if owned { "ann" } else { "" }, address))
                .map(|asset| (asset.key.clone(), asset))
                .collect();
            let removals: Vec<String> = removals.into_iter().map(|key| format!("a{key}")).collect();
            let before = model.clone();
            if next > revision {
                revision = next;
                if is_import {
                    model = upserts.clone();
                } else {
                    model.retain(|key, _| !removals.contains(key));
                    model.extend(upserts.clone());
                }
            }
            let list: Vec<Asset> = upserts.into_values().collect();
            let outcome = if is_import {
                take(&mut state, next, &import(list))
            } else {
                state.apply_delta(next, list, &removals)
            };
            prop_assert_eq!(state.assets().collect::<Vec<_>>(), model.values().collect::<Vec<_>>());
            prop_assert_eq!(state.revision(), revision);
            if let Outcome::Applied(effect) = outcome.unwrap() {
                let comparison = compare(before.values(), model.values());
                prop_assert_eq!(effect.removed, comparison.removed);
                prop_assert_eq!(effect.upserted.len(), comparison.added.len() + comparison.changed.len());
            }
            for low in 0..6 {
                let address = IpAddr::from(Ipv4Addr::from_bits(0x7f14_0000 | low));
                let kind = IdentifierKind::Address(address);
                let holders = model.values().filter(|asset| asset.identifiers.iter().any(|own| own.kind == kind));
                let holders: Vec<&Asset> = holders.collect();
                prop_assert_eq!(state.by_address(address, at(0)), holders.first().copied());
                prop_assert_eq!(state.holders(address, at(0)), holders);
            }
        }
    }

    #[test]
    fn the_order_of_identifiers_says_nothing(mut addresses in vec(0..200_u32, 0..9)) {
        let with = |addresses: &[u32]| Asset {
            identifiers: addresses.iter().flat_map(|low| asset(0, "", Some(*low)).identifiers).collect(),
            ..asset(0, "", None)
        };
        let before = canonical_asset(&with(&addresses));
        addresses.reverse();
        prop_assert_eq!(before, canonical_asset(&with(&addresses)));
    }
}
