//! What was read of a stream, handed to the seats that it concerns.

use std::time::Duration;

use muster_bus::{Batch, Bus, Received, Stream, Tail, open};
use muster_kit::Shutdown;
use muster_proto::v1::envelope::Body;

use super::Desk;
use super::seat::Seat;
use crate::partition::Then;
use crate::telemetry::{Read, Skipped};

/// Pause before a question to the bus is asked again.
const RETRY: Duration = Duration::from_millis(200);

/// A stream and how far it was read.
#[derive(Debug)]
pub(super) struct Reader {
    pub(super) tail: Tail,
    pub(super) read: u64,
    pub(super) pending: u64,
}

impl Reader {
    pub(super) fn new(bus: &Bus, stream: Stream) -> Self {
        Self { tail: bus.tail(stream, &[], 0), read: 0, pending: 0 }
    }

    /// Reads again from an earlier place, or, where nobody else reads, from any.
    pub(super) fn go_back(&mut self, after: u64, alone: bool) {
        if alone || after < self.read {
            self.tail.rewind(after);
            self.read = after;
        }
    }
}

impl Desk {
    /// Hands events to their sites.
    pub(super) async fn read_events(&mut self, batch: Batch) {
        let before: u64 = self.seats.values().map(|seat| seat.partition.rows).sum();
        let Some(last) = batch.messages.last() else { return };
        let (last, newest_at, messages) = (last.sequence, last.stored_at, batch.messages.len());
        let mut ask = false;
        for received in &batch.messages {
            let Some(site) = concerned(&received.subject) else { continue };
            let Some(seat) = self.seats.get_mut(site) else { continue };
            if received.sequence <= seat.partition.read().0 {
                continue;
            }
            let then = match open(received) {
                Ok((envelope, body)) => seat.partition.event(received.sequence, &envelope, body),
                Err(error) => {
                    skip(Stream::Events, received, "unreadable", &error);
                    continue;
                }
            };
            match then {
                Ok(Then::Done) => {}
                Ok(Then::AskEnd) => ask = true,
                Ok(Then::Fetch(import)) => {
                    let (site, epoch, source) = (site.to_owned(), seat.epoch, self.source.clone());
                    self.fetching.push(Box::pin(async move {
                        let assets = source.assets(&site, &import).await;
                        (site, epoch, import, assets)
                    }));
                }
                Err(error) => skip(Stream::Events, received, "malformed", &error),
            }
        }
        if ask && let Some(last) = end_of(&self.bus, Stream::Plans, &self.shutdown).await {
            self.seats.values_mut().for_each(|seat| seat.partition.plans_end_at(last));
        }
        (self.events.read, self.events.pending) = (last, batch.pending);
        self.seats.values_mut().for_each(|seat| seat.partition.advance(last, 0));
        let rows: u64 = self.seats.values().map(|seat| seat.partition.rows).sum();
        Read { stream: Stream::Events, messages, observations: rows.saturating_sub(before), newest_at }.emit();
    }

    /// Hands plans to their sites.
    pub(super) async fn read_plans(&mut self, batch: Batch) {
        let Some(last) = batch.messages.last() else { return };
        let (last, newest_at, messages) = (last.sequence, last.stored_at, batch.messages.len());
        let mut ask = false;
        for received in &batch.messages {
            let Some(site) = received.subject.split('.').nth(3) else { continue };
            let all = site == "all";
            if !all && !self.seats.contains_key(site) {
                continue;
            }
            let body = match open(received) {
                Ok((_, body)) => body,
                Err(error) => {
                    skip(Stream::Plans, received, "unreadable", &error);
                    continue;
                }
            };
            if all {
                // Time is for every site; draws are for none.
                if let Body::Clock(_) = &body {
                    for seat in self.seats.values_mut() {
                        ask |= plan(seat, received, body.clone());
                    }
                }
            } else if let Some(seat) = self.seats.get_mut(site) {
                ask |= plan(seat, received, body);
            }
        }
        if ask && let Some(last) = end_of(&self.bus, Stream::Events, &self.shutdown).await {
            self.seats.values_mut().for_each(|seat| seat.partition.events_end_at(last));
        }
        (self.plans.read, self.plans.pending) = (last, batch.pending);
        self.seats.values_mut().for_each(|seat| seat.partition.advance(0, last));
        Read { stream: Stream::Plans, messages, observations: 0, newest_at }.emit();
    }
}

/// The last sequence of a stream, asked for until there is an answer or the process stops.
async fn end_of(bus: &Bus, stream: Stream, shutdown: &Shutdown) -> Option<u64> {
    loop {
        match bus.stream_info(stream).await {
            Ok(info) => return Some(info.last_sequence),
            Err(error) => tracing::warn!(stream = stream.name(), %error, "asking again where the stream ends"),
        }
        shutdown.or(tokio::time::sleep(RETRY)).await?;
    }
}

/// The site that an event is for, where a rule may rest on it.
fn concerned(subject: &str) -> Option<&str> {
    let mut tokens = subject.split('.').skip(3);
    let (site, kind) = (tokens.next()?, tokens.next()?);
    matches!(kind, "lease" | "estate" | "inventory" | "disposition").then_some(site)
}

/// Hands a plan to a seat; whether the end of EVENTS has to be asked for.
fn plan(seat: &mut Seat, received: &Received, body: Body) -> bool {
    if received.sequence <= seat.partition.read().1 {
        return false;
    }
    match seat.partition.plan(received.sequence, body) {
        Ok(Then::AskEnd) => true,
        Ok(Then::Done | Then::Fetch(_)) => false,
        Err(error) => {
            skip(Stream::Plans, received, "malformed", &error);
            false
        }
    }
}

fn skip(stream: Stream, received: &Received, reason: &'static str, cause: &dyn std::fmt::Display) {
    Skipped { stream, sequence: received.sequence, reason, cause }.emit();
}
