//! Whether an estate is sound: each site on its own, and all of them together.

mod ranges;
mod site;

use std::collections::BTreeMap;

use crate::files::{Estate, Places};
use crate::limits::SITES_MAX;
use crate::model::Site;
use crate::problem::{Collector, Problem, Problems, hint};
use crate::words::name_problem;

/// A site under check and, when it came from files, where its parts stand.
#[derive(Clone, Copy)]
struct Subject<'a> {
    site: &'a Site,
    places: Option<&'a Places>,
}

impl Subject<'_> {
    /// A problem of a part, named by its path.
    fn problem(&self, path: &str, what: impl AsRef<str>) -> Problem {
        let what = what.as_ref();
        match self.places.and_then(|places| places.get(path)) {
            Some(place) => Problem::at(place.clone(), what),
            None => Problem::nowhere(format!("{}: {what}", self.name(path))),
        }
    }

    /// Where a part is, for the text of somebody else's problem.
    fn name(&self, path: &str) -> String {
        match self.places.and_then(|places| places.get(path)) {
            Some(place) => place.to_string(),
            None if path.is_empty() => format!("site {}", self.site.name),
            None => format!("site {}, {path}", self.site.name),
        }
    }
}

/// Checks an estate that was read from files.
///
/// # Errors
/// With everything that is wrong, up to a bound, in the order of the files.
pub fn check_estate(estate: &Estate) -> Result<(), Problems> {
    let subjects: Vec<Subject<'_>> =
        estate.sites.iter().map(|declared| Subject { site: &declared.site, places: Some(&declared.places) }).collect();
    let mut problems = Collector::default();
    check_realms(estate, &subjects, &mut problems);
    check_all(&subjects, &mut problems);
    problems.finish()
}

/// Checks sites that came some other way: the documents of a request joined with the sites that stand.
///
/// # Errors
/// With everything that is wrong, up to a bound; the texts name site and field.
pub fn check_sites<'a>(sites: impl IntoIterator<Item = &'a Site>) -> Result<(), Problems> {
    let subjects: Vec<Subject<'_>> = sites.into_iter().map(|site| Subject { site, places: None }).collect();
    let mut problems = Collector::default();
    check_all(&subjects, &mut problems);
    problems.finish()
}

fn check_all(subjects: &[Subject<'_>], problems: &mut Collector) {
    if subjects.len() > SITES_MAX {
        problems.add(Problem::nowhere(format!("more than {SITES_MAX} sites")));
        return;
    }
    let mut names: BTreeMap<&str, Subject<'_>> = BTreeMap::new();
    for subject in subjects {
        if let Some(first) = names.get(subject.site.name.as_str()) {
            let what = format!("site {} is declared a second time, first at {}", subject.site.name, first.name("name"));
            problems.add(subject.problem("name", what));
        } else {
            names.insert(&subject.site.name, *subject);
        }
        site::check(*subject, problems);
    }
    ranges::check(subjects, problems);
}

fn check_realms(estate: &Estate, subjects: &[Subject<'_>], problems: &mut Collector) {
    let mut declared = BTreeMap::new();
    for realm in &estate.realms {
        if let Some(what) = name_problem("realm", &realm.name) {
            problems.add(Problem::at(realm.place.clone(), what));
        }
        if let Some(first) = declared.insert(realm.name.as_str(), &realm.place) {
            let what = format!("realm {:?} is declared a second time, first at {first}", realm.name);
            problems.add(Problem::at(realm.place.clone(), what));
        }
    }
    if declared.is_empty() {
        return;
    }
    for subject in subjects {
        if !declared.contains_key(subject.site.realm.as_str()) {
            let hint = hint(&subject.site.realm, declared.keys().copied());
            problems
                .add(subject.problem("realm", format!("no file declares the realm {:?}{hint}", subject.site.realm)));
        }
    }
}
