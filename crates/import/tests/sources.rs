//! An export of each source, as its system writes it, and what is read out of it.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use muster_estate::model::{Asset, IdentifierKind};
use muster_import::{Format, Imported, Limits, Mapping};

fn read(format: Format, bytes: &[u8]) -> Imported {
    assert_eq!(Format::of(bytes), format, "recognised by what it holds");
    format.read("file", bytes, &Mapping::default(), Limits::default()).expect("it is one")
}

fn asset<'a>(imported: &'a Imported, key: &str) -> &'a Asset {
    let found = imported.assets.iter().find(|found| found.asset.key == key);
    &found.unwrap_or_else(|| panic!("{key} is in {imported:#?}")).asset
}

fn identifiers(asset: &Asset) -> Vec<String> {
    let text = |kind: &IdentifierKind| match kind {
        IdentifierKind::Address(address) => format!("address {address}"),
        IdentifierKind::Mac(mac) => format!("mac {mac}"),
        IdentifierKind::Fqdn(name) => format!("fqdn {name}"),
        IdentifierKind::DirectoryId(id) => format!("directory-id {id}"),
        IdentifierKind::Serial(serial) => format!("serial {serial}"),
        IdentifierKind::CloudId(id) => format!("cloud-id {id}"),
    };
    asset.identifiers.iter().map(|identifier| text(&identifier.kind)).collect()
}

fn skipped(imported: &Imported) -> Vec<String> {
    imported.skipped.iter().map(|skipped| format!("{}: {}", skipped.place, skipped.reason)).collect()
}

#[test]
fn ansible() {
    let imported = read(Format::Ansible, include_bytes!("data/ansible.json"));
    assert_eq!(imported.assets.len(), 4, "{imported:#?}");
    let web = asset(&imported, "web01.dub.example.org");
    assert_eq!((web.owner.as_str(), web.support_group.as_str()), ("aoife.byrne", "web-operations"), "nearest group");
    assert_eq!((web.role.as_str(), web.zone.as_str()), ("webservers", "web"), "its only group is its role");
    assert_eq!(
        identifiers(web),
        ["address 10.4.0.11", "fqdn web01.dub.example.org", "mac 00:1a:2b:3c:4d:5e", "serial VMW-9001"]
    );
    let db = asset(&imported, "db01");
    assert_eq!((db.owner.as_str(), db.support_group.as_str()), ("site.lead", "dublin-it"), "the group above");
    assert_eq!(db.role, "postgres");
    assert_eq!(identifiers(db), ["address 10.4.0.21", "address 2001:db8::21"], "not the link-local one");
    assert_eq!(identifiers(asset(&imported, "controller")), [""; 0]);
    let bare = asset(&imported, "10.4.0.99");
    assert_eq!((bare.owner.as_str(), identifiers(bare)), ("", vec!["address 10.4.0.99".to_owned()]));
}

#[test]
fn netbox() {
    let imported = read(Format::Netbox, include_bytes!("data/netbox.json"));
    assert_eq!(imported.assets.len(), 3, "{imported:#?}");
    let switch = asset(&imported, "device-12");
    assert_eq!((switch.name.as_str(), switch.owner.as_str()), ("dub-sw-01", "liam.walsh"));
    assert_eq!((switch.support_group.as_str(), switch.role.as_str()), ("Network operations", "Access switch"));
    assert_eq!(switch.zone, "management");
    assert_eq!(identifiers(switch), ["address 10.4.1.2", "serial SN-12", "fqdn dub-sw-01.mgmt.example.org"]);
    let server = asset(&imported, "device-14");
    assert_eq!((server.name.as_str(), server.support_group.as_str()), ("Server (14)", "compute"));
    assert_eq!((server.role.as_str(), identifiers(server)), ("Hypervisor", Vec::new()), "a filler is no serial");
    let machine = asset(&imported, "vm-7");
    assert_eq!(
        identifiers(machine),
        ["fqdn app07.dub.example.org", "address 10.4.0.70", "mac 00:50:56:aa:bb:07"],
        "from lists that come after"
    );
    assert_eq!(imported.assets.iter().find_map(|found| found.site.as_deref()), Some("dublin"));
    assert_eq!(
        skipped(&imported),
        [
            "results[1]: device-13 is decommissioning",
            "document 4: results[2]: an address with the role vrrp belongs to no single host",
            "document 4: results[3]: the address is assigned to no device",
            "document 4: results[4]: its device \"999\" is not in the export",
        ]
    );
}

#[test]
fn servicenow() {
    let imported = read(Format::Servicenow, include_bytes!("data/servicenow.json"));
    assert_eq!(imported.assets.len(), 2, "{imported:#?}");
    let web = asset(&imported, "a1b2c3d4e5f60718293a4b5c6d7e8f90");
    assert_eq!((web.owner.as_str(), web.support_group.as_str()), ("Aoife Byrne", "Web Operations"));
    assert_eq!((web.name.as_str(), web.criticality.as_str()), ("dub-web-01", "1 - most critical"));
    assert_eq!(
        identifiers(web),
        ["address 10.4.0.11", "mac 00:1a:2b:3c:4d:5e", "fqdn web01.dub.example.org", "serial VMW-9001"]
    );
    let seen = imported.assets.iter().find_map(|found| found.last_seen).map(|at| at.to_string());
    assert_eq!(seen.as_deref(), Some("2026-11-20T08:00:00Z"), "in UTC, not in the time zone of the user");
    assert_eq!(asset(&imported, "cc").owner, "ada");
    assert_eq!(
        skipped(&imported),
        ["result[1]: \"bb\" is retired", "result[2]: it has no sys_id", "result[3]: \"10.4.0.300\" is no IP address",]
    );
}

#[test]
fn active_directory() {
    let imported = read(Format::Ldif, include_bytes!("data/computers.ldif"));
    assert_eq!(imported.assets.len(), 2, "{imported:#?}");
    let web = asset(&imported, "03020100-0504-0706-0809-0a0b0c0d0e0f");
    assert_eq!((web.name.as_str(), web.owner.as_str()), ("DUB-WEB-01", "Byrne, Aoife"));
    assert_eq!(identifiers(web), ["directory-id 03020100-0504-0706-0809-0a0b0c0d0e0f", "fqdn web01.dub.example.org"]);
    let seen = imported.assets.iter().find_map(|found| found.last_seen).map(|at| at.to_string());
    assert_eq!(seen.as_deref(), Some("2025-11-30T18:00:00Z"));
    assert_eq!(asset(&imported, "CN=Äda,DC=example,DC=org").name, "ADA");
    assert_eq!(
        skipped(&imported),
        [
            "line 22: jpegPhoto: a value by URL is not fetched",
            "line 15: \"CN=DUB-OFF-01,OU=Servers,DC=example,DC=org\" is disabled",
            "line 24: \"CN=Aoife,OU=People,DC=example,DC=org\" is no computer",
        ]
    );
}

#[test]
fn a_mapped_field_counts_instead_of_the_usual_one() {
    let mapping = Mapping { owner: Some("u_owner".to_owned()), ..Mapping::default() };
    let row =
        br#"{"result": [{"sys_id": "1", "owned_by": "ada", "u_owner": {"display_value": "grace", "value": "9"}}]}"#;
    let imported = Format::Servicenow.read("file", row, &mapping, Limits::default()).expect("an export");
    assert_eq!(asset(&imported, "1").owner, "grace");
}

#[test]
fn an_address_that_two_assets_claim_stays_with_the_first() {
    let rows = br#"{"result": [{"sys_id": "1", "ip_address": "10.0.0.1"}, {"sys_id": "2", "ip_address": "10.0.0.1"},
        {"sys_id": "1"}]}"#;
    let imported = read(Format::Servicenow, rows);
    assert_eq!(identifiers(asset(&imported, "1")), ["address 10.0.0.1"]);
    assert_eq!(identifiers(asset(&imported, "2")), [""; 0]);
    assert_eq!(
        skipped(&imported),
        [
            "result[1]: address 10.0.0.1 belongs to \"1\" already, and stays there",
            "result[2]: key \"1\" stands a second time"
        ]
    );
}

#[test]
fn bounds_and_faults_name_their_place() {
    let refused = |format: Format, bytes: &[u8], limits: Limits| {
        format.read("file", bytes, &Mapping::default(), limits).expect_err("it is refused").to_string()
    };
    let usual = Limits::default();
    assert_eq!(refused(Format::Netbox, b"{}", Limits { bytes: 1, ..usual }), "2 bytes, at most 1");
    let two = b"{\"results\": [{\"id\": 1},\n{\"id\": 2}]}";
    assert_eq!(refused(Format::Netbox, two, Limits { rows: 1, ..usual }), "line 2, column 10: more than 1 rows");
    let deep = format!("{{\"results\": [{}", "[".repeat(5_000));
    let deep = refused(Format::Netbox, deep.as_bytes(), usual);
    assert_eq!(deep, "line 1, column 45: a row that is nested too deep");
    let wide = format!("{{\"results\": [[{}1]]}}", "1,".repeat(30_000));
    assert!(refused(Format::Netbox, wide.as_bytes(), usual).ends_with("a row of too many values"));
    assert_eq!(
        refused(Format::Servicenow, b"{\"result\":\n[{", usual),
        "line 2, column 2: EOF while parsing an object"
    );
    assert_eq!(
        refused(Format::Servicenow, b"{\"error\": {\"message\": \"User Not Authenticated\"}}", usual),
        "there is no \"result\" in the document; is it the export that was meant?"
    );
    assert!(refused(Format::Ansible, b"{\"error\": {}}", usual).ends_with("ansible-inventory --list"));
    assert_eq!(refused(Format::Ldif, b"dn: a\nb\n", usual), "line 2, column 0: there is no \":\"; is the file LDIF?");
    assert_eq!(
        refused(Format::Ldif, b"dn: a\n\ndn: b\n", Limits { rows: 1, ..usual }),
        "line 3: more than 1 rows; export it in parts, or by site"
    );
    let csv = refused(Format::Csv, b"kye\n", usual);
    assert!(csv.starts_with("file:1: "), "{csv}");
}
