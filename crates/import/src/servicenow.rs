//! ServiceNow: rows of `cmdb_ci_server` as the Table API gives them (`{"result": [{"sys_id": …}]}`), with
//! `sysparm_display_value` of any value. Pages may stand behind one another.
//!
//! | asset | field, unless mapped |
//! |---|---|
//! | key | `sys_id` |
//! | owner | `owned_by`, else `managed_by`, else `assigned_to` |
//! | support group | `support_group`, else `assignment_group` |
//! | role | `u_role`, else `classification` |
//! | zone | `u_zone` |
//! | criticality | `business_criticality`, else `busines_criticality` (as the table spells it) |
//! | identifiers | `ip_address`, `mac_address`, `fqdn`, `serial_number`, `object_id` |
//! | last seen | `last_discovered` |
//!
//! A server whose `install_status` is "Retired" (7) or "Absent" (100) is left out.

use muster_estate::model::IdentifierKind;

use crate::found::{Draft, Imported, Mapping, instant};
use crate::node::{Node, rows};
use crate::problem::shown;
use crate::{Limits, Problem};

/// Reads an export.
///
/// # Errors
/// When it is none, or beyond the bounds.
pub fn parse(bytes: &[u8], mapping: &Mapping, limits: Limits) -> Result<Imported, Problem> {
    let mut imported = Imported::default();
    rows(bytes, &["result"], limits, &mut |place, _, row| server(place, &row, mapping, &mut imported))?;
    Ok(imported.finish())
}

/// What people read.
fn display<'a>(row: &'a Node, field: &str) -> &'a str {
    row.get(field).text_by(&["display_value", "value", "name"])
}

/// What does not depend on who asks: an instant is in UTC here, and in the user's time zone there.
fn value<'a>(row: &'a Node, field: &str) -> &'a str {
    row.get(field).text_by(&["value", "display_value"])
}

fn first<'a>(row: &'a Node, mapped: Option<&str>, fields: &[&str]) -> &'a str {
    let mut candidates = mapped.map_or_else(|| fields.to_vec(), |field| vec![field]).into_iter();
    candidates.find_map(|field| Some(display(row, field)).filter(|text| !text.is_empty())).unwrap_or_default()
}

fn server(place: String, row: &Node, mapping: &Mapping, imported: &mut Imported) {
    let key = value(row, "sys_id");
    if key.is_empty() {
        return imported.skip(place, "it has no sys_id");
    }
    match (value(row, "install_status"), display(row, "install_status")) {
        ("7", _) | (_, "Retired") => return imported.skip(place, format!("{} is retired", shown(key))),
        ("100", _) | (_, "Absent") => return imported.skip(place, format!("{} is absent", shown(key))),
        _ => {}
    }
    let mut draft = Draft::new(place, key);
    let name = first(row, None, &["name", "host_name"]);
    name.clone_into(&mut draft.asset.name);
    first(row, mapping.owner.as_deref(), &["owned_by", "managed_by", "assigned_to"]).clone_into(&mut draft.asset.owner);
    first(row, mapping.support_group.as_deref(), &["support_group", "assignment_group"])
        .clone_into(&mut draft.asset.support_group);
    first(row, mapping.role.as_deref(), &["u_role", "classification"]).clone_into(&mut draft.asset.role);
    first(row, mapping.zone.as_deref(), &["u_zone"]).clone_into(&mut draft.asset.zone);
    first(row, None, &["business_criticality", "busines_criticality"]).clone_into(&mut draft.asset.criticality);
    for address in value(row, "ip_address").split([',', ' ', ';']) {
        draft.address(address);
    }
    for mac in value(row, "mac_address").split([',', ' ', ';']) {
        draft.mac(mac);
    }
    draft.fqdn(value(row, "fqdn"));
    draft.fqdn(name);
    draft.serial(value(row, "serial_number"));
    let cloud_id = value(row, "object_id");
    if !cloud_id.is_empty() {
        draft.identifier(IdentifierKind::CloudId(cloud_id.to_owned()));
    }
    let location = display(row, "location");
    draft.site = (!location.is_empty()).then(|| location.to_owned());
    let discovered = value(row, "last_discovered");
    draft.last_seen = instant(discovered);
    if draft.last_seen.is_none() && !discovered.is_empty() {
        draft.wrong.push(format!("last_discovered {} is no instant", shown(discovered)));
    }
    draft.into(imported);
}
