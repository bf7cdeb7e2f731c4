//! What the scheduler decided.

use std::net::Ipv6Addr;

use super::{Id, Millis, row};

row! {
    /// A sweep or an audit of one site began. Identity: the sweep.
    pub struct SweepStartedRow<'a> in "sweeps_started" {
        sweep_id: Id,
        kind: i8,
        #[serde(borrow)]
        site: &'a str,
        schedule: &'a str,
        due_at: Millis,
        started_at: Millis,
        leases: u32,
        units: u64,
        scope_revision: u64,
        draw_id: Id,
        ports: Vec<String>,
        partial: bool,
        event_id: Id,
        causation_id: Id,
        stream_sequence: u64,
        broker_at: Millis,
    }
}

row! {
    /// An order exists from here on. Identity: the order.
    pub struct OrderIssuedRow<'a> in "orders_issued" {
        order_id: Id,
        sweep_id: Id,
        sweep_kind: i8,
        #[serde(borrow)]
        site: &'a str,
        lease_index: u32,
        issued_at: Millis,
        deadline: Millis,
        realm: &'a str,
        blocks: Vec<String>,
        ports: Vec<String>,
        #[serde(with = "serde_bytes")]
        permutation_key: &'a [u8],
        units: u64,
        units_per_slice: u32,
        scope_revision: u64,
        event_id: Id,
        stream_sequence: u64,
        broker_at: Millis,
    }
}

row! {
    /// A sweep is over. Identity: the sweep.
    pub struct SweepFinishedRow<'a> in "sweeps_finished" {
        sweep_id: Id,
        kind: i8,
        #[serde(borrow)]
        site: &'a str,
        planned: u64,
        open: u64,
        closed: u64,
        silent: u64,
        skipped: u64,
        lost: u64,
        void: bool,
        void_reason: &'a str,
        started_at: Millis,
        finished_at: Millis,
        leases_finished: u32,
        leases_failed: u32,
        event_id: Id,
        stream_sequence: u64,
        broker_at: Millis,
        missed_share_max: f64,
        missed_pairs_max: u64,
        missed_unstated: &'a str,
        missed_loss: f64,
        attempts_sent: Vec<u64>,
        attempts_answered: Vec<u64>,
        answers_dropped: u64,
    }
}

row! {
    /// A random selection. Identity: the draw.
    pub struct DrawRow<'a> in "draws" {
        draw_id: Id,
        #[serde(borrow)]
        site: &'a str,
        schedule: &'a str,
        due_at: Millis,
        method: &'a str,
        #[serde(with = "serde_bytes")]
        seed: &'a [u8],
        #[serde(with = "serde_bytes")]
        frame_root: &'a [u8],
        frame_size: u64,
        inventory_revision: u64,
        items: u32,
        event_id: Id,
        causation_id: Id,
        stream_sequence: u64,
        broker_at: Millis,
    }
}

row! {
    /// What a draw drew. Identity: (draw, position).
    pub struct DrawnItemRow<'a> in "draw_items" {
        draw_id: Id,
        position: u32,
        #[serde(borrow)]
        item: &'a str,
        address: Ipv6Addr,
        #[serde(with = "serde_bytes")]
        ticket: &'a [u8],
        stream_sequence: u64,
        broker_at: Millis,
    }
}
