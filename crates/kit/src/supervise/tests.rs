#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use super::*;

fn quick() -> OnError {
    let backoff = Backoff { first: Duration::from_millis(10), max: Duration::from_millis(80), ..Backoff::DEFAULT };
    OnError::Restart { backoff }
}

#[tokio::test]
async fn shut_down_stops_everything_and_names_the_task() {
    let shutdown = Shutdown::new();
    let mut supervisor = Supervisor::new(shutdown.clone());
    let stop = shutdown.clone();
    supervisor.spawn_once("steady", OnError::ShutDown, async move {
        stop.requested().await;
        Ok::<_, anyhow::Error>(())
    });
    supervisor.spawn_once("broken", OnError::ShutDown, async { Err(anyhow::anyhow!("no route")) });
    let failure = supervisor.finish().await.unwrap_err();
    assert_eq!(failure.name, "broken");
    assert!(failure.error.to_string().contains("no route"));
    assert_eq!(shutdown.reason(), Some("task broken failed"));
}

#[tokio::test]
async fn a_panic_is_an_error() {
    let mut supervisor = Supervisor::new(Shutdown::new());
    supervisor.spawn_once("odd", OnError::ShutDown, async {
        if true {
            panic!("index {} out of range", 7);
        }
        Ok::<_, anyhow::Error>(())
    });
    let failure = supervisor.finish().await.unwrap_err();
    assert!(matches!(&failure.error, TaskError::Panicked(text) if text == "index 7 out of range"), "{failure:?}");
}

#[tokio::test]
async fn an_early_end_is_a_failure_unless_the_task_is_finite() {
    let mut supervisor = Supervisor::new(Shutdown::new());
    supervisor.spawn_once("loop", OnError::ShutDown, async { Ok::<_, anyhow::Error>(()) });
    assert!(matches!(supervisor.finish().await.unwrap_err().error, TaskError::Ended));

    let mut supervisor = Supervisor::new(Shutdown::new());
    supervisor.spawn_once("job", Policy::finite(OnError::ShutDown), async { Ok::<_, anyhow::Error>(()) });
    supervisor.finish().await.unwrap();
    assert!(Supervisor::new(Shutdown::new()).is_empty());
}

#[tokio::test]
async fn log_goes_on_without() {
    let shutdown = Shutdown::new();
    let mut supervisor = Supervisor::new(shutdown.clone());
    supervisor.spawn_once("extra", OnError::Log, async { Err(anyhow::anyhow!("gone")) });
    supervisor.finish().await.unwrap();
    assert!(!shutdown.is_requested());
}

#[tokio::test(start_paused = true)]
async fn restart_runs_until_it_holds() {
    let shutdown = Shutdown::new();
    let mut supervisor = Supervisor::new(shutdown.clone());
    let starts = Arc::new(AtomicU32::new(0));
    let (count, stop) = (Arc::clone(&starts), shutdown.clone());
    supervisor.spawn("flaky", quick(), move || {
        let (start, stop) = (count.fetch_add(1, Ordering::SeqCst), stop.clone());
        async move {
            if start < 4 {
                return Err(anyhow::anyhow!("start {start}"));
            }
            stop.request("reached");
            Ok(())
        }
    });
    supervisor.finish().await.unwrap();
    assert_eq!(starts.load(Ordering::SeqCst), 5);
}

#[tokio::test(start_paused = true)]
async fn a_stop_ends_the_wait_for_a_restart() {
    let shutdown = Shutdown::new();
    let mut supervisor = Supervisor::new(shutdown.clone());
    let stop = shutdown.clone();
    let backoff = Backoff { first: Duration::from_secs(3600), max: Duration::from_secs(3600), ..Backoff::DEFAULT };
    supervisor.spawn("down", OnError::Restart { backoff }, move || {
        stop.request("test");
        async { Err(anyhow::anyhow!("no")) }
    });
    let started = Instant::now();
    supervisor.finish().await.unwrap();
    assert!(started.elapsed() < Duration::from_secs(1));
}

#[test]
fn waits_grow_between_their_bounds() {
    let backoff = Backoff::DEFAULT;
    for failures in 0..200 {
        let wait = backoff.delay("task", failures);
        let full = backoff.first.saturating_mul(1_u32.checked_shl(failures).unwrap_or(u32::MAX)).min(backoff.max);
        assert!(wait >= full / 2 && wait <= full, "{failures}: {wait:?} of {full:?}");
        assert_eq!(wait, backoff.delay("task", failures));
    }
    assert_ne!(backoff.delay("a", 3), backoff.delay("b", 3));
}
