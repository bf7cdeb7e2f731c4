//! Halt: by an operator, and by a hub that does not answer.
//!
//! The record of a halt is asked for again and again rather than waited for: an answer is both what the record says and
//! the proof that the hub is there, and silence is a halt. So a halt takes effect within [`ASK_EVERY`] and an answer,
//! and whatever gets lost, within [`HUB_SILENCE`] and [`ANSWER_WITHIN`]: less than 2 s.

use std::sync::Arc;
use std::time::Duration;

use muster_bus::{Bus, Kv, KvError, SiteName};
use muster_proto::v1::HaltSet;
use prost::Message;
use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};

use crate::gate::Gate;
use crate::telemetry::{Halted, Released};

/// Two reads of a record of some bytes, five times in two seconds.
const ASK_EVERY: Duration = Duration::from_millis(400);
/// One lost answer is no silence.
const ANSWER_WITHIN: Duration = Duration::from_millis(700);
/// The hub is lost when it has not answered for so long. Looked at after every question: 1 s and 700 ms at the most.
const HUB_SILENCE: Duration = Duration::from_secs(1);

/// Why nothing is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Hold {
    /// `muster halt`, with the operator's reason.
    Operator(String),
    /// The hub does not answer, or has not answered yet.
    Hub,
}

impl Hold {
    const fn by(&self) -> &'static str {
        match self {
            Self::Operator(_) => "operator",
            Self::Hub => "hub",
        }
    }

    fn reason(&self) -> &str {
        match self {
            Self::Operator(reason) => reason,
            Self::Hub => "the bus does not answer",
        }
    }
}

/// The halts of a site. It begins halted.
pub(crate) struct Halts {
    site: SiteName,
    gate: Arc<Gate>,
    now: watch::Sender<Option<Hold>>,
}

impl Halts {
    pub(crate) fn new(site: SiteName, gate: Arc<Gate>) -> Self {
        gate.set_halted(true);
        Self { site, gate, now: watch::Sender::new(Some(Hold::Hub)) }
    }

    /// Hears every change.
    pub(crate) fn subscribe(&self) -> watch::Receiver<Option<Hold>> {
        self.now.subscribe()
    }

    /// Keeps the gate as the record says, for ever.
    pub(crate) async fn keep(&self, bus: &Bus, halt: &Kv) {
        let mut tick = interval(ASK_EVERY);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut heard = None;
        loop {
            tick.tick().await;
            match timeout(ANSWER_WITHIN, self.ask(halt)).await {
                Ok(Ok(hold)) => {
                    heard = Some(Instant::now());
                    self.set(hold);
                }
                Ok(Err(error)) => tracing::debug!(site = %self.site, %error, "no answer about halts"),
                Err(_) => {}
            }
            // A connection that is known to be down needs no patience.
            if !bus.is_connected() || heard.is_none_or(|heard: Instant| heard.elapsed() > HUB_SILENCE) {
                self.set(Some(Hold::Hub));
            }
        }
    }

    async fn ask(&self, halt: &Kv) -> Result<Option<Hold>, KvError> {
        let (all, site) = tokio::try_join!(halt.get("all"), halt.get(self.site.as_str()))?;
        Ok([all, site].into_iter().flatten().find_map(|record| match HaltSet::decode(record.value) {
            Ok(HaltSet { halted: false, .. }) => None,
            Ok(HaltSet { halted: true, reason }) => Some(Hold::Operator(reason)),
            Err(_) => Some(Hold::Operator("the record of the halt cannot be read".to_owned())),
        }))
    }

    fn set(&self, hold: Option<Hold>) {
        // The gate first: whoever hears of it finds it so.
        self.gate.set_halted(hold.is_some());
        self.now.send_if_modified(|now| {
            if *now == hold {
                return false;
            }
            match &hold {
                Some(hold) => Halted { site: self.site.as_str(), by: hold.by(), reason: hold.reason() }.emit(),
                None => Released { site: self.site.as_str() }.emit(),
            }
            *now = hold;
            true
        });
    }
}
