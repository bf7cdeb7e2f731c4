//! A responder on the link: one thread with a packet socket in the network of the targets.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use muster_wire::{Batch, Filter, Receiver, RingSize, Sender, WireError};

use crate::error::LabError;
use crate::lab::Lab;
use crate::responder::{Manner, Responder};
use crate::seen::{Allowance, Seen};
use crate::truth::Truth;

/// How often the thread looks up.
const NAP_MAX: Duration = Duration::from_millis(5);
/// 64 MiB: half a million probes, most of a second at full speed.
const RING: RingSize = RingSize { blocks: 256 };
/// A link that takes no frame for so long is broken.
const STUCK: Duration = Duration::from_secs(5);

struct Shared {
    responder: Mutex<Responder>,
    stop: AtomicBool,
}

impl Shared {
    fn responder(&self) -> MutexGuard<'_, Responder> {
        // It holds counts and answers under way: after a panic they are as good as before.
        self.responder.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Answers until it is dropped.
pub struct Phantom {
    shared: Arc<Shared>,
    truth: Truth,
    thread: Option<JoinHandle<Result<Result<(), LabError>, LabError>>>,
}

impl Phantom {
    /// Starts; it hears everything from here on. The targets' kernel must answer for none of its addresses.
    ///
    /// # Errors
    /// When the network cannot be entered, or there is no packet socket.
    pub fn start(lab: &Lab, truth: Truth, manner: Manner, allowance: Option<Allowance>) -> Result<Self, LabError> {
        lab.no_way_out()?;
        let responder = Responder::new(truth.clone(), manner, allowance);
        let shared = Arc::new(Shared { responder: Mutex::new(responder), stop: AtomicBool::new(false) });
        let (receiver, sender) = lab.inside(|| {
            let far = Lab::far()?;
            let receiver = Receiver::open(&far, &Filter::ports(0..=u16::MAX).with_control(), RING)?;
            Ok::<_, LabError>((receiver, Sender::open(&far)?))
        })??;
        let work = {
            let shared = Arc::clone(&shared);
            move || answer(&shared, receiver, &sender)
        };
        Ok(Self { shared, truth, thread: Some(lab.thread("phantom", work)?) })
    }

    /// The ground truth.
    #[must_use]
    pub const fn truth(&self) -> &Truth {
        &self.truth
    }

    /// What it saw so far.
    #[must_use]
    pub fn seen(&self) -> Seen {
        self.shared.responder().seen().clone()
    }

    /// Waits until no probe has arrived for so long, or until `patience` is over; then what it saw.
    #[must_use]
    pub fn quiet(&self, quiet: Duration, patience: Duration) -> Seen {
        let deadline = Instant::now() + patience;
        let (mut seen, mut since) = (self.seen(), Instant::now());
        while since.elapsed() < quiet && Instant::now() < deadline {
            std::thread::park_timeout(NAP_MAX);
            let now = self.seen();
            if now.packets != seen.packets {
                (seen, since) = (now, Instant::now());
            }
        }
        self.seen()
    }

    /// Stops it.
    ///
    /// # Errors
    /// What it failed by.
    pub fn stop(mut self) -> Result<Seen, LabError> {
        self.end()?;
        Ok(self.seen())
    }

    fn end(&mut self) -> Result<(), LabError> {
        self.shared.stop.store(true, Ordering::Release);
        match self.thread.take().map(JoinHandle::join) {
            None => Ok(()),
            Some(Ok(ended)) => ended?,
            Some(Err(_)) => Err(LabError::Thread(std::io::Error::other("the phantom panicked"))),
        }
    }
}

impl Drop for Phantom {
    fn drop(&mut self) {
        // Whoever wants to know has asked.
        let _ended = self.end();
    }
}

impl std::fmt::Debug for Phantom {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Phantom").field("world", self.truth.world()).finish_non_exhaustive()
    }
}

/// The thread: hears, and sends what is due.
fn answer(shared: &Shared, mut receiver: Receiver, sender: &Sender) -> Result<(), LabError> {
    let (mut batch, mut nap) = (Batch::default(), NAP_MAX);
    while !shared.stop.load(Ordering::Acquire) {
        let mut heard = Heard { shared, guard: None };
        receiver.receive(nap, |one| heard.responder().hear(one.at_ns, one.frame))?;
        drop(heard);
        let mut responder = shared.responder();
        let now_ns = wall_ns();
        while batch.len() < Batch::FRAMES_MAX {
            let Some(reply) = responder.due(now_ns) else { break };
            batch.write(|frame| responder.write(frame, &reply));
        }
        nap = match responder.next_due_ns() {
            Some(due_ns) => Duration::from_nanos(due_ns.saturating_sub(now_ns)).min(NAP_MAX),
            None => NAP_MAX,
        };
        responder.seen_mut().unheard = receiver.statistics()?.lost;
        drop(responder);
        send(sender, &batch)?;
        batch.clear();
    }
    Ok(())
}

/// Locks when the first frame comes: nobody who asks for the counts waits while this thread does.
struct Heard<'a> {
    shared: &'a Shared,
    guard: Option<MutexGuard<'a, Responder>>,
}

impl Heard<'_> {
    fn responder(&mut self) -> &mut Responder {
        self.guard.get_or_insert_with(|| self.shared.responder())
    }
}

fn send(sender: &Sender, batch: &Batch) -> Result<(), LabError> {
    let (mut sent, started) = (0, Instant::now());
    while sent < batch.len() {
        sent += sender.send(batch, sent)?;
        if started.elapsed() > STUCK {
            return Err(WireError::Interface { name: "far".to_owned(), problem: "takes no frames" }.into());
        }
    }
    Ok(())
}

/// The kernel stamps what it receives by the same clock.
fn wall_ns() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}
