//! No two ranges of a realm overlap, within a site or between two.

use std::collections::BTreeMap;

use super::Subject;
use crate::lookup::span;
use crate::problem::Collector;

/// A range among those of its realm.
struct Entry<'a> {
    span: (u128, u128),
    subject: Subject<'a>,
    index: usize,
}

pub(super) fn check(subjects: &[Subject<'_>], problems: &mut Collector) {
    let mut realms: BTreeMap<(&str, bool), Vec<Entry<'_>>> = BTreeMap::new();
    for subject in subjects.iter().filter(|subject| !subject.site.removed) {
        for (index, range) in subject.site.ranges.iter().enumerate() {
            let is_v4 = range.block.addr().is_ipv4();
            let entry = Entry { span: span(range.block), subject: *subject, index };
            realms.entry((&subject.site.realm, is_v4)).or_default().push(entry);
        }
    }
    for entries in realms.values_mut() {
        // Stable: of two equal ranges the one declared first comes first.
        entries.sort_by_key(|entry| (entry.span.0, std::cmp::Reverse(entry.span.1)));
        let mut widest: Option<&Entry<'_>> = None;
        for entry in entries.iter() {
            match widest {
                Some(before) if entry.span.0 <= before.span.1 => report(entry, before, problems),
                Some(_) | None => {}
            }
            if widest.is_none_or(|before| entry.span.1 > before.span.1) {
                widest = Some(entry);
            }
        }
    }
}

fn report(entry: &Entry<'_>, before: &Entry<'_>, problems: &mut Collector) {
    let (site, other) = (entry.subject.site, before.subject.site);
    let (Some(range), Some(first)) = (site.ranges.get(entry.index), other.ranges.get(before.index)) else { return };
    let path = |index: usize| format!("ranges[{index}]");
    let what = format!(
        "range {} of site {} overlaps {} of site {} at {}; within the realm {:?} an address belongs to one range",
        range.block,
        site.name,
        first.block,
        other.name,
        before.subject.name(&path(before.index)),
        site.realm,
    );
    problems.add(entry.subject.problem(&path(entry.index), what));
}
