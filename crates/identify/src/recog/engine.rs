//! The patterns of one file in one reading, and the first that matches a text.
//!
//! One pass over the text finds every needle of every pattern. A pattern is tried only if each of its clauses has a
//! needle there, in the order of the file: the answer is that of trying them all.

use aho_corasick::{AhoCorasick, MatchKind};
use regex_automata::meta::{BuildError, Regex};
use regex_automata::util::primitives::NonMaxUsize;
use regex_automata::{Anchored, Input};
use regex_syntax::hir::{Hir, Look};

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use super::needles::{self, Clause};

/// One automaton: the largest real one takes 0.6 MB (two gaps of up to 1,000 characters).
const PATTERN_MEMORY_MAX_BYTES: usize = 2 << 20;

/// The table of one that can be matched in one pass.
const ONEPASS_MEMORY_MAX_BYTES: usize = 128 << 10;

/// Texts up to this length are searched with what the last search has left: 6 of Recog's 7,525
/// examples are longer.
const TEXT_KEPT_MAX_BYTES: usize = 512;

/// Lines of a text that are searched one by one. The rest is searched at once, so that many lines cost no more than
/// their length.
const LINES_ANCHORED_MAX: usize = 8;

/// A pattern. It is compiled when it is first tried, since most are for products that a network does not have.
#[derive(Debug)]
pub(super) struct Lazy {
    tree: Hir,
    regex: OnceLock<Option<Regex>>,
    /// Whether every match begins where a line does.
    at_lines: bool,
}

impl Lazy {
    /// Takes a tree that can be compiled, and the memory of its automaton in bytes.
    pub(super) fn new(tree: Hir) -> Result<(Arc<Self>, usize), String> {
        let memory_bytes = compile(&tree).map_err(|error| error.to_string())?.memory_usage();
        let at_lines = tree.properties().look_set_prefix().contains(Look::StartLF);
        Ok((Arc::new(Self { tree, regex: OnceLock::new(), at_lines }), memory_bytes))
    }

    /// Its tree.
    pub(super) fn tree(&self) -> &Hir {
        &self.tree
    }

    /// Matches a text; then `slots` has where each group begins and ends.
    pub(super) fn matches(&self, text: &[u8], slots: &mut Slots) -> bool {
        // What was compiled to see whether it can be is compiled again: there is always one.
        let Some(regex) = self.regex.get_or_init(|| compile(&self.tree).ok()) else { return false };
        slots.0.clear();
        slots.0.resize(regex.group_info().slot_len(), None);
        // What a search works with is kept for the next one, and grows with the text: after a long one it is thrown
        // away.
        let mut thrown_away = (text.len() > TEXT_KEPT_MAX_BYTES).then(|| regex.create_cache());
        let mut search = |input: &Input<'_>| match &mut thrown_away {
            Some(cache) => regex.search_slots_with(cache, input, &mut slots.0).is_some(),
            None => regex.search_slots(input, &mut slots.0).is_some(),
        };
        let input = Input::new(text);
        if !self.at_lines {
            return search(&input);
        }
        // The first line where it matches has the leftmost match, and an anchored search is several times faster.
        let mut lines = line_starts(text);
        let mut first = lines.by_ref().take(LINES_ANCHORED_MAX);
        if first.any(|from| search(&input.clone().range(from..).anchored(Anchored::Yes))) {
            return true;
        }
        let Some(from) = lines.next() else { return false };
        // Ruby's `^` does not stand behind a newline that ends the text, and the engine's does.
        search(&input.range(from..)) && slots.group(0).is_some_and(|(from, _)| from < text.len())
    }
}

/// Short texts are searched best without a lazy automaton, which also takes most of the memory.
fn compile(tree: &Hir) -> Result<Regex, Box<BuildError>> {
    let config = Regex::config()
        .utf8_empty(false)
        .nfa_size_limit(Some(PATTERN_MEMORY_MAX_BYTES))
        .onepass_size_limit(Some(ONEPASS_MEMORY_MAX_BYTES))
        .dfa(false)
        .hybrid(false);
    Regex::builder().configure(config).build_from_hir(tree).map_err(Box::new)
}

/// Where lines begin: at the start of the text, and behind a newline that does not end it.
fn line_starts(text: &[u8]) -> impl Iterator<Item = usize> {
    let behind = text.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(at, _)| at + 1);
    std::iter::once(0).chain(behind.filter(|at| *at < text.len()))
}

/// Where the groups of a match begin and end.
#[derive(Debug, Default)]
pub(super) struct Slots(Vec<Option<NonMaxUsize>>);

impl Slots {
    /// Begin and end of a group that took part in the match; group 0 is all of it.
    pub(super) fn group(&self, group: usize) -> Option<(usize, usize)> {
        let begin = self.0.get(group * 2).copied().flatten()?;
        let end = self.0.get(group * 2 + 1).copied().flatten()?;
        Some((begin.get(), end.get()))
    }
}

/// The patterns of a file.
#[derive(Debug)]
pub(super) struct Engine {
    patterns: Vec<Arc<Lazy>>,
    needles: Option<AhoCorasick>,
    /// For each pattern, the clauses that are checked before it is tried, by the numbers of their needles.
    required: Vec<Box<[Box<[u32]>]>>,
    /// For each needle, the patterns that it makes candidates.
    wanted_by: Vec<Vec<u32>>,
    /// Patterns that are always candidates, as a bit set.
    always: Vec<u64>,
}

impl Engine {
    /// Prepares the search for patterns, in the order of their file.
    pub(super) fn new(patterns: Vec<Arc<Lazy>>) -> Result<Self, String> {
        let clauses: Vec<Vec<Clause>> = patterns.iter().map(|pattern| needles::clauses(pattern.tree())).collect();
        let mut shared: BTreeMap<&[u8], u32> = BTreeMap::new();
        for needle in clauses.iter().flatten().flatten() {
            *shared.entry(needle).or_default() += 1;
        }
        let numbers: BTreeMap<&[u8], u32> = shared.keys().copied().zip(0..).collect();
        let mut wanted_by = vec![Vec::new(); numbers.len()];
        let mut always = vec![0; patterns.len().div_ceil(64)];
        let mut required = Vec::with_capacity(patterns.len());
        for (index, clauses) in (0..).zip(&clauses) {
            // The clause that the fewest others share makes the candidate; among equals, the one with the longest
            // needles.
            let rarest = clauses.iter().min_by_key(|clause| {
                let uses: u32 = clause.iter().filter_map(|needle| shared.get(needle.as_slice())).sum();
                (uses, std::cmp::Reverse(clause.iter().map(Vec::len).min()))
            });
            match rarest {
                Some(clause) => {
                    for needle in clause.iter().filter_map(|needle| numbers.get(needle.as_slice())) {
                        if let Some(patterns) = wanted_by.get_mut(*needle as usize) {
                            patterns.push(index);
                        }
                    }
                }
                None => set(&mut always, index),
            }
            let others = clauses.iter().filter(|clause| Some(*clause) != rarest);
            let by_number =
                |clause: &Clause| clause.iter().filter_map(|needle| numbers.get(needle.as_slice()).copied()).collect();
            required.push(others.map(by_number).collect());
        }
        let needles = if numbers.is_empty() {
            None
        } else {
            let builder = AhoCorasick::builder()
                .match_kind(MatchKind::Standard)
                .ascii_case_insensitive(true)
                .build(numbers.keys())
                .map_err(|error| error.to_string())?;
            Some(builder)
        };
        Ok(Self { patterns, needles, required, wanted_by, always })
    }

    /// The first pattern of the file that matches, found by its needles.
    pub(super) fn first(&self, text: &[u8], slots: &mut Slots) -> Option<usize> {
        let mut candidates = self.always.clone();
        let mut found = vec![0; self.wanted_by.len().div_ceil(64)];
        for needle in self.needles.iter().flat_map(|needles| needles.find_overlapping_iter(text)) {
            let needle = needle.pattern().as_u32();
            if !is_set(&found, needle) {
                set(&mut found, needle);
                for pattern in self.wanted_by.get(needle as usize).into_iter().flatten() {
                    set(&mut candidates, *pattern);
                }
            }
        }
        for (word, bits) in (0..).zip(&candidates) {
            let mut bits = *bits;
            while bits != 0 {
                let index = word * 64 + bits.trailing_zeros() as usize;
                bits &= bits - 1;
                if self.is_possible(index, &found) && self.pattern(index)?.matches(text, slots) {
                    return Some(index);
                }
            }
        }
        None
    }

    /// The first pattern of the file that matches, found by trying each: what [`Self::first`] must answer.
    pub(super) fn first_in_turn(&self, text: &[u8], slots: &mut Slots) -> Option<usize> {
        self.patterns.iter().position(|pattern| pattern.matches(text, slots))
    }

    /// One pattern by its place in the file.
    pub(super) fn pattern(&self, index: usize) -> Option<&Lazy> {
        self.patterns.get(index).map(Arc::as_ref)
    }

    /// Whether each clause of a pattern has a needle among those found.
    fn is_possible(&self, index: usize, found: &[u64]) -> bool {
        let clauses = self.required.get(index).into_iter().flatten();
        clauses.into_iter().all(|clause| clause.iter().any(|needle| is_set(found, *needle)))
    }
}

fn set(bits: &mut [u64], index: u32) {
    if let Some(word) = bits.get_mut(index as usize / 64) {
        *word |= 1 << (index % 64);
    }
}

fn is_set(bits: &[u64], index: u32) -> bool {
    bits.get(index as usize / 64).is_some_and(|word| word >> (index % 64) & 1 == 1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::pattern::{Options, Reading, parse};
    use super::*;

    fn lazy(pattern: &str) -> Lazy {
        let tree = parse(pattern, Options::default(), Reading::Bytes).unwrap().hir;
        Arc::into_inner(Lazy::new(tree).unwrap().0).unwrap()
    }

    #[test]
    fn lines_begin_at_the_start_and_behind_newlines_that_do_not_end_the_text() {
        let starts = |text: &[u8]| line_starts(text).collect::<Vec<_>>();
        assert_eq!(starts(b""), [0]);
        assert_eq!(starts(b"\n"), [0]);
        assert_eq!(starts(b"a\n\nb\n"), [0, 2, 3]);
    }

    const RESTS: [&str; 7] = ["a", "(a|ab)(c|bcd)?", "(.*?)b", "[^x]+?b$", "(\\n*)a", "(?m:.*)b", "b\\n^(a)"];

    proptest! {
        /// The search line by line, within the first lines and behind them, is the plain search. Every pattern here
        /// takes at least a byte, so that the end of the text makes no difference.
        #[test]
        fn lines_one_by_one_are_all_lines_at_once(
            rest in prop::sample::select(RESTS.to_vec()),
            text in "[abc\n]{0,40}",
        ) {
            let lazy = lazy(&format!("^{rest}"));
            prop_assert!(lazy.at_lines);
            let (mut slots, mut plain) = (Slots::default(), Slots::default());
            let found = lazy.matches(text.as_bytes(), &mut slots);
            let regex = compile(&lazy.tree).unwrap();
            plain.0.resize(regex.group_info().slot_len(), None);
            prop_assert_eq!(found, regex.search_slots(&Input::new(&text), &mut plain.0).is_some());
            if found {
                prop_assert_eq!(slots.0, plain.0);
            }
        }
    }
}
