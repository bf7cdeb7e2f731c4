//! Several sources of one inventory.

use muster_estate::inventory::{Merged, Stated, check_assets, compare, import, merge};
use muster_estate::model::{Asset, Identifier, IdentifierKind};
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;

fn identifier(text: &str) -> Identifier {
    let (kind, value) = text.split_once(' ').expect("kind and value");
    let kind = match kind {
        "address" => IdentifierKind::Address(value.parse().expect("an address")),
        "mac" => IdentifierKind::Mac(value.to_owned()),
        "fqdn" => IdentifierKind::Fqdn(value.to_owned()),
        "serial" => IdentifierKind::Serial(value.to_owned()),
        other => panic!("no kind {other}"),
    };
    Identifier { kind, valid_from: None, valid_until: None }
}

fn stated(key: &str, owner: &str, zone: &str, identifiers: &[&str]) -> Stated {
    let asset = Asset {
        key: key.to_owned(),
        name: String::new(),
        owner: owner.to_owned(),
        support_group: String::new(),
        role: String::new(),
        zone: zone.to_owned(),
        base_image: String::new(),
        criticality: String::new(),
        identifiers: identifiers.iter().map(|text| identifier(text)).collect(),
        claims: Vec::new(),
    };
    Stated { asset, last_seen: None }
}

fn then(before: &[Asset], source: &str, next: &[Stated], precedence: &[&str]) -> Merged {
    let precedence: Vec<String> = precedence.iter().map(|source| (*source).to_owned()).collect();
    let merged = merge(before.to_vec(), source, next.to_vec(), &precedence).expect("it merges");
    check_assets(&merged.assets).expect("an inventory may hold it");
    merged
}

fn lines(assets: &[Asset]) -> Vec<String> {
    let line = |asset: &Asset| {
        let sources: Vec<&str> = asset.claims.iter().map(|claim| claim.source.as_str()).collect();
        format!("{} owner={} zone={} by={}", asset.key, asset.owner, asset.zone, sources.join(","))
    };
    assets.iter().map(line).collect()
}

#[test]
fn the_csv_alone_stays_as_it_was() {
    let first = then(&[], "csv", &[stated("a", "ann", "web", &["address 10.0.0.1"])], &[]);
    assert_eq!(lines(&first.assets), ["a owner=ann zone=web by="], "no claims, and so no other hash");
    let second = then(&first.assets, "csv", &[stated("b", "bob", "web", &["address 10.0.0.1"])], &[]);
    assert_eq!(lines(&second.assets), ["b owner=bob zone=web by="], "it replaces what was there");
    assert_eq!((second.of_source.added, second.of_source.removed), (vec!["b".to_owned()], vec!["a".to_owned()]));
}

#[test]
fn an_import_removes_only_what_its_own_source_said() {
    let csv = then(&[], "csv", &[stated("a", "ann", "", &[]), stated("b", "", "", &[])], &[]);
    let both = then(&csv.assets, "netbox", &[stated("b", "bob", "", &[]), stated("c", "", "", &[])], &[]);
    assert_eq!(
        lines(&both.assets),
        ["a owner=ann zone= by=csv", "b owner=bob zone= by=csv,netbox", "c owner= zone= by=netbox"],
        "and the owner that the first does not know comes from the second"
    );
    assert_eq!((both.shared, both.of_source.removed.len()), (1, 0));
    let less = then(&both.assets, "netbox", &[stated("c", "cat", "", &[])], &[]);
    assert_eq!(
        lines(&less.assets),
        ["a owner=ann zone= by=csv", "b owner= zone= by=csv", "c owner=cat zone= by=netbox"]
    );
    assert_eq!(less.of_source.removed, ["b"]);
    let none = then(&less.assets, "netbox", &[], &[]);
    assert_eq!(none.assets, csv.assets, "as if it had never spoken");
}

#[test]
fn the_precedence_decides_and_otherwise_who_came_first() {
    let ansible = [stated("web01", "ops", "web", &["fqdn web01.example.org"])];
    let servicenow = [stated("a1b2", "ann", "", &["fqdn web01.example.org"])];
    let first = then(&[], "ansible", &ansible, &[]);
    let usual = then(&first.assets, "servicenow", &servicenow, &[]);
    assert_eq!(lines(&usual.assets), ["web01 owner=ops zone=web by=ansible,servicenow"]);
    assert_eq!(usual.precedence, ["ansible", "servicenow"]);
    let declared = then(&first.assets, "servicenow", &servicenow, &["servicenow", "ad"]);
    assert_eq!(lines(&declared.assets), ["a1b2 owner=ann zone=web by=servicenow,ansible"], "the zone fills a gap");
    // Declared later, it counts from the next import on, whosever it is.
    let later = then(&usual.assets, "ansible", &ansible, &["servicenow"]);
    assert_eq!(lines(&later.assets), lines(&declared.assets));
}

#[test]
fn what_is_not_unique_or_contradicts_joins_nothing() {
    let mac = "mac 00:1a:2b:00:00:01";
    let one = then(&[], "netbox", &[stated("n1", "", "", &[mac]), stated("n2", "", "", &[mac])], &[]);
    let cloned = then(&one.assets, "ad", &[stated("d1", "", "", &[mac])], &[]);
    assert_eq!(cloned.assets.len(), 3, "two assets have that MAC: it says nothing");
    let one = then(&[], "netbox", &[stated("n1", "", "", &["mac 02:00:00:00:00:01"])], &[]);
    let local = then(&one.assets, "ad", &[stated("d1", "", "", &["mac 02:00:00:00:00:01"])], &[]);
    assert_eq!(local.assets.len(), 2, "a locally administered MAC is nobody's own");
    let one = then(&[], "netbox", &[stated("n1", "", "", &["serial A", "address 10.0.0.1"])], &[]);
    let other = then(&one.assets, "servicenow", &[stated("s1", "", "", &["serial B", "address 10.0.0.1"])], &[]);
    assert_eq!(other.assets.len(), 2, "another serial is another machine");
    let holders = |asset: &Asset| asset.identifiers.iter().any(|own| own.kind == identifier("address 10.0.0.1").kind);
    let holders: Vec<&str> = other.assets.iter().filter(|a| holders(a)).map(|a| a.key.as_str()).collect();
    assert_eq!(holders, ["n1"], "and the address belongs to the one that is believed first");
}

#[test]
fn last_seen_is_kept_a_source() {
    let at = |text: &str| Some(text.parse().expect("an instant"));
    let seen = |key: &str, when: &str| Stated { last_seen: at(when), ..stated(key, "", "", &[]) };
    let one = then(&[], "ad", &[seen("a", "2026-01-01T00:00:00Z")], &[]);
    let two = then(&one.assets, "servicenow", &[seen("a", "2026-02-01T00:00:00Z")], &[]);
    let seen: Vec<_> = two.assets[0].claims.iter().map(|claim| (claim.source.as_str(), claim.last_seen)).collect();
    assert_eq!(seen, [("ad", at("2026-01-01T00:00:00Z")), ("servicenow", at("2026-02-01T00:00:00Z"))]);
}

#[test]
fn a_source_needs_a_name() {
    for name in ["", "Net Box", "a,b", &"x".repeat(64)] {
        assert!(merge(Vec::new(), name, Vec::new(), &[]).is_err(), "{name:?}");
    }
}

const SOURCES: [&str; 4] = ["csv", "ansible", "netbox", "ad"];

fn source() -> impl Strategy<Value = Vec<Stated>> {
    let identifiers = vec(
        prop_oneof![
            (0..6_u8).prop_map(|n| format!("serial s{n}")),
            (0..6_u8).prop_map(|n| format!("mac 00:1a:2b:00:00:0{n}")),
            (0..6_u8).prop_map(|n| format!("fqdn h{n}.example.org")),
        ],
        0..4,
    );
    btree_map("[a-e]", ("[xy]?", identifiers, 0..6_u8), 0..5).prop_map(|assets| {
        let mut addresses = std::collections::BTreeSet::new();
        assets
            .into_iter()
            .map(|(key, (owner, identifiers, address))| {
                let address = addresses.insert(address).then(|| format!("address 10.0.0.{address}"));
                let identifiers: Vec<String> = identifiers.into_iter().chain(address).collect();
                stated(&key, &owner, "", &identifiers.iter().map(String::as_str).collect::<Vec<_>>())
            })
            .collect()
    })
}

proptest! {
    #[test]
    fn the_order_of_imports_says_nothing_where_the_precedence_is_declared(
        sources in proptest::array::uniform4(source()),
        order in Just([0_usize, 1, 2, 3]).prop_shuffle(),
    ) {
        let run = |order: [usize; 4]| {
            let mut assets = Vec::new();
            for index in order {
                assets = then(&assets, SOURCES[index], &sources[index], &SOURCES).assets;
            }
            // The place in the order of first imports is all that may differ.
            for claim in assets.iter_mut().flat_map(|asset| &mut asset.claims) {
                claim.rank = 0;
            }
            assets
        };
        prop_assert_eq!(run([0, 1, 2, 3]), run(order));
    }

    #[test]
    fn an_import_keeps_what_others_said_and_a_repeat_changes_nothing(
        sources in proptest::array::uniform4(source()),
        again in source(),
        which in 0..4_usize,
    ) {
        let mut assets = Vec::new();
        for (source, stated) in SOURCES.iter().zip(&sources) {
            assets = then(&assets, source, stated, &[]).assets;
        }
        let said = |assets: &[Asset], source: &str| {
            let all = assets.iter().flat_map(|asset| &asset.claims).filter(|claim| claim.source == source);
            let mut keys: Vec<String> = all.map(|claim| claim.asset.key.clone()).collect();
            keys.sort_unstable();
            keys
        };
        let after = then(&assets, SOURCES[which], &again, &[]).assets;
        prop_assume!(after.iter().all(|asset| !asset.claims.is_empty()) && assets.iter().all(|a| !a.claims.is_empty()));
        for source in SOURCES.iter().filter(|source| **source != SOURCES[which]) {
            prop_assert_eq!(said(&after, source), said(&assets, source));
        }
        let mut wanted: Vec<String> = again.iter().map(|stated| stated.asset.key.clone()).collect();
        wanted.sort_unstable();
        prop_assert_eq!(said(&after, SOURCES[which]), wanted);
        let repeated = then(&after, SOURCES[which], &again, &[]);
        prop_assert!(compare(&after, &repeated.assets).is_empty());
        prop_assert_eq!(import(after).manifest, import(repeated.assets).manifest);
    }
}
