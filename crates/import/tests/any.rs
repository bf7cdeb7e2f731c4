//! Whatever comes in: no panic, no asset that an inventory could not hold, and what was written comes back.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use muster_estate::inventory::check_assets;
use muster_import::{Format, Imported, Limits, Mapping, ldif};
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;

const FORMATS: [Format; 5] = [Format::Csv, Format::Ansible, Format::Netbox, Format::Servicenow, Format::Ldif];

fn sound(imported: &Imported) {
    check_assets(imported.assets.iter().map(|found| &found.asset)).expect("an inventory may hold all of them");
}

/// Pieces of documents, so that what is generated gets past the first byte.
fn pieces() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        Just("{\"results\":[".to_owned()),
        Just("{\"result\":[".to_owned()),
        Just("{\"_meta\":{\"hostvars\":{\"a\":".to_owned()),
        Just("\"id\":1,\"device_type\":{},".to_owned()),
        Just("\"sys_id\":\"1\",\"ip_address\":\"10.0.0.1\"".to_owned()),
        Just("{\"address\":\"10.0.0.1/24\",\"id\":1,\"assigned_object\":{\"device\":{\"id\":1}}}".to_owned()),
        Just("\"hosts\":[\"a\"]".to_owned()),
        Just("dn: CN=a\nobjectClass: computer\n".to_owned()),
        Just("objectGUID:: AAEC".to_owned()),
        Just("managedBy: CN=\\4".to_owned()),
        Just("lastLogonTimestamp: -9223372036854775808\n".to_owned()),
        Just("key,address\na,10.0.0.1\n".to_owned()),
        "[\\[\\]{}:,\"\n 0-9a-c\\\\]{0,6}",
    ];
    vec(piece, 0..12).prop_map(|pieces| pieces.concat().into_bytes())
}

proptest! {
    #[test]
    fn any_bytes_give_assets_or_a_problem(bytes in prop_oneof![vec(any::<u8>(), 0..400), pieces()]) {
        let limits = Limits { rows: 50, row_values: 40, depth: 6, ..Limits::default() };
        for format in FORMATS.into_iter().chain([Format::of(&bytes)]) {
            if let Ok(imported) = format.read("file", &bytes, &Mapping::default(), limits) {
                sound(&imported);
            }
        }
    }

    #[test]
    fn servers_that_were_written_come_back(
        servers in btree_map("[a-f0-9]{1,32}", ("[ -~]{0,20}", any::<[u8; 4]>(), "\\PC{0,20}"), 0..20),
    ) {
        let rows: Vec<_> = servers
            .iter()
            .map(|(id, (name, _, owner))| serde_json::json!({"sys_id": id, "name": name, "owned_by": {"display_value": owner}}))
            .collect();
        let text = serde_json::json!({ "result": rows }).to_string();
        let imported = Format::Servicenow
            .read("file", text.as_bytes(), &Mapping::default(), Limits::default())
            .expect("it is an export");
        sound(&imported);
        prop_assert_eq!(imported.assets.len(), servers.len());
        for found in &imported.assets {
            let (name, _, owner) = &servers[&found.asset.key];
            prop_assert_eq!(&found.asset.name, name.trim());
            prop_assert_eq!(&found.asset.owner, owner.trim());
        }
    }

    #[test]
    fn pages_say_the_same_however_they_were_cut(ids in 1_usize..40, page in 1_usize..40, apart in "[ \n]{0,3}") {
        let rows: Vec<_> = (0..ids)
            .map(|id| serde_json::json!({"id": id, "device_type": {}, "name": format!("host-{id}.example.org")}))
            .collect();
        let read = |text: String| {
            let imported = Format::Netbox.read("file", text.as_bytes(), &Mapping::default(), Limits::default());
            imported.expect("pages").assets.into_iter().map(|found| found.asset).collect::<Vec<_>>()
        };
        let whole = read(serde_json::json!({ "results": rows }).to_string());
        let pages: Vec<_> = rows.chunks(page).map(|rows| serde_json::json!({ "results": rows }).to_string()).collect();
        prop_assert_eq!(whole.len(), ids);
        prop_assert_eq!(whole, read(pages.join(&apart)));
    }

    #[test]
    fn an_entry_that_was_folded_and_encoded_comes_back(
        values in vec(("[a-zA-Z][a-zA-Z0-9-]{0,10}", vec(any::<u8>(), 0..100)), 0..10),
        width in 2_usize..20,
    ) {
        use base64::Engine;
        let mut text = String::from("dn: CN=x\n");
        let values: Vec<_> = values.into_iter().filter(|(name, _)| !name.eq_ignore_ascii_case("changetype")).collect();
        for (name, value) in &values {
            let line = format!("{name}:: {}", base64::engine::general_purpose::STANDARD.encode(value));
            for (place, part) in line.as_bytes().chunks(width).enumerate() {
                text.push_str(if place > 0 { "\n " } else { "" });
                text.push_str(std::str::from_utf8(part).expect("it is ASCII"));
            }
            text.push('\n');
        }
        let (entries, skipped) = ldif::entries(text.as_bytes(), Limits::default()).expect("it is LDIF");
        prop_assert_eq!(skipped, Vec::new());
        prop_assert_eq!(entries.len(), 1);
        prop_assert_eq!(&entries[0].attributes, &values);
    }
}
