//! Orders: a work queue per site. An order leaves it when its outcome stands in EVENTS.

use std::time::Duration;

use async_nats::jetstream::{self, AckKind, consumer, stream};
use futures::StreamExt;
use muster_ids::OrderId;
use muster_proto::v1::{Order, envelope::Body};

use crate::envelope::{EnvelopeError, decode};
use crate::error::BusError;
use crate::subject::{SiteName, Subject};
use crate::tail::Received;
use crate::trace::Origin;

/// An order not worked on for so long goes to another scanner. The holder says every third of it that it goes on. Short,
/// since a scanner that is thought dead too early does no harm: whatever it publishes later is refused.
const ACK_WAIT: Duration = Duration::from_secs(6);
/// Orders of a site that scanners may hold at once; each is at most 65,536 units.
const HELD_MAX: i64 = 64;
/// In flight at most: what the work queue of a site may hold is bounded by bytes, this bounds one listing.
const LISTED_MAX: usize = 1_000_000;

/// The leases that wait for a scanner of one site.
#[derive(Debug)]
pub struct OrderQueue {
    consumer: consumer::Consumer<consumer::pull::Config>,
}

/// An order in hand, or what could not be read as one.
#[derive(Debug)]
pub struct OrderDelivery {
    /// The order, or why it is none.
    pub order: Result<Order, EnvelopeError>,
    /// The event that carries it.
    pub event_id: Vec<u8>,
    /// The message as it stands.
    pub received: Received,
    /// How often it was given out, this time included.
    pub delivered: u64,
    message: jetstream::Message,
}

impl OrderQueue {
    pub(crate) async fn open(stream: &stream::Stream, site: &SiteName) -> Result<Self, BusError> {
        let name = format!("scanner-{site}");
        let config = consumer::pull::Config {
            durable_name: Some(name.clone()),
            ack_policy: consumer::AckPolicy::Explicit,
            ack_wait: ACK_WAIT,
            max_ack_pending: HELD_MAX,
            filter_subject: Subject::order_lease(site).as_str().to_owned(),
            ..consumer::pull::Config::default()
        };
        let consumer = stream
            .get_or_create_consumer(&name, config)
            .await
            .map_err(|error| BusError::failed(format!("open the orders of site {site}"), error))?;
        Ok(Self { consumer })
    }

    /// Takes an order, waiting for one at most `wait`.
    ///
    /// # Errors
    /// When the bus does not answer.
    pub async fn next(&self, wait: Duration) -> Result<Option<OrderDelivery>, BusError> {
        let mut batch = self
            .consumer
            .batch()
            .max_messages(1)
            .expires(wait)
            .messages()
            .await
            .map_err(|error| BusError::failed("ask for an order", error))?;
        let Some(message) = batch.next().await else { return Ok(None) };
        let message = message.map_err(|error| BusError::failed("take an order", error))?;
        OrderDelivery::read(message).map(Some)
    }
}

impl OrderDelivery {
    fn read(message: jetstream::Message) -> Result<Self, BusError> {
        let (sequence, delivered, stored_at) = {
            let info = message.info().map_err(|error| BusError::failed("read an order's place", error))?;
            let stored_at = jiff::Timestamp::from_nanosecond(info.published.unix_timestamp_nanos())
                .unwrap_or(jiff::Timestamp::UNIX_EPOCH);
            (info.stream_sequence, u64::try_from(info.delivered).unwrap_or(1), stored_at)
        };
        let received = Received {
            sequence,
            stored_at,
            subject: message.subject.to_string(),
            payload: message.payload.clone(),
            kind: None,
            origin: Origin::of(message.headers.as_ref()),
        };
        let (order, event_id) = match decode(received.payload.clone()) {
            Ok((envelope, Body::Order(order))) => (Ok(order), envelope.event_id),
            Ok(_) => (Err(EnvelopeError::Field { field: "order" }), Vec::new()),
            Err(error) => (Err(error), Vec::new()),
        };
        Ok(Self { order, event_id, received, delivered, message })
    }

    /// Says that it is being worked on.
    ///
    /// # Errors
    /// When the bus does not answer.
    pub async fn going_on(&self) -> Result<(), BusError> {
        self.message
            .ack_with(AckKind::Progress)
            .await
            .map_err(|error| BusError::failed("say that an order is worked on", error))
    }

    /// Takes it off the queue, and waits until the server has done so. Only after its outcome stands in EVENTS.
    ///
    /// # Errors
    /// When the bus does not answer: the order comes again, finds its outcome and is done.
    pub async fn done(&self) -> Result<(), BusError> {
        self.message.double_ack().await.map_err(|error| BusError::failed("take an order off the queue", error))
    }

    /// Gives it back at once, for another scanner.
    ///
    /// # Errors
    /// When the bus does not answer.
    pub async fn give_back(&self) -> Result<(), BusError> {
        self.message.ack_with(AckKind::Nak(None)).await.map_err(|error| BusError::failed("give an order back", error))
    }
}

/// How often a holder says that it goes on.
pub const PROGRESS_EVERY: Duration = Duration::from_secs(2);

/// An order that has no outcome yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InFlight {
    /// Which.
    pub order: OrderId,
    /// Of which site.
    pub site: String,
    /// Place in ORDERS.
    pub sequence: u64,
}

pub(crate) async fn in_flight(stream: &stream::Stream) -> Result<Vec<InFlight>, BusError> {
    let last = stream.cached_info().state.last_sequence;
    let mut next = stream.cached_info().state.first_sequence.max(1);
    let mut found = Vec::new();
    while next <= last && found.len() < LISTED_MAX {
        // A work queue is full of holes: ask for the next message that is there.
        let message = match stream.raw_message_builder().sequence(next).next_by_subject(">").send().await {
            Ok(message) => message,
            Err(error) if error.kind() == stream::LastRawMessageErrorKind::NoMessageFound => break,
            Err(error) => return Err(BusError::failed("list the orders in flight", error)),
        };
        next = message.sequence + 1;
        let received = Received::from_stored(message);
        if let Ok((envelope, Body::Order(order))) = decode(received.payload)
            && let Ok(id) = OrderId::from_bytes(&order.order_id)
        {
            found.push(InFlight { order: id, site: envelope.site, sequence: received.sequence });
        }
    }
    Ok(found)
}
