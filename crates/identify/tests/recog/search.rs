//! The search by needles answers what trying every fingerprint answers.

use muster_identify::recog::{Database, Match};
use proptest::prelude::*;

use crate::escaped;

/// Patterns of few letters, so that they match often and share their needles.
fn pattern() -> impl Strategy<Value = String> {
    let leaf = prop::sample::select(vec![
        "a",
        "b",
        "k",
        "s",
        "ab",
        "foo",
        "bar",
        "é",
        "1",
        ".",
        "\\d",
        "\\S",
        "\\W",
        "[ab]",
        "[^a]",
        "[é1]",
        "^",
        "$",
        "\\n",
        "\\A",
        "\\z",
        "\\b",
        ".*",
        "\\d+",
        "(?:foo|bar)",
        "\\x00",
        "\\xff",
    ]);
    let alone = leaf.prop_map(str::to_owned);
    alone.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            4 => prop::collection::vec(inner.clone(), 1..4).prop_map(|parts| parts.concat()),
            2 => prop::collection::vec(inner.clone(), 1..4).prop_map(|parts| format!("({})", parts.join("|"))),
            1 => prop::collection::vec(inner.clone(), 1..4).prop_map(|parts| parts.join("|")),
            1 => (inner.clone(), prop::sample::select(vec!["?", "*", "+", "*?", "{2}", "{1,2}", "{2}?", "{,2}"]))
                .prop_map(|(part, times)| format!("(?:{part}){times}")),
            1 => (prop::sample::select(vec!["(?i)", "(?m)", "(?i-m)"]), inner)
                .prop_map(|(options, part)| format!("{options}{part}")),
        ]
    })
}

/// Texts of the same letters.
fn text() -> impl Strategy<Value = Vec<u8>> {
    let pieces: Vec<&[u8]> = vec![
        b"a",
        b"b",
        b"A",
        b"B",
        b"k",
        b"S",
        b"ab",
        b"aB",
        b"foo",
        b"FOO",
        b"bar",
        b"1",
        b" ",
        b"\n",
        b"\n\n",
        b"\x00",
        b"\xff",
        "é".as_bytes(),
        "É".as_bytes(),
        "\u{212a}".as_bytes(),
        "ſ".as_bytes(),
    ];
    prop::collection::vec(prop::sample::select(pieces), 0..12).prop_map(|pieces| pieces.concat())
}

fn database(patterns: &[String]) -> Database {
    let fingerprints: String = patterns
        .iter()
        .zip(0..)
        .map(|(pattern, n)| {
            // Every pattern has a group around all of it, so that what it captured is compared too.
            let pattern = escaped(&format!("({pattern})"));
            let param = "<param pos=\"1\" name=\"all\"/>";
            format!("<fingerprint pattern=\"{pattern}\"><description>{n}</description>{param}</fingerprint>")
        })
        .collect();
    Database::load([("own.xml", format!("<fingerprints>{fingerprints}</fingerprints>"))]).unwrap()
}

fn answer(found: Option<Match<'_>>) -> Option<(String, Vec<(String, String)>)> {
    found.map(|found| {
        let params = found.params.iter().map(|(name, value)| ((*name).to_owned(), value.to_string())).collect();
        (found.fingerprint.description().to_owned(), params)
    })
}

/// Of a clause with several needles one is enough, whether or not the clause is the one that makes the candidate.
#[test]
fn one_needle_of_each_clause_is_enough() {
    let database = database(&["a.*(?:foo|bar)".to_owned(), "b.*(?:foo|bar).*c?".to_owned(), "(?:foo|bar)".to_owned()]);
    for (text, expected) in [("a foo", "0"), ("A bar a bar", "0"), ("b bar", "1"), ("x foo", "2"), ("fo ba", "none")] {
        let found = answer(database.matches("own", text.as_bytes()));
        assert_eq!(found.map_or("none".to_owned(), |(description, _)| description), expected, "{text}");
    }
}

proptest! {
    #[test]
    fn the_first_in_the_order_of_the_file_is_found(
        patterns in prop::collection::vec(pattern(), 1..8),
        texts in prop::collection::vec(text(), 1..12),
    ) {
        let database = database(&patterns);
        let table = &database.tables()[0];
        for text in &texts {
            prop_assert_eq!(answer(table.matches(text)), answer(table.matches_in_turn(text)), "{:?}", patterns);
        }
    }
}
