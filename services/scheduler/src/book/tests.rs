#![allow(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use muster_bus::Received;
use muster_estate::files::read_estate;
use muster_estate::model::Site;
use muster_ids::{DrawId, OrderId, SweepId};
use muster_proto::v1::{self, envelope::Body};

use super::Book;
use crate::estate::Estate;

const HOUR_S: i64 = 3_600;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn hourly(name: &str) -> Site {
    let schedules = "schedules: [{name: hourly, kind: sweep, every: 1h, ports: [tcp/22]}]";
    let text = format!("site: {name}\nranges: [{{block: 127.20.0.0/24, kind: static}}]\n{schedules}");
    let estate = read_estate([("site.yaml", text.as_str())]).unwrap_or_else(|problems| panic!("{problems}"));
    let mut site = estate.into_sites().pop().unwrap();
    site.schedules[0].anchor = at(0);
    site
}

fn started(site: &str, due_s: i64) -> (SweepId, Body) {
    let id = SweepId::of_firing(site, "hourly", due_s);
    let started = v1::SweepStarted {
        sweep_id: id.to_vec(),
        site: site.to_owned(),
        schedule: "hourly".to_owned(),
        due_at: Some(prost_types::Timestamp { seconds: due_s, nanos: 0 }),
        leases: 1,
        units: 10,
        ..v1::SweepStarted::default()
    };
    (id, Body::SweepStarted(started))
}

fn finish(book: &mut Book, sequence: u64, site: &str, id: SweepId) {
    let finished = v1::SweepFinished { sweep_id: id.to_vec(), ..v1::SweepFinished::default() };
    book.apply(sequence, site, &Body::SweepFinished(finished));
}

fn needs(book: &Book, sites: Vec<Site>, now: Timestamp) -> u64 {
    book.needs(&Estate { sites, unread: BTreeSet::new() }, &BTreeSet::new(), now)
}

#[test]
fn a_plan_that_cannot_be_read_still_stands_on_its_log() {
    let mut book = Book::default();
    for (sequence, subject) in [(3, "dublin.sweep"), (4, "all.clock"), (5, "all.draw"), (6, "dublin.other")] {
        book.read(&Received {
            sequence,
            stored_at: at(0),
            subject: format!("muster.v1.plan.{subject}"),
            payload: b"no envelope".to_vec().into(),
            kind: None,
            origin: None,
        });
    }
    assert_eq!((book.log("dublin").last_sequence, book.clock_sequence, book.draws_sequence, book.read), (3, 4, 5, 6));
}

#[test]
fn a_plan_whose_id_is_none_changes_nothing() {
    let mut book = Book::default();
    book.apply(1, "dublin", &Body::SweepStarted(v1::SweepStarted { sweep_id: vec![1; 3], ..Default::default() }));
    book.apply(2, "all", &Body::Draw(v1::Draw { draw_id: vec![1; 3], ..Default::default() }));
    assert!(book.log("dublin").open.is_empty() && book.draws.is_empty());
}

#[test]
fn an_outcome_that_is_none_is_refused_and_changes_nothing() {
    let mut book = Book::default();
    let (sweep, body) = started("dublin", 0);
    let order = OrderId::of_lease(sweep, 0);
    book.apply(1, "dublin", &body);
    book.log("dublin").issued(2, sweep, 0, order);
    let outcome = |sweep_id: Vec<u8>, open, silent| v1::OrderOutcome {
        sweep_id,
        order_id: order.to_vec(),
        open,
        silent,
        ..v1::OrderOutcome::default()
    };
    assert!(book.outcome("dublin", &outcome(vec![7; 3], 0, 0)).is_err());
    assert!(book.outcome("dublin", &outcome(sweep.to_vec(), u64::MAX, 2)).is_err());
    assert!(book.outcome("dublin", &outcome(sweep.to_vec(), 5, 6)).is_err());
    assert_eq!(book.log("dublin").open[&sweep].waiting().count(), 1);
    assert!(book.outcome("dublin", &outcome(sweep.to_vec(), 5, 5)).is_ok());
    assert_eq!(book.log("dublin").open[&sweep].waiting().count(), 0);
    assert!(book.outcome("nowhere", &outcome(sweep.to_vec(), 5, 5)).is_ok() && !book.sites.contains_key("nowhere"));
}

#[test]
fn the_last_firing_is_needed_until_the_next_one_is_due() {
    let mut book = Book::default();
    let (id, body) = started("dublin", 0);
    book.apply(1, "dublin", &body);
    assert_eq!(needs(&book, vec![hourly("dublin")], at(2 * HOUR_S)), 1, "the sweep is open");
    finish(&mut book, 2, "dublin", id);
    book.read = 9;
    assert_eq!(needs(&book, vec![hourly("dublin")], at(HOUR_S - 1)), 1);
    assert_eq!(needs(&book, vec![hourly("dublin")], at(HOUR_S)), 10);
}

#[test]
fn what_is_gone_from_the_estate_is_not_needed() {
    let mut book = Book::default();
    book.apply(1, "dublin", &started("dublin", 0).1);
    let item = v1::DrawnItem { item: "dublin/127.20.0.1".to_owned(), ..v1::DrawnItem::default() };
    let draw = v1::Draw { draw_id: DrawId::of_firing("a", 0).to_vec(), items: vec![item], ..v1::Draw::default() };
    book.apply(2, "all", &Body::Draw(draw));
    book.read = 9;
    assert_eq!(needs(&book, vec![hourly("cork")], at(1)), 10);
    assert_eq!(needs(&book, vec![hourly("dublin")], at(1)), 1);
    let unread = Estate { sites: Vec::new(), unread: BTreeSet::from(["dublin".to_owned()]) };
    assert_eq!(book.needs(&unread, &BTreeSet::new(), at(1)), 1, "what cannot be read may stand");
}

#[test]
fn a_firing_that_plans_may_have_forgotten_is_not_repeated() {
    let mut site = hourly("dublin");
    site.schedules[0].every = SignedDuration::from_hours(365 * 24);
    let day_s = 24 * HOUR_S;
    let mut book = Book::default();
    let mut due = |days: i64| book.log("dublin").due(&site, at(days * day_s)).len();
    assert_eq!((due(0), due(59), due(91), due(364), due(365)), (1, 1, 0, 0, 1));
}
