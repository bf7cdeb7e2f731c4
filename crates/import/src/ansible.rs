//! Ansible: what `ansible-inventory --list` and inventory scripts print (`{"_meta": {"hostvars": {…}}, "group":
//! {"hosts": […], "children": […], "vars": {…}}}`).
//!
//! | asset | variable, unless mapped |
//! |---|---|
//! | key | the host's name in the inventory |
//! | owner, support group, role, zone | `owner`, `support_group`, `role`, `zone` |
//! | identifiers | `ansible_host`, and of cached facts `ansible_all_ipv4_addresses`, `ansible_default_ipv4.macaddress`, |
//! | | `ansible_fqdn`, `ansible_product_serial`; the key itself where it is an address or a name with a domain |
//!
//! A variable that a host does not have is that of its group, the nearest one first. A host without a role has the name
//! of its group as its role, where it stands in one only. Ansible reaches hosts and does not record when: there is no
//! last seen.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use muster_estate::inventory::identifier;

use crate::found::{Draft, Imported, Mapping};
use crate::node::{Node, rows};
use crate::problem::shown;
use crate::{Limits, Problem};

/// Groups above a host that are asked for a variable; more are no organisation but an attack.
const ANCESTORS_MAX: usize = 256;

/// The variables that become attributes, in this order everywhere.
const ATTRIBUTES: [&str; 4] = ["owner", "support_group", "role", "zone"];

#[derive(Debug, Default)]
struct Group {
    vars: [String; 4],
}

#[derive(Debug, Default)]
struct Host {
    place: String,
    vars: [String; 4],
    addresses: Vec<String>,
    macs: Vec<String>,
    names: Vec<String>,
    serial: String,
}

#[derive(Debug, Default)]
struct Inventory {
    hosts: BTreeMap<String, Host>,
    groups: BTreeMap<String, Group>,
    /// Groups in which a host or a group stands itself.
    parents: BTreeMap<String, BTreeSet<String>>,
    parents_of_groups: BTreeMap<String, BTreeSet<String>>,
}

/// Reads an inventory.
///
/// # Errors
/// When it is none, or beyond the bounds.
pub fn parse(bytes: &[u8], mapping: &Mapping, limits: Limits) -> Result<Imported, Problem> {
    let fields = [&mapping.owner, &mapping.support_group, &mapping.role, &mapping.zone];
    let mut fields = fields.into_iter().zip(ATTRIBUTES).map(|(mapped, own)| mapped.as_deref().unwrap_or(own));
    let fields: [&str; 4] = std::array::from_fn(|_| fields.next().unwrap_or_default());
    let mut imported = Imported::default();
    let mut inventory = Inventory::default();
    let mut others = 0_usize;
    // A group lists all its hosts in one value.
    let groups = Limits { row_values: limits.rows, ..limits };
    rows(bytes, &[], groups, &mut |_, name, row| match row {
        Node::Map(_) | Node::List(_) if !name.is_empty() => inventory.group(name, &row, &fields),
        Node::Null | Node::Text(_) | Node::Map(_) | Node::List(_) => others += 1,
    })?;
    let hosts = rows(bytes, &["_meta", "hostvars"], limits, &mut |place, name, row| {
        inventory.host(place, name, &row, &fields);
    });
    match hosts {
        Ok(()) => {}
        // A script may leave it out and be asked host by host.
        Err(Problem::Another { .. }) if inventory.groups.contains_key("all") && others == 0 => {}
        Err(Problem::Another { .. }) => {
            let what = "there is neither \"_meta.hostvars\" nor a group \"all\" in the document; \
                        write it with: ansible-inventory --list";
            return Err(Problem::Another { what: what.to_owned() });
        }
        Err(problem) => return Err(problem),
    }
    if inventory.hosts.len() > limits.rows {
        return Err(Problem::TooManyRows { place: "hosts".to_owned(), max: limits.rows });
    }
    for (name, host) in &inventory.hosts {
        inventory.asset(name, host, &mut imported);
    }
    Ok(imported.finish())
}

fn attributes(vars: &Node, fields: &[&str; 4]) -> [String; 4] {
    fields.map(|field| vars.get(field).text_by(&["name"]).to_owned()).map(|text| {
        // A template that nobody filled in says nothing.
        if text.contains("{{") { String::new() } else { text }
    })
}

impl Inventory {
    fn group(&mut self, name: &str, row: &Node, fields: &[&str; 4]) {
        let vars = attributes(row.get("vars"), fields);
        self.groups.insert(name.to_owned(), Group { vars });
        // The short form of old scripts is the list of hosts alone.
        let hosts = if matches!(row, Node::List(_)) { row } else { row.get("hosts") };
        for host in hosts.texts() {
            self.parents.entry(host.to_owned()).or_default().insert(name.to_owned());
            self.hosts
                .entry(host.to_owned())
                .or_insert_with(|| Host { place: format!("{name}.hosts: {}", shown(host)), ..Host::default() });
        }
        for child in row.get("children").texts() {
            self.parents_of_groups.entry(child.to_owned()).or_default().insert(name.to_owned());
        }
    }

    fn host(&mut self, place: String, name: &str, vars: &Node, fields: &[&str; 4]) {
        let text = |field: &str| vars.get(field).text_by(&[]).to_owned();
        let mut host = Host { place, vars: attributes(vars, fields), ..Host::default() };
        host.addresses.push(text("ansible_host"));
        for field in ["ansible_all_ipv4_addresses", "ansible_all_ipv6_addresses"] {
            host.addresses.extend(vars.get(field).texts().into_iter().map(str::to_owned));
        }
        host.macs.push(vars.get("ansible_default_ipv4").get("macaddress").text_by(&[]).to_owned());
        host.names.push(text("ansible_fqdn"));
        host.serial = text("ansible_product_serial");
        self.hosts.insert(name.to_owned(), host);
    }

    /// The groups above a host, the nearest first; those of one distance by name. Cycles are walked once.
    fn above(&self, host: &str) -> Vec<&str> {
        let mut level: BTreeSet<&str> = self.parents.get(host).into_iter().flatten().map(String::as_str).collect();
        let mut seen: HashSet<&str> = HashSet::new();
        let mut above = Vec::new();
        while !level.is_empty() && above.len() < ANCESTORS_MAX {
            let mut next = BTreeSet::new();
            for group in level {
                if seen.insert(group) {
                    above.push(group);
                    next.extend(self.parents_of_groups.get(group).into_iter().flatten().map(String::as_str));
                }
            }
            level = next;
        }
        above
    }

    fn asset(&self, name: &str, host: &Host, imported: &mut Imported) {
        let above = self.above(name);
        let attribute = |index: usize| {
            let own = host.vars.get(index).filter(|text| !text.is_empty());
            let groups = || above.iter().filter_map(|group| self.groups.get(*group)?.vars.get(index));
            own.or_else(|| groups().find(|text| !text.is_empty())).cloned().unwrap_or_default()
        };
        let mut draft = Draft::new(&host.place, name);
        name.clone_into(&mut draft.asset.name);
        draft.asset.owner = attribute(0);
        draft.asset.support_group = attribute(1);
        draft.asset.role = attribute(2);
        draft.asset.zone = attribute(3);
        if draft.asset.role.is_empty() {
            let own = self.parents.get(name).into_iter().flatten();
            let mut own = own.filter(|group| !matches!(group.as_str(), "all" | "ungrouped"));
            if let (Some(only), None) = (own.next(), own.next()) {
                only.clone_into(&mut draft.asset.role);
            }
        }
        for address in &host.addresses {
            // `ansible_host` may be a name too, and facts hold link-local addresses, which every link has.
            match identifier::address(address) {
                Ok(address) if is_routable(address) => draft.address(&address.to_string()),
                Ok(_) => {}
                Err(_) => draft.fqdn(address),
            }
        }
        if identifier::address(name).is_ok() {
            draft.address(name);
        }
        draft.fqdn(name);
        for other in &host.names {
            draft.fqdn(other);
        }
        for mac in &host.macs {
            draft.mac(mac);
        }
        draft.serial(&host.serial);
        draft.into(imported);
    }
}

/// `ansible_host: 127.0.0.1` is the controller itself, and its loopback no host of a site.
fn is_routable(address: std::net::IpAddr) -> bool {
    match address {
        std::net::IpAddr::V4(v4) => !v4.is_link_local() && v4 != std::net::Ipv4Addr::LOCALHOST,
        std::net::IpAddr::V6(v6) => !v6.is_unicast_link_local() && !v6.is_loopback(),
    }
}
