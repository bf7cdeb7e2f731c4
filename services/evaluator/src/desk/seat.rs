//! A site that is held: its state machine and what it has to publish.

use std::collections::VecDeque;

use muster_proto::v1::VerdictBatch;
use tokio::sync::oneshot;

use super::End;
use crate::config::EvaluatorConfig;
use crate::convert::verdicts::{Judged, batches};
use crate::partition::Partition;
use crate::restore::Ready;

/// A site that is held.
#[derive(Debug)]
pub(super) struct Seat {
    /// Tells the answers to an earlier holding of the site apart.
    pub(super) epoch: u64,
    pub(super) partition: Partition,
    /// Last sequence on the site's subject.
    pub(super) last: u64,
    /// Judged and not yet sent.
    outbox: VecDeque<VerdictBatch>,
    in_flight: bool,
    /// The last judging left hosts to be judged.
    more: bool,
    /// What the last judging had considered.
    judged: (u64, u64),
    /// Positions whose every consequence is published.
    pub(super) passed: (u64, u64),
    /// The ones that were written down.
    pub(super) recorded: Option<(u64, u64)>,
    over: oneshot::Sender<End>,
}

impl Seat {
    pub(super) fn new(epoch: u64, ready: Ready, over: oneshot::Sender<End>) -> Self {
        let Ready { partition, last } = ready;
        let passed = partition.read();
        Self {
            epoch,
            partition,
            last,
            outbox: VecDeque::new(),
            in_flight: false,
            more: false,
            judged: passed,
            passed,
            recorded: None,
            over,
        }
    }

    /// Whether whoever held the site does no longer.
    pub(super) fn is_given_up(&self) -> bool {
        self.over.is_closed()
    }

    /// What is to be published now, judged first where nothing waits. `due`: judge whatever little there is.
    pub(super) fn next(&mut self, due: bool, config: &EvaluatorConfig) -> Option<VerdictBatch> {
        if self.in_flight {
            return None;
        }
        if self.outbox.is_empty() {
            let due = due || self.more || self.partition.rows >= config.rows_before_judging_max;
            if due && self.partition.may_judge() {
                self.judge(config.hosts_at_once_max.max(1));
            }
        }
        if self.outbox.is_empty() && self.partition.state.waiting() == 0 {
            self.passed = self.partition.considered();
        }
        self.next_judged()
    }

    /// What was judged and is to be published now.
    pub(super) fn next_judged(&mut self) -> Option<VerdictBatch> {
        if self.in_flight {
            return None;
        }
        let batch = self.outbox.pop_front()?;
        self.in_flight = true;
        Some(batch)
    }

    fn judge(&mut self, hosts_max: usize) {
        self.judged = self.partition.considered();
        let changes = self.partition.judge(hosts_max);
        self.more = changes.more;
        let judged = Judged {
            site: &self.partition.site,
            events: self.judged.0,
            plans: self.judged.1,
            as_of: self.partition.state.as_of(),
        };
        self.outbox.extend(batches(judged, changes));
    }

    /// The publish under way was accepted.
    pub(super) fn accepted(&mut self, sequence: u64) {
        self.last = sequence;
        self.in_flight = false;
        if self.outbox.is_empty() && !self.more {
            self.passed = self.judged;
        }
    }

    pub(super) fn end(self, why: End) {
        // Nobody waits for it where the site was lost meanwhile.
        let _told = self.over.send(why);
    }
}
