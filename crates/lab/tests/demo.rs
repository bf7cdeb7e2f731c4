//! The demo's files agree with each other: listeners, estate and inventories give exactly what `truth.toml` says.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use muster_estate::inventory::read_csv;
use muster_estate::lookup::SiteIndex;
use muster_estate::model::{Asset, IdentifierKind, Site};
use muster_lab::{Lab, Listener, demo, read_listeners};
use toml::Table;

struct World {
    site: Site,
    index: SiteIndex,
    assets: BTreeMap<IpAddr, Asset>,
    listeners: Vec<Listener>,
}

fn world(name: &str) -> World {
    let sites = muster_estate::files::read_estate(demo::ESTATE).unwrap().into_sites();
    let site = sites.into_iter().find(|site| site.name == name).unwrap();
    let (_, csv) = demo::INVENTORIES.iter().find(|(site, _)| *site == name).unwrap();
    let mut assets = BTreeMap::new();
    for asset in read_csv(&format!("{name}.csv"), csv.as_bytes()).unwrap() {
        let IdentifierKind::Address(address) = asset.identifiers[0].kind else { panic!("an address") };
        assets.insert(address, asset);
    }
    let index = SiteIndex::new(&site);
    let mut listeners = read_listeners(demo::LISTENERS).unwrap();
    listeners.retain(|listener| index.in_ranges(listener.address));
    World { site, index, assets, listeners }
}

fn texts(table: &Table, key: &str) -> BTreeSet<String> {
    table[key].as_array().unwrap().iter().map(|text| text.as_str().unwrap().to_owned()).collect()
}

fn number(table: &Table, key: &str) -> usize {
    usize::try_from(table[key].as_integer().unwrap()).unwrap()
}

fn check(name: &str, truth: &Table) {
    let World { site, index, assets, listeners } = world(name);
    let seen: BTreeSet<IpAddr> = listeners.iter().map(|listener| listener.address).collect();
    let known: BTreeSet<IpAddr> = assets.keys().copied().collect();
    let shown = |set: BTreeSet<&IpAddr>| set.into_iter().map(ToString::to_string).collect::<BTreeSet<_>>();
    assert_eq!(listeners.len(), number(truth, "listeners"));
    assert_eq!(assets.len(), number(truth, "assets"));
    assert_eq!(seen.len(), number(truth, "hosts_seen"));
    assert_eq!(seen.intersection(&known).count(), number(truth, "known"));
    assert_eq!(shown(seen.difference(&known).collect()), texts(truth, "rogue"));
    assert_eq!(shown(known.difference(&seen).collect()), texts(truth, "silent"));

    let unmanaged = |address: &&IpAddr| assets[address].owner.is_empty() || assets[address].support_group.is_empty();
    assert_eq!(shown(known.iter().filter(unmanaged).collect()), texts(truth, "not_managed"));
    let managed = seen.intersection(&known).filter(|address| !unmanaged(address)).count();
    assert_eq!(managed, number(truth, "managed"));

    let misplaced = |address: &&IpAddr| {
        assets.get(address).is_some_and(|asset| index.zone_of(**address).unwrap().name != asset.zone)
    };
    assert_eq!(shown(seen.iter().filter(misplaced).collect()), texts(truth, "misplaced"));

    let unapproved = listeners
        .iter()
        .filter(|listener| {
            let zone = index.zone_of(listener.address).unwrap();
            let holds = |first, last| (first..=last).contains(&listener.port);
            !zone.approvals.iter().any(|approval| holds(approval.ports.first, approval.ports.last))
        })
        .map(|listener| format!("{} tcp/{}", listener.address, listener.port))
        .collect::<BTreeSet<_>>();
    assert_eq!(unapproved, texts(truth, "unapproved"));

    let sweep = &site.schedules[0];
    for listener in listeners {
        assert!(listener.port >= 1_024);
        let swept = sweep.ports.iter().any(|ports| (ports.first..=ports.last).contains(&listener.port));
        assert!(swept, "{} is not swept", listener.at());
    }
}

#[test]
fn the_demo_holds_what_it_promises() {
    let truth: Table = demo::TRUTH.parse().unwrap();
    let all = |key| ["dublin", "redmond"].map(|site| texts(truth[site].as_table().unwrap(), key).len()).iter().sum();
    for (key, promised) in [("rogue", 3_usize), ("unapproved", 2), ("misplaced", 1), ("silent", 2), ("not_managed", 1)]
    {
        let found: usize = all(key);
        assert_eq!(found, promised, "{key}");
    }
    for site in ["dublin", "redmond"] {
        check(site, truth[site].as_table().unwrap());
    }
}

#[test]
fn this_machine_is_the_whole_of_here() {
    let world = world("here");
    assert_eq!(world.assets.keys().copied().collect::<Vec<_>>(), [IpAddr::from([127, 0, 0, 1])]);
    assert!(world.listeners.is_empty());
}

#[tokio::test]
async fn every_listener_of_the_demo_opens_and_one_can_be_stopped() {
    // The demo itself may be running on this machine: the same list, a network further.
    let mut listeners = read_listeners(demo::LISTENERS).unwrap();
    for listener in &mut listeners {
        let IpAddr::V4(v4) = listener.address else { panic!("IPv4") };
        let [a, b, _, d] = v4.octets();
        listener.address = IpAddr::from([a, b + 1, 77, d]);
    }
    let mut lab = Lab::start(&listeners).await.unwrap();
    assert_eq!(lab.addresses().count(), 61);
    let first = listeners[0];
    assert!(tokio::net::TcpStream::connect(first.at()).await.is_ok());
    assert!(lab.stop(first.address, first.port).await);
    assert!(tokio::net::TcpStream::connect(first.at()).await.is_err());
    assert!(!lab.stop(first.address, first.port).await);
}

#[test]
fn a_list_with_a_mistake_names_the_line() {
    let text = "address,port,persona,tls\n127.0.0.1,8080,nginx,false\n127.0.0.1,8081,iis-9,false\n";
    let error = read_listeners(text).unwrap_err().to_string();
    assert_eq!(error, "failed to read the listeners: line 3: \"iis-9\" is no persona");
}
