#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use std::net::{IpAddr, Ipv4Addr};

use muster_store::query::{Column, Compare, FINDING_COLUMNS, Filter, HOST_COLUMNS, Kind, Value};
use proptest::prelude::*;

use super::value::{mapped, sign};
use super::{Cell, MAX_BYTES, MAX_DEPTH, MAX_TERMS, Record, matches, parse};

fn ok(text: &str) -> Filter {
    parse(text, FINDING_COLUMNS).unwrap().unwrap()
}

fn wrong(text: &str) -> (usize, String) {
    let error = parse(text, FINDING_COLUMNS).unwrap_err();
    (error.column, error.problem)
}

/// A filter as text that reads back.
fn show(filter: &Filter) -> String {
    let joined = |parts: &[Filter], word: &str| format!("({})", parts.iter().map(show).collect::<Vec<_>>().join(word));
    match filter {
        Filter::And(parts) => joined(parts, " AND "),
        Filter::Or(parts) => joined(parts, " OR "),
        Filter::Not(part) => format!("NOT {}", show(part)),
        Filter::Compare { column, op, value } => {
            let value = match value {
                Value::Text(text) => format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"")),
                Value::Number(number) => number.to_string(),
                Value::Bool(truth) => truth.to_string(),
                Value::Time(ms) => jiff::Timestamp::from_millisecond(*ms).unwrap().to_string(),
                Value::Id(id) => hex::encode(id),
                Value::Address(address) => address.to_string(),
            };
            format!("{column} {} {value}", sign(*op))
        }
    }
}

fn value(text: &str) -> (Compare, Value) {
    let Filter::Compare { op, value, .. } = ok(text) else { panic!("a comparison: {text}") };
    (op, value)
}

#[test]
fn empty_is_no_filter() {
    assert_eq!(parse("", FINDING_COLUMNS), Ok(None));
    assert_eq!(parse("  \t", FINDING_COLUMNS), Ok(None));
}

#[test]
fn or_binds_tighter_than_and() {
    assert_eq!(
        show(&ok(r#"site = "dublin" AND reason = rogue OR reason = silent"#)),
        r#"(site = "dublin" AND (reason = "rogue" OR reason = "silent"))"#
    );
    assert_eq!(show(&ok("NOT state=open AND -site:dub")), r#"(NOT state = "open" AND NOT site : "dub")"#);
}

#[test]
fn values_are_typed_by_their_column() {
    let time = Value::Time(1_767_323_045_000);
    assert_eq!(value("first_seen >= 2026-01-02T03:04:05Z"), (Compare::GreaterOrEqual, time));
    let subject = Value::Text("approved-service:tcp/80".to_owned());
    assert_eq!(value("subject = approved-service:tcp/80"), (Compare::Equal, subject));
    assert_eq!(value("due_at:*"), (Compare::NotEqual, Value::Time(0)));
    assert_eq!(value("owner:*"), (Compare::NotEqual, Value::Text(String::new())));
    assert_eq!(show(&ok("address:127.20.0.0/24")), "(address >= ::ffff:127.20.0.0 AND address <= ::ffff:127.20.0.255)");
}

#[test]
fn a_quotation_mark_stays_inside_its_value() {
    let text = Value::Text(r#"x" OR site = "y"#.to_owned());
    assert_eq!(value(r#"owner = "x\" OR site = \"y""#), (Compare::Equal, text));
}

#[test]
fn an_unknown_field_names_the_nearest() {
    let (column, problem) = wrong("state = open AND sites = dublin");
    assert_eq!(column, 18);
    assert!(problem.contains(r#"did you mean "site"?"#), "{problem}");
}

#[test]
fn errors_name_the_column() {
    for (text, column, part) in [
        ("state = opened", 9, "one of open, resolved, suppressed"),
        ("state < open", 7, "takes = and !="),
        ("state:*", 6, "takes = and !=, not :*"),
        ("(state = open", 1, "not closed"),
        ("state = open)", 13, "closes none"),
        ("state = open site = x", 14, "expected AND, OR"),
        ("(state = open site = x)", 15, "a closing parenthesis"),
        ("site = \"x", 8, "not closed"),
        ("site", 5, "expected ="),
        ("site =", 7, "expected a value"),
        ("ü = 1", 1, "expected a field"),
        ("site = \"ü\" AND x = 1", 16, "no field"),
        ("first_seen > yesterday", 14, "an instant"),
        ("host_id = 12", 11, "32 hexadecimal"),
    ] {
        let (at, problem) = wrong(text);
        assert_eq!(at, column, "{text}: {problem}");
        assert!(problem.contains(part), "{text}: {problem}");
    }
}

#[test]
fn length_depth_and_terms_are_bounded() {
    assert!(wrong(&"x".repeat(MAX_BYTES + 1)).1.contains("at most"));
    assert!(wrong(&"(".repeat(MAX_DEPTH + 1)).1.contains("deeper"));
    assert!(wrong(&"-".repeat(MAX_BYTES)).1.contains("deeper"));
    let many = vec!["site = x"; MAX_TERMS + 1].join(" OR ");
    assert!(wrong(&many).1.contains("comparisons"));
    assert!(parse(&vec!["site = x"; MAX_TERMS].join(" OR "), FINDING_COLUMNS).is_ok());
}

struct Host;

impl Record for Host {
    fn cell(&self, column: &str) -> Option<Cell<'_>> {
        Some(match column {
            "site" => Cell::Text("dublin"),
            "owner" => Cell::Text(""),
            "address" => Cell::Address(mapped(IpAddr::V4(Ipv4Addr::new(127, 20, 0, 7)))),
            "first_seen" => Cell::Time(0),
            _ => return None,
        })
    }
}

#[test]
fn a_record_passes_or_does_not() {
    for (text, passes) in [
        ("site = dublin", true),
        ("site != dublin", false),
        ("site:UBL", true),
        ("owner:*", false),
        ("NOT owner:*", true),
        ("address:127.20.0.0/24 AND owner = \"\"", true),
        ("address:127.21.0.0/24", false),
        ("address = 127.20.0.8", false),
        ("address = 127.20.0.8 OR site = dublin", true),
        ("first_seen < 2026-01-01T00:00:00Z", true),
        ("first_seen:*", false),
        ("zone = web", false),
    ] {
        assert_eq!(matches(&parse(text, HOST_COLUMNS).unwrap().unwrap(), &Host), passes, "{text}");
    }
}

fn value_of(column: &'static Column) -> BoxedStrategy<Filter> {
    let equal = vec![Compare::Equal, Compare::NotEqual];
    let ordered = vec![Compare::Equal, Compare::NotEqual, Compare::Less, Compare::GreaterOrEqual];
    let has = vec![Compare::Equal, Compare::NotEqual, Compare::Has];
    let (ops, values) = match column.kind {
        Kind::Text => (has, "\\PC{0,20}".prop_map(Value::Text).boxed()),
        Kind::Texts => (vec![Compare::Has], "\\PC{0,20}".prop_map(Value::Text).boxed()),
        Kind::Number => (ordered, any::<i64>().prop_map(Value::Number).boxed()),
        Kind::Bool => (equal, any::<bool>().prop_map(Value::Bool).boxed()),
        Kind::Time => (ordered, (-1_000_000_000_000_i64..4_000_000_000_000).prop_map(Value::Time).boxed()),
        Kind::Id => (equal, any::<[u8; 16]>().prop_map(Value::Id).boxed()),
        Kind::Address => (equal, any::<[u8; 4]>().prop_map(|a| Value::Address(mapped(IpAddr::from(a)))).boxed()),
        Kind::Names(names) => {
            (equal, prop::sample::select(names).prop_map(|name| Value::Text(name.to_owned())).boxed())
        }
    };
    (prop::sample::select(ops), values)
        .prop_map(move |(op, value)| Filter::Compare { column: column.name, op, value })
        .boxed()
}

fn filters() -> impl Strategy<Value = Filter> {
    let leaf = (0..FINDING_COLUMNS.len()).prop_flat_map(|index| value_of(&FINDING_COLUMNS[index]));
    leaf.prop_recursive(4, 24, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 2..4).prop_map(Filter::And),
            prop::collection::vec(inner.clone(), 2..4).prop_map(Filter::Or),
            inner.prop_map(|filter| Filter::Not(Box::new(filter))),
        ]
    })
}

proptest! {
    #[test]
    fn what_is_shown_reads_back(filter in filters()) {
        let shown = show(&filter);
        prop_assume!(shown.len() <= MAX_BYTES);
        prop_assert_eq!(parse(&shown, FINDING_COLUMNS), Ok(Some(filter)));
    }

    #[test]
    fn any_text_is_a_filter_or_an_error_inside_it(text in "\\PC{0,200}") {
        if let Err(error) = parse(&text, FINDING_COLUMNS) {
            prop_assert!(error.column >= 1 && error.column <= text.chars().count() + 1);
        }
    }

    #[test]
    fn near_filters_never_panic(text in "((site|state|AND|OR|NOT|[-()=<>!:\"*x 0-9])[ ]?){0,40}") {
        let _either = parse(&text, FINDING_COLUMNS);
    }
}
