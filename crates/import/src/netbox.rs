//! NetBox: `/api/dcim/devices/`, `/api/virtualization/virtual-machines/`, `/api/ipam/ip-addresses/` and the lists of
//! interfaces of both, as JSON. Pages and lists may stand behind one another in one file, in any order.
//!
//! | asset | field, unless mapped (then: of `custom_fields`) |
//! |---|---|
//! | key | `device-<id>`, `vm-<id>` |
//! | owner | `custom_fields.owner` |
//! | support group | `custom_fields.support_group`, else `tenant` |
//! | role | `role` (before NetBox 4 `device_role`) |
//! | zone | `custom_fields.zone` |
//! | identifiers | primary and out-of-band addresses, assigned addresses, MACs of interfaces, `dns_name`, `serial` |
//!
//! A record that is planned, decommissioned or only stocked is left out: it is not in the network. NetBox knows what was
//! entered and not what was seen, so there is no last seen.

use std::collections::HashMap;

use crate::found::{Draft, Imported, Mapping};
use crate::node::{Node, rows};
use crate::problem::shown;
use crate::{Limits, Problem};

/// A device or a virtual machine.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Owner {
    Device(String),
    Machine(String),
}

/// What a list says about an asset of another list.
#[derive(Debug)]
struct Addition {
    place: String,
    owner: Owner,
    address: String,
    name: String,
    mac: String,
}

#[derive(Debug, Default)]
struct Lists {
    assets: Vec<(Owner, Draft)>,
    additions: Vec<Addition>,
    imported: Imported,
}

/// Reads an export.
///
/// # Errors
/// When it is none, or beyond the bounds.
pub fn parse(bytes: &[u8], mapping: &Mapping, limits: Limits) -> Result<Imported, Problem> {
    let mut lists = Lists::default();
    rows(bytes, &["results"], limits, &mut |place, _, row| lists.row(place, &row, mapping))?;
    Ok(lists.finish())
}

/// A reference to another object, or a choice.
fn named<'a>(row: &'a Node, field: &str) -> &'a str {
    row.get(field).text_by(&["name", "display", "slug", "label", "value", "address"])
}

fn custom<'a>(row: &'a Node, mapped: Option<&str>, field: &str) -> &'a str {
    row.get("custom_fields").get(mapped.unwrap_or(field)).text_by(&["name", "display", "label", "value"])
}

impl Lists {
    fn row(&mut self, place: String, row: &Node, mapping: &Mapping) {
        let id = row.get("id").text_by(&[]);
        if id.is_empty() {
            return self.imported.skip(place, "it has no id");
        }
        // Every object names where it is from; the fields decide where an export dropped that.
        let url = row.get("url").text_by(&[]);
        let has = |field| *row.get(field) != Node::Null;
        if url.contains("/ip-addresses/") || matches!(row.get("address"), Node::Text(_)) {
            self.assigned(place, row, true);
        } else if url.contains("/interfaces/") || url.contains("/mac-addresses/") || has("mac_address") {
            self.assigned(place, row, false);
        } else if url.contains("/devices/") || has("device_type") {
            self.asset(place, Owner::Device(id.to_owned()), row, mapping);
        } else if url.contains("/virtual-machines/") || has("cluster") || has("vcpus") {
            self.asset(place, Owner::Machine(id.to_owned()), row, mapping);
        } else {
            self.imported.skip(place, "it is no device, virtual machine, address or interface");
        }
    }

    fn asset(&mut self, place: String, owner: Owner, row: &Node, mapping: &Mapping) {
        let key = match &owner {
            Owner::Device(id) => format!("device-{id}"),
            Owner::Machine(id) => format!("vm-{id}"),
        };
        let status = row.get("status").text_by(&["value", "label"]).to_lowercase();
        if matches!(status.as_str(), "planned" | "decommissioning" | "decommissioned" | "inventory" | "staged") {
            return self.imported.skip(place, format!("{key} is {status}"));
        }
        let mut draft = Draft::new(place, key);
        let name = row.get("name").text_by(&[]);
        let name = if name.is_empty() { row.get("display").text_by(&[]) } else { name };
        name.clone_into(&mut draft.asset.name);
        custom(row, mapping.owner.as_deref(), "owner").clone_into(&mut draft.asset.owner);
        let group = custom(row, mapping.support_group.as_deref(), "support_group");
        let group = if group.is_empty() { named(row, "tenant") } else { group };
        group.clone_into(&mut draft.asset.support_group);
        let role = match mapping.role.as_deref() {
            Some(field) => custom(row, Some(field), field),
            None if named(row, "role").is_empty() => named(row, "device_role"),
            None => named(row, "role"),
        };
        role.clone_into(&mut draft.asset.role);
        custom(row, mapping.zone.as_deref(), "zone").clone_into(&mut draft.asset.zone);
        for field in ["primary_ip4", "primary_ip6", "primary_ip", "oob_ip"] {
            draft.address(row.get(field).text_by(&["address", "display"]));
        }
        draft.fqdn(name);
        draft.serial(row.get("serial").text_by(&[]));
        let site = row.get("site").text_by(&["slug", "name", "display"]);
        draft.site = (!site.is_empty()).then(|| site.to_owned());
        self.assets.push((owner, draft));
    }

    /// An address or an interface of an asset.
    fn assigned(&mut self, place: String, row: &Node, address: bool) {
        // An interface stands in its device itself; addresses and MACs say to which interface they belong.
        let holder = if matches!(row.get("assigned_object"), Node::Map(_)) { row.get("assigned_object") } else { row };
        let id = |field| holder.get(field).text_by(&["id"]);
        let owner = match (id("device"), id("virtual_machine")) {
            ("", "") if address => return self.imported.skip(place, "the address is assigned to no device"),
            ("", "") => return self.imported.skip(place, "the interface belongs to no device"),
            ("", id) => Owner::Machine(id.to_owned()),
            (id, _) => Owner::Device(id.to_owned()),
        };
        // Virtual addresses move between hosts, and are none's own.
        let role = row.get("role").text_by(&["value"]);
        if matches!(role, "anycast" | "vip" | "vrrp" | "hsrp" | "glbp" | "carp") {
            return self.imported.skip(place, format!("an address with the role {role} belongs to no single host"));
        }
        let text = |wanted: bool, field| if wanted { row.get(field).text_by(&[]).to_owned() } else { String::new() };
        self.additions.push(Addition {
            place,
            owner,
            address: text(address, "address"),
            name: text(address, "dns_name"),
            mac: text(!address, "mac_address"),
        });
    }

    fn finish(mut self) -> Imported {
        let mut places: HashMap<Owner, usize> = HashMap::new();
        for (index, (owner, _)) in self.assets.iter().enumerate() {
            places.insert(owner.clone(), index);
        }
        for addition in self.additions {
            let draft = places.get(&addition.owner).and_then(|index| self.assets.get_mut(*index));
            let Some((_, draft)) = draft else {
                let (what, id) = match &addition.owner {
                    Owner::Device(id) => ("device", id),
                    Owner::Machine(id) => ("virtual machine", id),
                };
                self.imported.skip(addition.place, format!("its {what} {} is not in the export", shown(id)));
                continue;
            };
            draft.address(&addition.address);
            draft.fqdn(&addition.name);
            draft.mac(&addition.mac);
        }
        for (_, draft) in self.assets {
            draft.into(&mut self.imported);
        }
        self.imported.finish()
    }
}
