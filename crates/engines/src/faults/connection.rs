//! One connection through the proxy: two directions, and the one fault that is set.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use super::needle::Needle;
use super::{Fault, Shared, State};

/// What is read at once.
const PIECE_BYTES: usize = 64 * 1024;

/// What happens to the answer of a request that was recognised on this connection.
#[derive(Debug, Default)]
struct Armed {
    cut: AtomicBool,
    hold: AtomicBool,
}

/// Why a connection ended early.
#[derive(Debug)]
enum End {
    Cut,
    Broken,
}

impl From<io::Error> for End {
    fn from(_: io::Error) -> Self {
        Self::Broken
    }
}

impl From<watch::error::RecvError> for End {
    fn from(_: watch::error::RecvError) -> Self {
        Self::Cut
    }
}

/// Accepts until it is aborted. The tasks of connections end by themselves: with either side, or with the proxy.
pub(super) async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    while let Ok((client, _)) = listener.accept().await {
        // Subscribed before it is counted, so that a command after the count is seen.
        let state = shared.state.subscribe();
        shared.count(|counts| counts.accepted += 1);
        tokio::spawn(serve(client, state, Arc::clone(&shared)));
    }
}

async fn serve(client: TcpStream, mut state: watch::Receiver<State>, shared: Arc<Shared>) {
    let epoch = state.borrow().epoch;
    let up_state = state.clone();
    let down_state = state.clone();
    let forward = async {
        let target = shared.connect().await?;
        client.set_nodelay(true)?;
        target.set_nodelay(true)?;
        let (client_read, client_write) = client.into_split();
        let (target_read, target_write) = target.into_split();
        let armed = Armed::default();
        let up = requests(client_read, target_write, up_state, &shared, &armed);
        let down = answers(target_read, client_write, down_state, &shared, &armed);
        tokio::try_join!(up, down).map(|_| ())
    };
    tokio::select! {
        _ = forward => {}
        // Also when the proxy is gone.
        _ = state.wait_for(|state| state.epoch != epoch) => {}
    }
    shared.count(|counts| counts.closed += 1);
}

/// Client to target.
async fn requests(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    mut state: watch::Receiver<State>,
    shared: &Shared,
    armed: &Armed,
) -> Result<(), End> {
    let mut piece = vec![0; PIECE_BYTES];
    let mut looked_for: Option<(Fault, Needle)> = None;
    loop {
        let length = from.read(&mut piece).await?;
        flowing(&mut state, shared).await?;
        let bytes = piece.get(..length).unwrap_or_default();
        if bytes.is_empty() {
            to.shutdown().await?;
            return Ok(());
        }
        let fault = state.borrow_and_update().fault.clone();
        match &fault {
            Fault::CutAnswer(request) | Fault::HoldAnswer(request) | Fault::CutRequest(request) => {
                if looked_for.as_ref().is_none_or(|(before, _)| *before != fault) {
                    looked_for = Some((fault.clone(), Needle::new(request.contains.clone())));
                }
            }
            Fault::None | Fault::Refuse | Fault::HalfOpen => looked_for = None,
        }
        let found = looked_for.as_mut().map_or(0, |(_, needle)| needle.feed(bytes));
        // Armed before the bytes go, so that no answer can come first.
        if found > 0 && take(shared, &fault, found) {
            arm(&fault, shared, armed)?;
        }
        to.write_all(bytes).await?;
    }
}

/// Counts matching requests, over all connections; whether this is the one. Then the fault is over for others.
fn take(shared: &Shared, fault: &Fault, found: usize) -> bool {
    let found = u32::try_from(found).unwrap_or(u32::MAX);
    let mut taken = false;
    shared.state.send_modify(|state| {
        if state.fault != *fault {
            return;
        }
        taken = found > state.left;
        state.left = state.left.saturating_sub(found);
        if taken {
            state.fault = Fault::None;
        }
    });
    taken
}

fn arm(fault: &Fault, shared: &Shared, armed: &Armed) -> Result<(), End> {
    match fault {
        Fault::CutAnswer(_) => armed.cut.store(true, Ordering::SeqCst),
        Fault::HoldAnswer(_) => armed.hold.store(true, Ordering::SeqCst),
        Fault::CutRequest(_) => {
            shared.count(|counts| counts.requests_cut += 1);
            return Err(End::Cut);
        }
        Fault::None | Fault::Refuse | Fault::HalfOpen => {}
    }
    Ok(())
}

/// Target to client.
async fn answers(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    mut state: watch::Receiver<State>,
    shared: &Shared,
    armed: &Armed,
) -> Result<(), End> {
    let mut piece = vec![0; PIECE_BYTES];
    loop {
        let length = from.read(&mut piece).await?;
        if armed.cut.load(Ordering::SeqCst) {
            shared.count(|counts| counts.answers_cut += 1);
            return Err(End::Cut);
        }
        if armed.hold.swap(false, Ordering::SeqCst) {
            let round = state.borrow().round;
            shared.count(|counts| counts.answers_held += 1);
            state.wait_for(|state| state.round != round).await?;
        }
        flowing(&mut state, shared).await?;
        let bytes = piece.get(..length).unwrap_or_default();
        if bytes.is_empty() {
            to.shutdown().await?;
            return Ok(());
        }
        to.write_all(bytes).await?;
    }
}

/// Waits while the proxy is half open.
async fn flowing(state: &mut watch::Receiver<State>, shared: &Shared) -> Result<(), End> {
    if state.borrow().fault == Fault::HalfOpen {
        shared.count(|counts| counts.stalled += 1);
        state.wait_for(|state| state.fault != Fault::HalfOpen).await?;
    }
    Ok(())
}
