//! `syn_silent`: packets a second into a block that says nothing, counted where they arrive.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use muster_netlab::{FAR, Lab, NEAR};
use muster_scanner::raw::RawOptions;
use muster_sweep::cookie::{Cookies, SourcePorts};
use muster_sweep::packet::{Link, Mac, Path, SynOptions, SynTemplate};
use muster_wire::{Batch, Router, Sender};

use crate::output::{Value, figure, median, talk};
use crate::sweep::{UNLIMITED, real, sweep};
use crate::{Effort, calibrate, command, note};

const BLOCK: &str = "10.20.0.0/16";
/// Every pair is asked twice: 2,097,152 packets are some seconds.
const PORTS: u16 = 16;
/// The arrivals are looked at so often.
const SAMPLE: Duration = Duration::from_millis(20);

/// Measures ours, a bare loop and masscan in turn.
pub(crate) async fn measure(effort: Effort) -> anyhow::Result<()> {
    let ports = if effort.quick { 2 } else { PORTS };
    let (mut ours, mut bare, mut theirs) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..effort.rounds {
        ours.push(counted(|| async { swept(ports).await }).await?);
        bare.push(counted(|| async { tokio::task::spawn_blocking(move || flood(ports)).await? }).await?);
        match counted(|| async { masscan(ports).await }).await {
            Ok(rate) => theirs.push(rate),
            Err(error) => talk(&format!("masscan: {error:#}")),
        }
        let last = |rates: &[f64]| rates.last().copied().unwrap_or(0.0);
        talk(&format!(
            "syn_silent round {round}: {:.0} packets/s; bare {:.0}; masscan {:.0}",
            last(&ours),
            last(&bare),
            last(&theirs)
        ));
    }
    let value = |name, rates: &[f64]| Value { name, value: median(rates), unit: "packets/s" };
    figure(value("syn_silent", &ours), value("sendmmsg", &bare));
    if !theirs.is_empty() {
        let ratio = median(&ours) / median(&theirs);
        note(&format!("syn_silent: masscan {:.0} packets/s; ratio {ratio:.2}", median(&theirs)));
    }
    calibrate::print(tempfile::tempdir()?.path()).await
}

/// The rate at which something's packets arrive, from the first to the last of them.
async fn counted<F: Future<Output = anyhow::Result<()>>>(work: impl FnOnce() -> F) -> anyhow::Result<f64> {
    let lab = Arc::new(Lab::build()?);
    lab.remarks().iter().for_each(|remark| talk(remark));
    let over = Arc::new(AtomicBool::new(false));
    let watching = {
        let (lab, over) = (Arc::clone(&lab), Arc::clone(&over));
        tokio::task::spawn_blocking(move || watch(&lab, &over))
    };
    let done = work().await;
    over.store(true, Ordering::Release);
    let rate = watching.await?;
    done?;
    rate
}

/// Packets a second between the first sample that grew and the last one.
fn watch(lab: &Lab, over: &AtomicBool) -> anyhow::Result<f64> {
    let mut samples = vec![(Instant::now(), lab.received()?)];
    while !over.load(Ordering::Acquire) {
        std::thread::park_timeout(SAMPLE);
        samples.push((Instant::now(), lab.received()?));
    }
    let grew: Vec<_> = samples.windows(2).filter(|pair| pair[1].1 > pair[0].1 + 100).collect();
    let (first, last) = (grew.first().context("nothing arrived")?[0], grew.last().context("nothing arrived")?[1]);
    Ok(real(last.1 - first.1) / (last.0 - first.0).as_secs_f64())
}

async fn swept(ports: u16) -> anyhow::Result<()> {
    // The wait is short because slices under way are bounded: with a second of it they would be the limit.
    let options = RawOptions { wait: Duration::from_millis(50), attempts_max: 2, ..RawOptions::default() };
    sweep(BLOCK.parse()?, ports, 1, UNLIMITED, options).await.map(drop)
}

/// The same frames, made once, sent again and again: what sockets can do.
fn flood(ports: u16) -> anyhow::Result<()> {
    let mut router = Router::open()?;
    let route = router.route_to("10.20.0.1".parse()?)?;
    let near = router.interface(route.interface)?;
    let next_hop = router.neighbour(route.interface, FAR.into())?.context("the router is not known")?;
    let link = Link { source: Mac(near.mac.context("no Ethernet")?), next_hop: Mac(next_hop.mac) };
    let path = Path { link: Some(link), source: NEAR.into(), hop_limit: 64 };
    let template = SynTemplate::new(&path, SynOptions::Mss)?;
    let cookies = Cookies::new([1; 16], NEAR.into(), SourcePorts::new(61_000, 4_400, 8)?);
    let mut batch = Batch::default();
    for last in (0..=u8::MAX).cycle() {
        let address = [10, 20, 0, last].into();
        let fields = cookies.syn(address, 1, 0);
        if !batch.write(|frame| template.fill(frame, address, 1, fields).ok()) {
            break;
        }
    }
    let sender = Sender::open(&near)?;
    let (mut left, each) = (u64::from(ports) * 65_536 * 2, batch.len() as u64);
    while left > 0 {
        let mut sent = 0;
        while sent < batch.len() {
            sent += sender.send(&batch, sent)?;
        }
        left = left.saturating_sub(each);
    }
    Ok(())
}

async fn masscan(ports: u16) -> anyhow::Result<()> {
    // Twice the ports and no repetition: with one it waits by sending as many packets more as its rate is.
    let ports = 2 * ports;
    let line = format!(
        "masscan {BLOCK} -p1-{ports} --rate 10000000 --wait 0 -e near --adapter-ip {NEAR} \
         --router-mac 02-00-0a-c8-00-01 -oL /dev/null"
    );
    command::run(&line).await.map(drop)
}
