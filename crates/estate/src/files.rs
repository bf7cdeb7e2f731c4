//! Estate files: what an enterprise keeps in Git about its realms, sites, zones, approvals and schedules.
//!
//! A file holds YAML documents, and each document is one of three:
//!
//! - `site: NAME` with everything about it: a site;
//! - `part_of: NAME` with `zones`, `approvals` (each naming its `zone`) and `schedules`: more of a site that another
//!   document declares, so that who owns the approvals need not own the site;
//! - `realm: NAME` without `site`: a routing domain. Once one is declared, every site has to name a declared one.
//!
//! Anchors, aliases, tags and unknown keys are refused; every error carries file, line and column.

mod fields;
mod part;
mod site;
mod tree;
mod write;

use std::collections::BTreeMap;

pub(crate) use fields::prose_problem;
pub use write::to_yaml;

use crate::check::check_estate;
use crate::limits::SITES_MAX;
use crate::model::Site;
use crate::problem::{Collector, Place, Problem, Problems, hint};
use tree::{Node, Value};

/// Where the parts of a site were declared: by path, such as `zones[2].blocks[0]`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Places(BTreeMap<String, Place>);

impl Places {
    /// Where a part stands, or the nearest part around it.
    #[must_use]
    pub fn get(&self, path: &str) -> Option<&Place> {
        let mut path = path;
        loop {
            if let Some(place) = self.0.get(path) {
                return Some(place);
            }
            if path.is_empty() {
                return None;
            }
            path = path.rfind(['.', '[']).map_or("", |end| &path[..end]);
        }
    }

    fn set(&mut self, path: impl Into<String>, node: &Node) {
        self.0.insert(path.into(), node.place.clone());
    }
}

/// A site and where it was declared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Declared {
    /// The site.
    pub site: Site,
    /// Where its parts stand.
    pub places: Places,
}

/// A declared routing domain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Realm {
    /// Name.
    pub name: String,
    /// For people.
    pub description: String,
    /// Where it was declared.
    pub place: Place,
}

/// What the files of an estate say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Estate {
    /// Sites, in the order of the files.
    pub sites: Vec<Declared>,
    /// Realms; empty: each site's word is taken.
    pub realms: Vec<Realm>,
}

impl Estate {
    /// The sites alone.
    pub fn into_sites(self) -> Vec<Site> {
        self.sites.into_iter().map(|declared| declared.site).collect()
    }
}

/// Reads the files of an estate, (name, text) each, and checks the whole.
///
/// # Errors
/// With the first problem of each file that cannot be read, otherwise with everything the check finds.
pub fn read_estate<'a>(files: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Estate, Problems> {
    let mut estate = Estate::default();
    let mut parts = Vec::new();
    let mut problems = Collector::default();
    for (name, text) in files {
        if let Err(problem) = read_file(name, text, &mut estate, &mut parts) {
            problems.add(problem);
        }
    }
    problems.finish()?;
    join(&mut estate, parts)?;
    check_estate(&estate)?;
    Ok(estate)
}

/// Reads one file that holds exactly one site, as `muster site show -o yaml` writes it. The site is checked.
///
/// # Errors
/// When it cannot be read, holds something else, or the site is not sound.
pub fn read_site(name: &str, text: &str) -> Result<Site, Problems> {
    let mut sites = read_estate([(name, text)])?.sites;
    match (sites.pop(), sites.pop()) {
        (Some(declared), None) => Ok(declared.site),
        (None, _) => Err(Problem::nowhere(format!("{name}: no document with \"site: NAME\"")).into()),
        (Some(second), Some(_)) => {
            let place = second.places.get("").cloned();
            Err(Problem { place, what: "a second site; exactly one is expected here".to_owned() }.into())
        }
    }
}

fn read_file(name: &str, text: &str, estate: &mut Estate, parts: &mut Vec<part::Part>) -> Result<(), Problem> {
    for document in tree::parse(name, text)? {
        let names: Vec<&str> = match &document.value {
            Value::Map(entries) => entries.iter().map(|entry| entry.name.as_str()).collect(),
            Value::Null | Value::Text(_) | Value::List(_) => Vec::new(),
        };
        if names.contains(&"site") {
            estate.sites.push(site::read(&document)?);
        } else if names.contains(&"part_of") {
            parts.push(part::read(&document)?);
        } else if names.contains(&"realm") && names.iter().all(|name| ["realm", "description"].contains(name)) {
            estate.realms.push(part::read_realm(&document)?);
        } else {
            let what = "a document starts with \"site: NAME\", \"part_of: NAME\" or \"realm: NAME\"";
            let near = names.first().map(|name| hint(name, ["site", "part_of", "realm"])).unwrap_or_default();
            return Err(Problem::at(document.place.clone(), format!("{what}{near}")));
        }
        if estate.sites.len() > SITES_MAX || parts.len() > SITES_MAX || estate.realms.len() > SITES_MAX {
            return Err(Problem::at(document.place.clone(), format!("more than {SITES_MAX} sites, parts or realms")));
        }
    }
    Ok(())
}

fn join(estate: &mut Estate, parts: Vec<part::Part>) -> Result<(), Problems> {
    let mut problems = Collector::default();
    let by_name: BTreeMap<String, usize> =
        estate.sites.iter().enumerate().map(|(index, declared)| (declared.site.name.clone(), index)).collect();
    for part in parts {
        match by_name.get(&part.site).and_then(|index| estate.sites.get_mut(*index)) {
            Some(declared) => {
                if let Err(problem) = part.join(declared) {
                    problems.add(problem);
                }
            }
            None => {
                let hint = hint(&part.site, by_name.keys().map(String::as_str));
                problems.add(Problem::at(part.place, format!("no file declares the site {:?}{hint}", part.site)));
            }
        }
    }
    problems.finish()
}
