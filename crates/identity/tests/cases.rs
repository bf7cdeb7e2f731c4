//! One story a test: what happens to a host, and what is said.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use std::net::IpAddr;

use jiff::{SignedDuration, Timestamp};
use muster_identity::{Event, Full, Identities, Key, Kind, Policy, Sighting};

fn day(day: i64) -> Timestamp {
    Timestamp::UNIX_EPOCH + SignedDuration::from_hours(24 * day)
}

fn address(last: u8) -> IpAddr {
    IpAddr::from([10, 0, 0, last])
}

fn keys(texts: &[&str]) -> Vec<Key> {
    let key = |text: &&str| {
        let (kind, value) = text.split_once(' ').expect("kind and value");
        let kind = match kind {
            "guid" => Kind::SmbGuid,
            "ssh" => Kind::SshHostKey,
            "tls" => Kind::TlsKey,
            "dhcp" => Kind::DhcpClientId,
            "mac" => Kind::Mac,
            "name" => Kind::Name,
            other => panic!("no kind {other}"),
        };
        Key::new(kind, value)
    };
    texts.iter().map(key).collect()
}

/// Sightings as (day, last byte of the address, keys).
fn see(identities: &mut Identities, sightings: &[(i64, u8, &[&str])]) -> Vec<Event> {
    for (at, last, found) in sightings {
        identities.see(Sighting { at: day(*at), address: address(*last), keys: keys(found) }).expect("room");
    }
    identities.resolve()
}

fn hosts(sightings: &[(i64, u8, &[&str])]) -> usize {
    let mut identities = Identities::new(Policy::default());
    see(&mut identities, sightings);
    identities.hosts().len()
}

const MAC: &str = "mac 00:1a:2b:00:00:01";
const OTHER: &str = "mac 00:1a:2b:00:00:02";
const LOCAL: &str = "mac 02:00:00:00:00:01";

#[test]
fn a_host_keeps_its_id_with_another_address() {
    for key in [MAC, "ssh a", "tls a", "guid a", "dhcp a"] {
        let mut identities = Identities::new(Policy::default());
        see(&mut identities, &[(1, 1, &[key])]);
        let id = identities.host_of(address(1), &keys(&[key])).expect("it is known");
        assert_eq!(see(&mut identities, &[(9, 7, &[key])]), [], "{key}");
        assert_eq!(identities.host_of(address(7), &keys(&[key])), Some(id), "{key}");
        assert_eq!(identities.hosts()[0].addresses.len(), 2);
    }
}

#[test]
fn a_locally_administered_mac_joins_nothing_alone() {
    assert_eq!(hosts(&[(1, 1, &[LOCAL]), (9, 7, &[LOCAL])]), 2);
    assert_eq!(hosts(&[(1, 1, &[LOCAL, "name phone"]), (9, 7, &[LOCAL, "name phone"])]), 1, "with a name");
    assert_eq!(hosts(&[(1, 1, &[LOCAL]), (9, 1, &[LOCAL])]), 1, "at one address");
    assert_eq!(hosts(&[(1, 1, &["name phone"]), (9, 7, &["name phone"])]), 2, "and a name neither");
    assert_eq!(hosts(&[(1, 1, &[MAC]), (9, 7, &[MAC])]), 1, "unlike one that its maker gave");
}

#[test]
fn a_copied_key_is_ambiguous_and_joins_nothing() {
    let first: &[&str] = &["ssh image", MAC, "name one"];
    let second: &[&str] = &["ssh image", OTHER, "name two"];
    let mut identities = Identities::new(Policy::default());
    let events = see(&mut identities, &[(1, 1, first), (1, 2, second), (2, 1, first), (2, 2, second)]);
    assert_eq!(identities.hosts().len(), 2);
    assert!(identities.ambiguous().contains(&Key::new(Kind::SshHostKey, "image")), "{events:?}");
    let evidence = identities.hosts().iter().flat_map(|host| &host.evidence);
    assert_eq!(evidence.filter(|evidence| evidence.ambiguous).count(), 2, "on both of them");
    // Nothing else agrees: as good as copied.
    assert_eq!(hosts(&[(1, 1, &["ssh image"]), (1, 2, &["ssh image"])]), 2);
    assert_eq!(hosts(&[(1, 1, &["tls wildcard", "ssh a"]), (1, 2, &["tls wildcard", "ssh b"])]), 2);
}

#[test]
fn a_dual_homed_host_is_one() {
    let first: &[&str] = &["ssh a", MAC, "name db"];
    let second: &[&str] = &["ssh a", OTHER, "name db"];
    assert_eq!(hosts(&[(1, 1, first), (1, 2, second), (2, 1, first), (2, 2, second)]), 1);
    assert_eq!(hosts(&[(1, 1, &[MAC]), (1, 2, &[MAC])]), 1, "and so is an interface with two addresses");
}

#[test]
fn a_router_that_answers_for_many_is_none_of_them() {
    let sightings: Vec<(i64, u8, &[&str])> = (1..=40).map(|last| (1, last, [MAC].as_slice())).collect();
    assert_eq!(hosts(&sightings), 40);
}

#[test]
fn a_new_interface_and_a_new_installation_keep_the_id() {
    assert_eq!(hosts(&[(1, 1, &["ssh a", MAC]), (5, 1, &["ssh a", OTHER])]), 1, "another interface");
    assert_eq!(hosts(&[(1, 1, &["ssh a", MAC]), (5, 1, &["ssh b", MAC])]), 1, "installed anew");
}

#[test]
fn an_interface_that_moved_to_another_host_joins_nothing() {
    let sightings: &[(i64, u8, &[&str])] = &[
        (1, 1, &["ssh a", MAC]),
        (3, 1, &["ssh a", OTHER]),
        (2, 2, &["ssh b"]),
        (5, 2, &["ssh b", MAC]),
        (9, 1, &["ssh a", OTHER]),
    ];
    assert_eq!(hosts(sightings), 2);
}

#[test]
fn merges_and_splits_are_told_with_their_evidence() {
    let mut identities = Identities::new(Policy::default());
    let events = see(&mut identities, &[(1, 1, &["ssh a"]), (2, 2, &[MAC])]);
    assert_eq!(events.len(), 2, "{events:?}");
    let (first, second) = (
        identities.host_of(address(1), &keys(&["ssh a"])).expect("known"),
        identities.host_of(address(2), &keys(&[MAC])).expect("known"),
    );
    let merged = see(&mut identities, &[(3, 3, &["ssh a", MAC])]);
    assert!(
        matches!(&merged[..], [Event::Merged { into, from, because }] if *into == first && *from == second && because.len() == 2),
        "{merged:?}"
    );
    // The same key at the same time somewhere else, with another name: it was an image.
    let one: &[&str] = &["ssh a", "name one"];
    let two: &[&str] = &["ssh a", "name two"];
    let split = see(&mut identities, &[(9, 4, one), (9, 5, two)]);
    let ssh = Key::new(Kind::SshHostKey, "a");
    assert!(split.contains(&Event::Ambiguous { key: ssh.clone() }), "{split:?}");
    let told = |event: &Event| matches!(event, Event::Split { from, because, .. } if *from == first && *because == [ssh.clone()]);
    assert!(split.iter().any(told), "{split:?}");
    assert_eq!(identities.host_of(address(1), &keys(&["ssh a"])), Some(first), "the part that was first keeps the id");
    assert_eq!(identities.history().count(), events.len() + merged.len() + split.len());
}

#[test]
fn a_bare_address_is_its_holders() {
    assert_eq!(hosts(&[(1, 1, &[MAC]), (2, 1, &[]), (3, 1, &[MAC])]), 2, "a day away is somebody's else");
    let mut identities = Identities::new(Policy { join: SignedDuration::from_hours(72), ..Policy::default() });
    see(&mut identities, &[(1, 1, &[MAC]), (2, 1, &[]), (3, 1, &[MAC])]);
    assert_eq!(identities.hosts().len(), 1, "within one stay");
}

#[test]
fn it_takes_no_more_than_its_bound() {
    let mut identities = Identities::new(Policy { appearances_max: 1, ..Policy::default() });
    let sighting = |last| Sighting { at: day(1), address: address(last), keys: Vec::new() };
    assert_eq!(identities.see(sighting(1)), Ok(()));
    assert_eq!(identities.see(sighting(2)), Err(Full));
    assert_eq!(identities.see(sighting(1)), Ok(()));
}
