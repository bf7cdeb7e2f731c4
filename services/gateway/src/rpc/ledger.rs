//! LedgerService: closes the books at a cut and says whether they balance.
//!
//! The cut is the last sequence of each stream at the beginning; the recorder is waited for. An order without an outcome
//! at the cut has to be in ORDERS, which is read itself, before the cut is taken and after it. An order that stands
//! between PLANS and ORDERS just then is in neither: that is why the books are closed a few times before an order is
//! called missing.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use muster_bus::Stream;
use muster_bus::convert::time;
use muster_proto::v1::ledger_service_server::LedgerService;
use muster_proto::v1::{StreamPosition, TableCheck, VerifyRequest, VerifyResponse};
use muster_store::query::{Cut, Ledger};
use tonic::{Request, Response, Status};

use crate::core::Core;
use crate::error::{Answer, ApiError};
use crate::guard::Access;
use crate::lists::ask;

/// The service.
#[derive(Debug, Clone)]
pub(crate) struct LedgerRpc(pub(crate) Arc<Core>);

/// How often the books are closed before an order is called missing.
const TRIES: u32 = 5;
/// Between two tries: the scheduler publishes an order right after its plan, and again within seconds after a crash.
const AGAIN: Duration = Duration::from_millis(500);
/// Orders without an outcome that the store lists.
const WITHOUT_OUTCOME_MAX: u64 = 10_000;
/// Missing orders that are named.
const MISSING_MAX: usize = 1000;

#[tonic::async_trait]
impl LedgerService for LedgerRpc {
    async fn verify(&self, request: Request<VerifyRequest>) -> Result<Response<VerifyResponse>, Status> {
        let access = Access::of(&request)?;
        // The books are of all sites or of none.
        access.require_all()?;
        Ok(Response::new(self.close(&access).await?))
    }
}

/// The books at a cut.
struct Closed {
    cut: Cut,
    ledger: Ledger,
    in_flight: usize,
    missing: Vec<[u8; 16]>,
}

impl LedgerRpc {
    async fn close(&self, access: &Access) -> Answer<VerifyResponse> {
        let mut tried = 1;
        loop {
            let closed = self.close_once(access).await?;
            // An answer in time is better than one more try.
            let enough = tried >= TRIES || access.deadline().left() < AGAIN * 4;
            if closed.missing.is_empty() || enough {
                let dead_letters = self.0.bus.stream_info(Stream::Dead).await?.messages;
                return Ok(self.answer(closed, dead_letters));
            }
            tried += 1;
            tokio::time::sleep(AGAIN).await;
        }
    }

    async fn close_once(&self, access: &Access) -> Answer<Closed> {
        let core = &self.0;
        let mut listed = self.in_orders().await?;
        let events = core.bus.stream_info(Stream::Events).await?.last_sequence;
        let plans = core.bus.stream_info(Stream::Plans).await?.last_sequence;
        let verdicts = core.bus.stream_info(Stream::Verdicts).await?.last_sequence;
        for (stream, last) in [(Stream::Events, events), (Stream::Plans, plans), (Stream::Verdicts, verdicts)] {
            core.progress.until_stored(stream, last, access.deadline()).await?;
        }
        listed.extend(self.in_orders().await?);
        let cut = Cut { events, plans, verdicts };
        let ledger = core.store.ledger(cut, &ask(access.deadline())).await?;
        let missing: Vec<_> = ledger.without_outcome.iter().filter(|order| !listed.contains(*order)).copied().collect();
        // The store lists only so many; beyond that ORDERS itself is the count, and the comparison is of those listed.
        let complete = (ledger.without_outcome.len() as u64) < WITHOUT_OUTCOME_MAX;
        let in_flight = if complete { ledger.without_outcome.len() - missing.len() } else { listed.len() };
        Ok(Closed { cut, ledger, in_flight, missing })
    }

    async fn in_orders(&self) -> Answer<BTreeSet<[u8; 16]>> {
        let orders = self.0.bus.orders_in_flight().await.map_err(ApiError::from)?;
        Ok(orders.into_iter().map(|order| *order.order.as_bytes()).collect())
    }

    fn answer(&self, closed: Closed, dead_letters: u64) -> VerifyResponse {
        let problems = problems(&closed);
        let Closed { cut, ledger, in_flight, missing } = closed;
        let position = |(stream, last_sequence): (Stream, u64)| StreamPosition {
            stream: stream.name().to_owned(),
            last_sequence,
            committed: self.0.progress.stored(stream),
        };
        let cuts = [(Stream::Events, cut.events), (Stream::Plans, cut.plans), (Stream::Verdicts, cut.verdicts)];
        VerifyResponse {
            balanced: problems.is_empty(),
            cut: cuts.into_iter().map(position).collect(),
            issued: ledger.issued,
            finished: ledger.finished,
            failed: ledger.failed,
            dead: ledger.dead,
            in_flight: in_flight as u64,
            missing: missing.iter().take(MISSING_MAX).map(|order| order.to_vec()).collect(),
            slice_rows: ledger.slice_rows,
            stored_rows: ledger.stored_rows,
            slice_units: ledger.slice_units,
            outcome_units: ledger.outcome_units,
            tables: ledger
                .tables
                .into_iter()
                .map(|table| TableCheck {
                    table: table.table.to_owned(),
                    rows: table.rows,
                    distinct_rows: table.distinct_rows,
                })
                .collect(),
            dead_letters,
            at: Some(time::to_proto(Timestamp::now())),
            problems,
        }
    }
}

/// What does not add up, each in one line.
fn problems(closed: &Closed) -> Vec<String> {
    let Closed { ledger, in_flight, missing, .. } = closed;
    let mut problems = Vec::new();
    if !missing.is_empty() {
        problems.push(format!("{} orders were issued, have no outcome and are not in ORDERS", missing.len()));
    }
    let ended = ledger.finished + ledger.failed + ledger.dead;
    let accounted = ended + *in_flight as u64 + missing.len() as u64;
    if ledger.outcomes_without_issue > 0 {
        problems.push(format!("{} outcomes are of orders that were not issued", ledger.outcomes_without_issue));
    } else if ledger.issued != accounted && (ledger.without_outcome.len() as u64) < WITHOUT_OUTCOME_MAX {
        problems.push(format!("{} orders were issued, {accounted} are accounted for", ledger.issued));
    }
    if ledger.slice_rows != ledger.stored_rows {
        problems.push(format!("the slices carry {} rows, {} are stored", ledger.slice_rows, ledger.stored_rows));
    }
    if ledger.slice_units != ledger.outcome_units {
        let (slices, outcomes) = (ledger.slice_units, ledger.outcome_units);
        problems.push(format!("the slices cover {slices} units, the outcomes say {outcomes}"));
    }
    for table in ledger.tables.iter().filter(|table| table.rows != table.distinct_rows) {
        problems.push(format!("{} has {} rows and {} identities", table.table, table.rows, table.distinct_rows));
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::{Closed, Cut, Ledger, problems};
    use muster_store::query::TableCheck;

    fn books() -> Closed {
        let ledger = Ledger {
            issued: 10,
            finished: 6,
            failed: 1,
            dead: 1,
            slice_rows: 50,
            stored_rows: 50,
            slice_units: 900,
            outcome_units: 900,
            outcomes_without_issue: 0,
            without_outcome: vec![[1; 16], [2; 16]],
            tables: vec![TableCheck { table: "observations", rows: 50, distinct_rows: 50 }],
        };
        Closed { cut: Cut::default(), ledger, in_flight: 2, missing: Vec::new() }
    }

    #[test]
    fn issued_is_finished_failed_dead_and_in_flight() {
        assert!(problems(&books()).is_empty());
        let mut books = books();
        books.ledger.finished = 5;
        assert_eq!(problems(&books), ["10 orders were issued, 9 are accounted for"]);
    }

    #[test]
    fn every_figure_is_looked_at() {
        let mut broken = books();
        broken.missing.push([2; 16]);
        broken.in_flight = 1;
        broken.ledger.stored_rows = 51;
        broken.ledger.outcome_units = 899;
        broken.ledger.tables[0].rows = 51;
        assert_eq!(problems(&broken).len(), 4);
    }
}
