//! What each passive source writes, and the sightings that are read out of it.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use muster_import::{Limits, PassiveFormat, Seen, Sighting};
use proptest::collection::vec;
use proptest::prelude::*;

fn read(format: PassiveFormat, bytes: &[u8]) -> Seen {
    assert_eq!(PassiveFormat::of(bytes), format, "recognised by what it holds");
    format.read(bytes, Limits::default()).expect("it is one")
}

fn line(seen: &Sighting) -> String {
    let fields = [
        ("", seen.address.map(|address| address.to_string())),
        ("mac=", seen.mac.clone()),
        ("name=", seen.name.clone()),
        ("id=", seen.client_id.clone()),
        ("service=", seen.service.clone()),
        ("certificate=", seen.certificate.clone()),
        ("port=", seen.port.clone()),
        ("at=", seen.at.map(|at| at.to_string())),
    ];
    let fields = fields.into_iter().filter_map(|(name, value)| Some(format!("{name}{}", value?)));
    std::iter::once(format!("{}:", seen.place)).chain(fields).collect::<Vec<_>>().join(" ")
}

fn lines(seen: &Seen) -> Vec<String> {
    seen.sightings.iter().map(line).collect()
}

fn skipped(seen: &Seen) -> Vec<String> {
    seen.skipped.iter().map(|skipped| format!("{}: {}", skipped.place, skipped.reason)).collect()
}

#[test]
fn leases_of_dhcpd() {
    let seen = read(PassiveFormat::Dhcpd, include_bytes!("data/dhcpd.leases"));
    assert_eq!(
        lines(&seen),
        [
            "line 25: 10.4.8.20 mac=00:1a:2b:3c:4d:5e name=pc20 at=2026-01-02T09:30:00Z",
            "line 15: 10.4.8.21 mac=02:00:00:00:00:21 name=phone-21 at=2026-01-01T12:00:00Z",
        ],
        "the last word about a lease counts"
    );
    assert_eq!(skipped(&seen), ["line 22: the lease was nobody's"]);
    let uid = b"lease 10.0.0.1 {\n  uid \"\\001\\000\\032+<M^\";\n}\n";
    assert_eq!(lines(&read(PassiveFormat::Dhcpd, uid)), ["line 1: 10.0.0.1 id=01:00:1a:2b:3c:4d:5e"]);
    let cut = PassiveFormat::Dhcpd.read(b"lease 10.0.0.1 {\n  uid \"", Limits::default()).expect_err("it was cut off");
    assert_eq!(cut.to_string(), "line 2, column 0: a quoted text that does not end");
}

#[test]
fn leases_of_kea() {
    let seen = read(PassiveFormat::Kea, include_bytes!("data/kea-leases4.csv"));
    assert_eq!(
        lines(&seen),
        [
            "line 5: 10.4.8.30 mac=00:1a:2b:3c:4d:30 name=pc30.example.org id=01:00:1a:2b:3c:4d:30 at=2026-01-01T13:00:00Z",
            "line 3: 10.4.8.31 id=ff:00:01 at=2026-01-01T12:00:00Z",
        ]
    );
    assert_eq!(skipped(&seen), ["line 4: 10.4.8.32 was declined: somebody else has it"]);
}

#[test]
fn tables_of_neighbours() {
    let seen = read(PassiveFormat::Neighbours, include_bytes!("data/neighbours.txt"));
    assert_eq!(
        lines(&seen),
        [
            "line 1: 10.4.0.1 mac=00:1a:2b:00:00:01 port=eth0",
            "line 2: fe80::1 mac=00:1a:2b:00:00:01 port=eth0",
            "line 4: 10.4.0.2 mac=00:1a:2b:00:00:02 port=en0",
            "line 6: 10.4.0.3 mac=00:1a:2b:00:00:03 port=Vlan10",
            "line 8: 10.4.0.4 mac=00:1a:2b:00:00:04 port=eth1",
        ]
    );
    assert_eq!(skipped(&seen), ["line 3: nobody answered for 10.4.0.9"]);
}

#[test]
fn tables_by_snmp() {
    let seen = read(PassiveFormat::Snmp, include_bytes!("data/snmpwalk.txt"));
    assert_eq!(
        lines(&seen),
        [
            "line 2: 10.4.0.5 mac=00:1a:2b:00:00:05 port=interface 7",
            "line 3: 10.4.0.6 mac=00:1a:2b:00:00:06 port=interface 7",
            "line 5: 2001:db8::7 mac=00:1a:2b:00:00:07 port=interface 9",
            "line 6: mac=00:1a:2b:00:00:08 port=port 24",
            "line 7: mac=00:1a:2b:00:00:09 port=port 3 vlan 30",
        ]
    );
    assert_eq!(skipped(&seen), ["line 4: it names no host", "line 8: it names no host"]);
}

#[test]
fn logs_of_zeek() {
    let seen = read(PassiveFormat::Zeek, include_bytes!("data/known_services.log"));
    assert_eq!(
        lines(&seen),
        [
            "line 9: 10.4.0.11 service=tcp/22 ssh at=2026-01-01T12:00:00.25Z",
            "line 10: 10.4.0.11 service=tcp/8443 at=2026-01-01T12:00:01Z",
        ]
    );
    assert_eq!(skipped(&seen), ["line 11: \"224.0.0.251\" is no address of a host"]);
    let seen = read(PassiveFormat::Zeek, include_bytes!("data/known_certs.json"));
    assert_eq!(
        lines(&seen),
        [
            "line 1: 10.4.0.11 service=tcp/443 certificate=CN=web01.dub.example.org at=2026-01-01T12:00:00.5Z",
            "line 2: 2001:db8::11 service=tcp/443 http,ssl at=2026-01-01T12:00:00Z",
            "line 3: mac=00:1a:2b:00:00:0b at=2026-01-01T12:00:00Z",
        ]
    );
    let other = b"#separator \\x09\n#fields\tts\tuid\tid.orig_h\n";
    let other = PassiveFormat::Zeek.read(other, Limits::default()).expect_err("another log");
    assert!(other.to_string().starts_with("line 2, column 0: there is no field \"host\""), "{other}");
}

const FORMATS: [PassiveFormat; 5] =
    [PassiveFormat::Dhcpd, PassiveFormat::Kea, PassiveFormat::Neighbours, PassiveFormat::Zeek, PassiveFormat::Snmp];

fn pieces() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        Just("lease 10.0.0.1 {\n".to_owned()),
        Just("hardware ethernet 00:1a:2b:3c:4d:5e;\n".to_owned()),
        Just("uid \"\\1\\377".to_owned()),
        Just("address,hwaddr,expire,valid_lifetime\n".to_owned()),
        Just("10.0.0.1,00:1a:2b:3c:4d:5e,9223372036854775807,-1\n".to_owned()),
        Just("10.0.0.1 dev eth0 lladdr 00:1a:2b:3c:4d:5e\n".to_owned()),
        Just("#separator \\x09\n#fields\tts\thost\tmac\n".to_owned()),
        Just("-1.5\t10.0.0.1\t00:1a:2b:3c:4d:5e\n".to_owned()),
        Just("{\"host\":\"10.0.0.1\",\"ts\":1e99}\n".to_owned()),
        Just(".1.3.6.1.2.1.4.35.1.4.9.2.99.1.2.3 = STRING: 0:1:2:3:4:5\n".to_owned()),
        "[\\[\\]{}:,;\"\n\t .#0-9a-f\\\\-]{0,8}",
        "\\PC{0,4}",
    ];
    vec(piece, 0..12).prop_map(|pieces| pieces.concat().into_bytes())
}

proptest! {
    #[test]
    fn any_bytes_give_sightings_or_a_problem(bytes in prop_oneof![vec(any::<u8>(), 0..300), pieces()]) {
        let limits = Limits { rows: 20, row_values: 20, depth: 6, ..Limits::default() };
        for format in FORMATS.into_iter().chain([PassiveFormat::of(&bytes)]) {
            if let Ok(seen) = format.read(&bytes, limits) {
                prop_assert!(seen.sightings.len() <= limits.rows);
                prop_assert!(seen.sightings.iter().all(|seen| seen.address.is_some() || seen.mac.is_some()));
            }
        }
    }

    #[test]
    fn leases_that_were_written_come_back(
        leases in proptest::collection::btree_map(1..250_u8, (any::<[u8; 5]>(), "[a-z][a-z0-9-]{0,12}[a-z]", 0..2_000_000_000_i64), 0..20),
    ) {
        let mac = |tail: &[u8; 5]| tail.iter().fold("00".to_owned(), |text, byte| format!("{text}:{byte:02x}"));
        let mut dhcpd = String::from("# leases\nlease 192.0.2.1 { binding state free; }\n");
        let mut kea = String::from("address,hwaddr,client_id,valid_lifetime,expire,subnet_id,fqdn_fwd,fqdn_rev,hostname,state\n");
        let mut wanted = Vec::new();
        for (last, (tail, name, at)) in &leases {
            let (mac, expire) = (mac(tail), at + 600);
            dhcpd += &format!("lease 10.0.0.{last} {{\n  cltt epoch {at};\n  hardware ethernet {mac};\n  client-hostname \"{name}\";\n}}\n");
            kea += &format!("10.0.0.{last},{mac},,600,{expire},1,0,0,{name},0\n");
            if mac != "00:00:00:00:00:00" {
                wanted.push((format!("10.0.0.{last}"), mac, name.clone(), *at));
            }
        }
        for (format, text) in [(PassiveFormat::Dhcpd, dhcpd), (PassiveFormat::Kea, kea)] {
            let seen = format.read(text.as_bytes(), Limits::default()).expect("leases");
            let found: Vec<_> = seen
                .sightings
                .into_iter()
                .filter_map(|seen| Some((seen.address?.to_string(), seen.mac?, seen.name?, seen.at?.as_second())))
                .collect();
            prop_assert_eq!(&found, &wanted);
        }
    }
}
