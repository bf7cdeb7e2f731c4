//! What a text must contain for a pattern to match it.
//!
//! A pattern gives clauses: of each clause, at least one needle stands in every text that matches. Needles are in ASCII
//! lower case, and are looked for with ASCII case ignored, so a pattern and its form without case give the same ones.
//! The clauses are only necessary: what passes them is still to be matched.

use std::collections::BTreeSet;

use regex_syntax::hir::{Class, Hir, HirKind, Repetition};

/// One of these stands in the text; none is empty.
pub(super) type Clause = BTreeSet<Vec<u8>>;

/// Strings that a part of a pattern can be, when it is put together from parts: four letters with two forms each.
const PRODUCT_MAX: usize = 16;

/// Alternatives of one clause: the largest real pattern, of hashes of icons, has under 20.
const CLAUSE_MAX: usize = 64;

/// A longer needle excludes hardly more.
const NEEDLE_MAX_BYTES: usize = 48;

/// A part of a pattern.
struct Part {
    /// All it can be, in lower case, if that is few.
    exact: Option<Clause>,
    /// Otherwise what must stand in it.
    clauses: Vec<Clause>,
}

impl Part {
    fn exact(strings: Clause) -> Self {
        Self { exact: Some(strings), clauses: Vec::new() }
    }

    fn unknown() -> Self {
        Self { exact: None, clauses: Vec::new() }
    }

    fn into_clauses(self) -> Vec<Clause> {
        let mut clauses = self.clauses;
        clauses.extend(self.exact.and_then(clause));
        clauses
    }
}

/// The clauses of a pattern.
pub(super) fn clauses(hir: &Hir) -> Vec<Clause> {
    let mut clauses = part(hir).into_clauses();
    clauses.sort();
    clauses.dedup();
    clauses
}

fn part(hir: &Hir) -> Part {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => Part::exact(Clause::from([Vec::new()])),
        HirKind::Literal(literal) => Part::exact(Clause::from([literal.0.to_ascii_lowercase()])),
        HirKind::Class(class) => members(class).map_or_else(Part::unknown, Part::exact),
        HirKind::Capture(capture) => part(&capture.sub),
        HirKind::Repetition(repetition) => repeated(repetition),
        HirKind::Concat(subs) => concatenated(subs),
        HirKind::Alternation(subs) => one_of(subs),
    }
}

/// The few members of a class, in lower case.
fn members(class: &Class) -> Option<Clause> {
    // Of a letter without its case there are two or three.
    const MEMBERS_MAX: usize = 6;
    let mut members = Clause::new();
    match class {
        Class::Unicode(class) => {
            if class.iter().map(|range| range.len()).sum::<usize>() > MEMBERS_MAX {
                return None;
            }
            for c in class.iter().flat_map(|range| range.start()..=range.end()) {
                members.insert(c.to_ascii_lowercase().to_string().into_bytes());
            }
        }
        Class::Bytes(class) => {
            if class.iter().map(|range| range.len()).sum::<usize>() > MEMBERS_MAX {
                return None;
            }
            for byte in class.iter().flat_map(|range| range.start()..=range.end()) {
                members.insert(vec![byte.to_ascii_lowercase()]);
            }
        }
    }
    Some(members)
}

fn repeated(repetition: &Repetition) -> Part {
    let sub = part(&repetition.sub);
    match (repetition.min, repetition.max, sub.exact) {
        (0, Some(1), Some(mut exact)) if exact.len() < PRODUCT_MAX => {
            exact.insert(Vec::new());
            Part::exact(exact)
        }
        (0, ..) => Part::unknown(),
        (1.., _, exact) => Part { exact: None, clauses: Part { exact, clauses: sub.clauses }.into_clauses() },
    }
}

/// Neighbours grow together for as long as they are few.
fn concatenated(subs: &[Hir]) -> Part {
    let mut together = Clause::from([Vec::new()]);
    let mut clauses = Vec::new();
    let mut whole = true;
    for sub in subs {
        let sub = part(sub);
        match sub.exact {
            Some(exact) if exact.len() * together.len() <= PRODUCT_MAX => together = product(&together, &exact),
            Some(exact) => {
                whole = false;
                clauses.extend(clause(std::mem::replace(&mut together, exact)));
            }
            None => {
                whole = false;
                clauses.extend(clause(std::mem::replace(&mut together, Clause::from([Vec::new()]))));
                clauses.extend(sub.clauses);
            }
        }
    }
    if whole {
        return Part::exact(together);
    }
    clauses.extend(clause(together));
    Part { exact: None, clauses }
}

fn product(firsts: &Clause, seconds: &Clause) -> Clause {
    firsts.iter().flat_map(|first| seconds.iter().map(|second| [first.as_slice(), second].concat())).collect()
}

/// Of each alternative its best clause, if each has one.
fn one_of(subs: &[Hir]) -> Part {
    let parts: Vec<Part> = subs.iter().map(part).collect();
    if parts.iter().all(|part| part.exact.is_some()) {
        let all: Clause = parts.iter().filter_map(|part| part.exact.as_ref()).flatten().cloned().collect();
        if all.len() <= CLAUSE_MAX {
            return Part::exact(all);
        }
    }
    let mut all = Clause::new();
    for part in parts {
        let Some(best) = part.into_clauses().into_iter().max_by_key(worth) else { return Part::unknown() };
        all.extend(best);
    }
    Part { exact: None, clauses: if all.len() <= CLAUSE_MAX { vec![all] } else { Vec::new() } }
}

/// A clause is as good as the shortest of its needles.
fn worth(clause: &Clause) -> usize {
    clause.iter().map(Vec::len).min().unwrap_or(0)
}

/// Strings as a clause, unless one of them says nothing, or there are too many.
fn clause(strings: Clause) -> Option<Clause> {
    let useful = !strings.is_empty() && strings.len() <= CLAUSE_MAX && strings.iter().all(|string| !string.is_empty());
    useful.then(|| {
        strings
            .into_iter()
            .map(|mut string| {
                string.truncate(NEEDLE_MAX_BYTES);
                string
            })
            .collect()
    })
}
