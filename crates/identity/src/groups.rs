//! Sets that only grow together, each with what its members know.

use std::collections::BTreeSet;

use crate::key::{Key, Kind};
use crate::span::Span;

/// What the members of a set know together.
#[derive(Debug, Clone)]
pub(crate) struct Known {
    pub(crate) span: Span,
    /// Values by kind.
    values: [BTreeSet<usize>; Kind::ALL.len()],
}

impl Known {
    pub(crate) fn new(span: Span, keys: impl Iterator<Item = (Kind, usize)>) -> Self {
        let mut values: [BTreeSet<usize>; Kind::ALL.len()] = Default::default();
        for (kind, key) in keys {
            if let Some(values) = values.get_mut(kind as usize) {
                values.insert(key);
            }
        }
        Self { span, values }
    }

    /// Whether both lived at the same time and differ in what a host has one of.
    pub(crate) fn contradicts(&self, other: &Self, but: Kind) -> bool {
        self.span.overlaps(&other.span)
            && Kind::ALL.into_iter().filter(|kind| kind.is_of_the_host() && *kind != but).any(|kind| {
                let (own, others) = (self.of(kind), other.of(kind));
                !own.is_empty() && !others.is_empty() && own.is_disjoint(others)
            })
    }

    fn of(&self, kind: Kind) -> &BTreeSet<usize> {
        static NONE: BTreeSet<usize> = BTreeSet::new();
        self.values.get(kind as usize).unwrap_or(&NONE)
    }

    fn absorb(&mut self, other: Self) {
        self.span.extend(&other.span);
        for (own, mut others) in self.values.iter_mut().zip(other.values) {
            own.append(&mut others);
        }
    }
}

/// Union-find; the representative of a set is its smallest member, so that it does not depend on the order of unions.
#[derive(Debug)]
pub(crate) struct Groups {
    parents: Vec<usize>,
    known: Vec<Option<Known>>,
}

impl Groups {
    pub(crate) fn new(known: Vec<Known>) -> Self {
        Self { parents: (0..known.len()).collect(), known: known.into_iter().map(Some).collect() }
    }

    pub(crate) fn find(&mut self, member: usize) -> usize {
        let mut root = member;
        while let Some(parent) = self.parents.get(root).copied().filter(|parent| *parent != root) {
            root = parent;
        }
        let mut at = member;
        while let Some(parent) = self.parents.get_mut(at).filter(|parent| **parent != root) {
            at = std::mem::replace(parent, root);
        }
        root
    }

    pub(crate) fn known(&self, root: usize) -> Option<&Known> {
        self.known.get(root).and_then(Option::as_ref)
    }

    pub(crate) fn join(&mut self, a: usize, b: usize) {
        let (a, b) = (self.find(a), self.find(b));
        if a == b {
            return;
        }
        let (root, gone) = (a.min(b), a.max(b));
        if let Some(parent) = self.parents.get_mut(gone) {
            *parent = root;
        }
        let absorbed = self.known.get_mut(gone).and_then(Option::take);
        if let (Some(Some(known)), Some(absorbed)) = (self.known.get_mut(root), absorbed) {
            known.absorb(absorbed);
        }
    }
}

/// Keys by number: comparing numbers is what the inner loops do.
#[derive(Debug, Default)]
pub(crate) struct Numbered {
    pub(crate) keys: Vec<Key>,
}

impl Numbered {
    /// Of keys in ascending order, none twice.
    pub(crate) fn new(keys: BTreeSet<&Key>) -> Self {
        Self { keys: keys.into_iter().cloned().collect() }
    }

    pub(crate) fn number(&self, key: &Key) -> Option<usize> {
        self.keys.binary_search(key).ok()
    }
}
