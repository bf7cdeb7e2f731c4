//! The documents beside sites: realms, and parts of a site that are kept apart from it.

use super::fields::{Fields, prose, text};
use super::site::{add_approvals, schedule, zone};
use super::tree::Node;
use super::{Declared, Places, Realm};
use crate::limits::{APPROVALS_MAX, SCHEDULES_MAX, ZONES_MAX};
use crate::model::{Schedule, Zone};
use crate::problem::{Place, Problem, hint, shown};

/// More of a site.
pub(super) struct Part {
    pub(super) site: String,
    pub(super) place: Place,
    zones: Vec<(Zone, Places)>,
    schedules: Vec<(Schedule, Places)>,
    approvals: Vec<Node>,
}

/// Reads a realm.
pub(super) fn read_realm(document: &Node) -> Result<Realm, Problem> {
    let fields = Fields::new(document, "a realm", &["realm", "description"])?;
    let name = fields.needed("realm")?;
    let description = fields.or("description", String::new(), prose)?;
    Ok(Realm { name: text(name)?.to_owned(), description, place: name.place.clone() })
}

/// Reads a part.
pub(super) fn read(document: &Node) -> Result<Part, Problem> {
    let fields = Fields::new(document, "a part of a site", &["part_of", "zones", "approvals", "schedules"])?;
    let site = fields.needed("part_of")?;
    let mut part = Part {
        site: text(site)?.to_owned(),
        place: site.place.clone(),
        zones: Vec::new(),
        schedules: Vec::new(),
        approvals: fields.items("approvals", APPROVALS_MAX)?.to_vec(),
    };
    for node in fields.items("zones", ZONES_MAX)? {
        let mut places = Places::default();
        part.zones.push((zone(node, "", &mut places)?, places));
    }
    for node in fields.items("schedules", SCHEDULES_MAX)? {
        let mut places = Places::default();
        part.schedules.push((schedule(node, "", &mut places)?, places));
    }
    Ok(part)
}

impl Part {
    /// Adds what it holds to its site.
    pub(super) fn join(self, declared: &mut Declared) -> Result<(), Problem> {
        let Declared { site, places } = declared;
        for (zone, own) in self.zones {
            places.take(own, &format!("zones[{}]", site.zones.len()));
            site.zones.push(zone);
        }
        for (schedule, own) in self.schedules {
            places.take(own, &format!("schedules[{}]", site.schedules.len()));
            site.schedules.push(schedule);
        }
        for node in &self.approvals {
            let fields = Fields::new(node, "an approval", &["zone", "ports", "role", "reason"])?;
            let wanted = fields.needed("zone")?;
            let name = text(wanted)?;
            let Some(index) = site.zones.iter().position(|zone| zone.name == name) else {
                let hint = hint(name, site.zones.iter().map(|zone| zone.name.as_str()));
                let what = format!("site {} has no zone {}{hint}", site.name, shown(name));
                return Err(Problem::at(wanted.place.clone(), what));
            };
            if let Some(zone) = site.zones.get_mut(index) {
                add_approvals(&fields, node, &format!("zones[{index}]"), &mut zone.approvals, places)?;
            }
        }
        Ok(())
    }
}

impl Places {
    /// Takes the places of a part under a path.
    fn take(&mut self, part: Places, path: &str) {
        self.0.extend(part.0.into_iter().map(|(own, place)| (format!("{path}{own}"), place)));
    }
}
