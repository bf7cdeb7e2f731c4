//! The SQL text of every question.

use super::samples::{address, id};
use crate::query::goldens::{every_question, filtered};
use crate::query::{Compare, FINDING_COLUMNS, Filter, FilterError, Value};

fn compare(column: &'static str, op: Compare, value: Value) -> Filter {
    Filter::Compare { column, op, value }
}

fn text(column: &'static str, value: &str) -> Filter {
    compare(column, Compare::Equal, Value::Text(value.to_owned()))
}

#[test]
fn every_question_is_the_golden_one() {
    let out: Vec<_> = every_question().into_iter().map(|(name, sql)| format!("-- {name}\n{sql}\n")).collect();
    insta::assert_snapshot!("questions", out.join("\n"));
}

#[test]
fn a_filter_is_bound_and_never_pasted() {
    let evil = "'; DROP TABLE findings; --";
    let filter = Filter::And(vec![
        text("site", evil),
        Filter::Or(vec![
            text("state", "open"),
            Filter::Not(Box::new(compare("reopened", Compare::Greater, Value::Number(3)))),
        ]),
        compare("title", Compare::Has, Value::Text("IIS".to_owned())),
        compare("host_id", Compare::NotEqual, Value::Id(id(7))),
        compare("address", Compare::Less, Value::Address(address(9))),
        compare("due_at", Compare::LessOrEqual, Value::Time(5)),
        Filter::And(vec![]),
        Filter::Or(vec![]),
    ]);
    let sql = filtered(&filter, FINDING_COLUMNS).unwrap();
    assert!(!sql.contains("DROP") && !sql.contains("IIS"), "{sql}");
    insta::assert_snapshot!("filter", sql);
}

#[test]
fn a_filter_that_does_not_fit_says_why() {
    let of = |filter: &Filter| filtered(filter, FINDING_COLUMNS).unwrap_err();
    assert!(matches!(of(&text("password", "x")), FilterError::UnknownField { .. }));
    assert!(of(&text("state", "opne")).to_string().contains("open, resolved, suppressed"));
    assert!(matches!(of(&compare("site", Compare::Equal, Value::Number(1))), FilterError::WrongKind { .. }));
    assert!(matches!(
        of(&compare("state", Compare::Less, Value::Text("open".into()))),
        FilterError::WrongComparison { .. }
    ));
    let deep = (0..40).fold(text("site", "a"), |inner, _| Filter::Not(Box::new(inner)));
    assert_eq!(of(&deep), FilterError::TooLarge);
    let wide = Filter::Or((0..100).map(|_| text("site", "a")).collect());
    assert_eq!(of(&wide), FilterError::TooLarge);
}
