//! What is no value of an enumeration never reaches the store: one such row fails every query that reads its column.
#![allow(clippy::unwrap_used, reason = "tests")]

use jiff::Timestamp;
use muster_bus::Received;
use muster_ids::EventId;
use muster_proto::v1::{self, Envelope, envelope::Body};
use muster_store::rows::TableRow;

use super::{BadEvent, Sink, rows};

/// Not in any enumeration of the schema, and small enough for an `Enum8`.
const UNKNOWN: i32 = 77;

#[derive(Default)]
struct Count(usize);

impl Sink for Count {
    fn row<R: TableRow>(&mut self, _row: &R) {
        self.0 += 1;
    }
}

fn given(body: &Body) -> (Result<(), BadEvent>, usize) {
    let received = Received {
        sequence: 1,
        stored_at: Timestamp::UNIX_EPOCH,
        subject: String::new(),
        payload: bytes::Bytes::new(),
        kind: None,
        origin: None,
    };
    let envelope = Envelope { event_id: EventId::of_clock(0).to_vec(), site: "all".to_owned(), ..Envelope::default() };
    let mut count = Count::default();
    let result = rows(&received, &envelope, body, &mut count);
    (result, count.0)
}

fn slice(transport: i32) -> Body {
    let observation = v1::Observation { address: vec![10, 0, 0, 1].into(), transport, ..v1::Observation::default() };
    Body::Slice(v1::Slice {
        order_id: vec![1; 16],
        sweep_id: vec![2; 16],
        units: 1,
        observations: vec![observation],
        ..v1::Slice::default()
    })
}

fn outcome(result: i32) -> Body {
    let (order_id, sweep_id) = (vec![1; 16], vec![2; 16]);
    Body::OrderOutcome(v1::OrderOutcome { order_id, sweep_id, result, ..v1::OrderOutcome::default() })
}

fn started(kind: i32) -> Body {
    Body::SweepStarted(v1::SweepStarted { sweep_id: vec![2; 16], kind, ..v1::SweepStarted::default() })
}

fn issued(sweep_kind: i32) -> Body {
    let order = v1::Order {
        order_id: vec![1; 16],
        sweep_id: vec![2; 16],
        sweep_kind,
        lease: Some(v1::Lease::default()),
        ..v1::Order::default()
    };
    Body::OrderIssued(v1::OrderIssued { order: Some(order) })
}

fn finished(kind: i32) -> Body {
    let coverage = Some(v1::Coverage::default());
    Body::SweepFinished(v1::SweepFinished { sweep_id: vec![2; 16], kind, coverage, ..v1::SweepFinished::default() })
}

fn estate(alive_by: i32) -> Body {
    let seen_within = Some(prost_types::Duration { seconds: 60, nanos: 0 });
    Body::Estate(v1::EstateDocument { alive_by, seen_within, ..v1::EstateDocument::default() })
}

fn disposition(disposition: i32) -> Body {
    let (finding_id, host_id) = (vec![1; 16], vec![2; 16]);
    Body::Disposition(v1::DispositionSet { finding_id, host_id, disposition, ..v1::DispositionSet::default() })
}

fn verdicts(changes: Vec<v1::VerdictChange>, hosts: Vec<v1::HostChange>) -> Body {
    Body::Verdicts(v1::VerdictBatch { changes, hosts, ..v1::VerdictBatch::default() })
}

fn change(outcome: i32, state: i32, disposition: i32) -> v1::VerdictChange {
    let verdict = v1::Verdict { host_id: vec![2; 16], outcome, ..v1::Verdict::default() };
    let finding = v1::Finding { finding_id: vec![1; 16], state, disposition, ..v1::Finding::default() };
    v1::VerdictChange { verdict: Some(verdict), finding: Some(finding), ..v1::VerdictChange::default() }
}

fn host(kind: i32) -> Body {
    verdicts(Vec::new(), vec![v1::HostChange { host_id: vec![2; 16], kind, ..v1::HostChange::default() }])
}

#[test]
fn a_number_without_a_name_is_refused_in_every_enumeration() {
    type Make = fn(i32) -> Body;
    let columns: [(&str, Make); 11] = [
        ("observation.transport", slice),
        ("order_outcome.result", outcome),
        ("sweep_started.kind", started),
        ("order.sweep_kind", issued),
        ("sweep_finished.kind", finished),
        ("estate.alive_by", estate),
        ("disposition.disposition", disposition),
        ("host.kind", host),
        ("verdict.outcome", |value| verdicts(vec![change(value, 1, 1)], Vec::new())),
        ("finding.state", |value| verdicts(vec![change(1, value, 1)], Vec::new())),
        ("finding.disposition", |value| verdicts(vec![change(1, 1, value)], Vec::new())),
    ];
    for (field, make) in columns {
        let (result, count) = given(&make(1));
        assert!(result.is_ok() && count > 0, "{field}: {result:?}");
        for unknown in [UNKNOWN, -1, 5, i32::MAX] {
            let (result, count) = given(&make(unknown));
            assert_eq!(result.map_err(|bad| bad.field), Err(field.to_owned()), "{unknown}");
            assert_eq!(count, 0, "rows of a bad {field}");
        }
    }
}

/// The store's names and the events' numbers are two lists: neither may know a value that the other does not.
#[test]
fn the_store_names_every_value_that_an_event_may_have() {
    let schema = [
        include_str!("../../../../crates/store/migrations/0001-observed.sql"),
        include_str!("../../../../crates/store/migrations/0002-planned.sql"),
        include_str!("../../../../crates/store/migrations/0003-declared.sql"),
        include_str!("../../../../crates/store/migrations/0004-proven.sql"),
    ]
    .concat();
    type IsKnown = fn(i32) -> bool;
    let known: [(&str, IsKnown); 9] = [
        ("transport", v1::Transport::is_valid),
        ("result", v1::OrderResult::is_valid),
        ("sweep_kind", v1::SweepKind::is_valid),
        ("alive_by", v1::AliveBy::is_valid),
        ("disposition", v1::Disposition::is_valid),
        ("outcome", v1::Outcome::is_valid),
        ("finding_state", v1::FindingState::is_valid),
        ("sweeps' kind", v1::SweepKind::is_valid),
        ("hosts' kind", v1::HostChangeKind::is_valid),
    ];
    let mut columns = 0;
    for line in schema.lines() {
        let Some((name, values)) = line.trim().split_once(" Enum8(") else { continue };
        let name = match name {
            "kind" if values.contains("appeared") => "hosts' kind",
            // Of commands, which are numbered here and in no event.
            "kind" if values.contains("halt") => continue,
            "kind" => "sweeps' kind",
            other => other,
        };
        let (_, is_known) = known.iter().find(|(known, _)| *known == name).unwrap();
        let named: Vec<i32> = values
            .split(',')
            .filter_map(|value| value.split_once("= ")?.1.trim_end_matches(')').parse().ok())
            .collect();
        assert!(named.len() > 2, "{line}");
        for value in i32::from(i8::MIN)..=i32::from(i8::MAX) {
            assert_eq!(is_known(value), named.contains(&value), "{name} {value}");
        }
        columns += 1;
    }
    assert_eq!(columns, 16, "columns of an enumeration");
}

#[test]
fn a_batch_that_is_wrong_at_its_end_gives_no_row() {
    let bad = v1::VerdictChange {
        finding: Some(v1::Finding { finding_id: vec![1; 3], ..v1::Finding::default() }),
        ..change(1, 1, 1)
    };
    let (result, count) = given(&verdicts(vec![change(1, 1, 1), bad], Vec::new()));
    assert!(result.is_err());
    assert_eq!(count, 0, "what goes to DEAD stands nowhere else");
}
