#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use std::net::{IpAddr, Ipv4Addr};

use proptest::prelude::*;

use super::{Cell, FINDINGS, Field, Filter, HOSTS, Kind, MAX_BYTES, MAX_DEPTH, MAX_TERMS, Op, Record, Value, parse};

fn ok(text: &str) -> Filter {
    parse(text, FINDINGS).unwrap().unwrap()
}

fn wrong(text: &str) -> (usize, String) {
    let error = parse(text, FINDINGS).unwrap_err();
    (error.column, error.problem)
}

#[test]
fn empty_is_no_filter() {
    assert_eq!(parse("", FINDINGS), Ok(None));
    assert_eq!(parse("  \t", FINDINGS), Ok(None));
}

#[test]
fn or_binds_tighter_than_and() {
    assert_eq!(
        ok(r#"site = "dublin" AND reason = rogue OR reason = silent"#).to_string(),
        r#"(site="dublin" AND (reason="rogue" OR reason="silent"))"#
    );
    assert_eq!(ok("NOT state=open AND -site:dub").to_string(), r#"(NOT state=open AND NOT site:"dub")"#);
}

#[test]
fn values_are_typed_by_their_field() {
    let Filter::Compare { value, op, .. } = ok("address:127.20.0.0/24") else { panic!("a comparison") };
    assert_eq!((op, value), (Op::Has, Value::Network("127.20.0.0/24".parse().unwrap())));
    let Filter::Compare { value, .. } = ok("first_seen >= 2026-01-02T03:04:05Z") else { panic!("a comparison") };
    assert_eq!(value, Value::Time("2026-01-02T03:04:05Z".parse().unwrap()));
    let Filter::Compare { value, .. } = ok("subject = approved-service:tcp/80") else { panic!("a comparison") };
    assert_eq!(value, Value::Text("approved-service:tcp/80".to_owned()));
    let Filter::Compare { op, value, .. } = ok("due_at:*") else { panic!("a comparison") };
    assert_eq!((op, value), (Op::Present, Value::Any));
}

#[test]
fn a_quotation_mark_stays_inside_its_value() {
    let Filter::Compare { value, .. } = ok(r#"owner = "x\" OR site = \"y""#) else { panic!("a comparison") };
    assert_eq!(value, Value::Text(r#"x" OR site = "y"#.to_owned()));
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
        ("(state = open", 1, "not closed"),
        ("state = open)", 13, "closes none"),
        ("state = open site = x", 14, "expected AND, OR"),
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
    assert!(parse(&vec!["site = x"; MAX_TERMS].join(" OR "), FINDINGS).is_ok());
}

struct Host;

impl Record for Host {
    fn cell(&self, field: &str) -> Option<Cell<'_>> {
        Some(match field {
            "site" => Cell::Text("dublin"),
            "owner" => Cell::Text(""),
            "address" => Cell::Address(Some(IpAddr::V4(Ipv4Addr::new(127, 20, 0, 7)))),
            "open_ports" => Cell::Number(3),
            "first_seen" => Cell::Time(None),
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
        ("address:127.20.0.0/24 AND open_ports >= 3", true),
        ("address = 127.20.0.8", false),
        ("open_ports > 3 OR open_ports < 3", false),
        ("first_seen < 2026-01-01T00:00:00Z", false),
        ("first_seen:*", false),
    ] {
        assert_eq!(parse(text, HOSTS).unwrap().unwrap().matches(&Host), passes, "{text}");
    }
}

fn value_of(field: Field) -> BoxedStrategy<(Op, Value)> {
    let ordered = prop::sample::select(vec![Op::Equal, Op::NotEqual, Op::Less, Op::GreaterOrEqual]);
    let equal = prop::sample::select(vec![Op::Equal, Op::NotEqual]);
    match field.kind {
        Kind::Text => (prop::sample::select(vec![Op::Equal, Op::NotEqual, Op::Has]), any::<String>())
            .prop_filter("short", |(_, text)| text.len() < 40)
            .prop_map(|(op, text)| (op, Value::Text(text)))
            .boxed(),
        Kind::Number => (ordered, any::<i64>()).prop_map(|(op, number)| (op, Value::Number(number))).boxed(),
        Kind::Bool => (equal, any::<bool>()).prop_map(|(op, truth)| (op, Value::Bool(truth))).boxed(),
        Kind::Time => (ordered, -1_000_000_000_i64..4_000_000_000)
            .prop_map(|(op, s)| (op, Value::Time(jiff::Timestamp::from_second(s).unwrap())))
            .boxed(),
        Kind::Id => (equal, any::<[u8; 16]>()).prop_map(|(op, id)| (op, Value::Id(id))).boxed(),
        Kind::Address => (equal, any::<[u8; 4]>())
            .prop_map(|(op, octets)| (op, Value::Address(IpAddr::from(octets))))
            .boxed(),
        Kind::Word(words) => (equal, prop::sample::select(words.to_vec()))
            .prop_map(|(op, (word, number))| (op, Value::Word(word, number)))
            .boxed(),
    }
}

fn filters() -> impl Strategy<Value = Filter> {
    let leaf = prop::sample::select(FINDINGS.to_vec())
        .prop_flat_map(|field| value_of(field).prop_map(move |(op, value)| Filter::Compare { field, op, value }));
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
        let shown = filter.to_string();
        prop_assume!(shown.len() <= MAX_BYTES);
        prop_assert_eq!(parse(&shown, FINDINGS), Ok(Some(filter)));
    }

    #[test]
    fn any_text_is_a_filter_or_an_error_inside_it(text in "\\PC{0,200}") {
        if let Err(error) = parse(&text, FINDINGS) {
            prop_assert!(error.column >= 1 && error.column <= text.chars().count() + 1);
        }
    }

    #[test]
    fn near_filters_never_panic(text in "((site|state|AND|OR|NOT|[-()=<>!:\"*x 0-9])[ ]?){0,40}") {
        let _either = parse(&text, FINDINGS);
    }
}
