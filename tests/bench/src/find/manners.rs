//! `manners`, `halt`: eight scanners of one site on one target set, seen by the target.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::ensure;
use muster_netlab::{Allowance, Lab, Manner, Phantom, Seen, Truth, World};

use crate::output::{Value, figure, median, talk};
use crate::recall::sound;
use crate::stack::{GATEWAY, SITE, System};
use crate::sweep::real;
use crate::{Effort, command, note};

const SCANNERS: u32 = 8;
/// Eight /24s: with 256 ports each is a lease, one for every scanner; and a second sweep asks the same hosts other ports.
const BLOCK: &str = "10.30.0.0/21";
const PORTS: [(u16, u16); 2] = [(1, 256), (257, 512)];
/// The defaults of a site, as probes in 100 ms and one more, because a window that begins with a probe can end with one.
/// A /24 has no rate of its own beside its site's, which holds 20 ms of a burst (crates/sweep, `SITE_BURST_NS`).
const ALLOWANCE: Allowance = Allowance { host: 4 + 1, net: 100 + 20 + 1 };
const SITE_PPS: u32 = 1_000;
/// From the last `muster halt` answer on, nothing may come for so long.
const QUIET: Duration = Duration::from_secs(3);
const PATIENCE: Duration = Duration::from_secs(60);
const HALT_LIMIT_S: f64 = 2.0;

/// A system under way.
struct Scene {
    phantom: Phantom,
    system: System,
    // Last: what runs in it goes first.
    _lab: Lab,
}

impl Scene {
    /// Starts everything, and waits until probes arrive.
    async fn start() -> anyhow::Result<Self> {
        let lab = Lab::build()?;
        let manner = Manner { round_trip: Duration::from_millis(5), ..Manner::default() };
        let truth = Truth::new(World::sparse(1, BLOCK.parse()?));
        let phantom = Phantom::start(&lab, truth, manner, Some(ALLOWANCE))?;
        let mut system = System::start(BLOCK, SCANNERS, None).await?;
        for (first, last) in PORTS {
            system.sweep(BLOCK, first, last).await?;
        }
        let scene = Self { phantom, system, _lab: lab };
        let deadline = tokio::time::Instant::now() + PATIENCE;
        let mut tick = tokio::time::interval(Duration::from_millis(100));
        while scene.phantom.seen().probes < u64::from(SITE_PPS) {
            tick.tick().await;
            ensure!(tokio::time::Instant::now() < deadline, "no scanner sends: {:?}", scene.phantom.seen());
        }
        Ok(scene)
    }

    async fn stop(self) -> anyhow::Result<Seen> {
        self.system.rig.stop().await?;
        Ok(self.phantom.stop()?)
    }
}

/// From the start of `muster halt` to the last probe.
pub(crate) async fn halt(effort: Effort) -> anyhow::Result<()> {
    let program = muster_tests::muster_program().display().to_string();
    let mut taken = Vec::new();
    for round in 0..effort.rounds {
        let scene = Scene::start().await?;
        let before_ns = wall_ns();
        let sending = scene.phantom.seen();
        command::run(&format!("{program} halt --site {SITE} --reason bench --address {GATEWAY}")).await?;
        let seen = tokio::task::block_in_place(|| scene.phantom.quiet(QUIET, PATIENCE));
        ensure!(seen.probes > sending.probes, "nothing was sent when it was halted: the figure is void");
        let took_s = real(seen.last_probe_ns.saturating_sub(before_ns)) / 1e9;
        talk(&format!("halt round {round}: {took_s:.3} s, {} probes after it", seen.probes - sending.probes));
        taken.push(took_s);
        sound(&scene.stop().await?)?;
    }
    let limit = Value { name: "limit", value: HALT_LIMIT_S, unit: "s" };
    figure(Value { name: "halt", value: median(&taken), unit: "s" }, limit);
    note(&format!("halt: {:.3} s at worst of {} rounds", taken.iter().copied().fold(0.0, f64::max), taken.len()));
    Ok(())
}

/// Windows of 100 ms over the rates.
pub(crate) async fn measure(effort: Effort) -> anyhow::Result<()> {
    let lasts = Duration::from_secs(if effort.quick { 5 } else { 60 });
    let scene = Scene::start().await?;
    let begun = scene.phantom.seen();
    tokio::time::sleep(lasts).await;
    let ended = scene.phantom.seen();
    let rate = real(ended.probes - begun.probes) / lasts.as_secs_f64();
    let seen = scene.stop().await?;
    sound(&seen)?;
    let over = seen.over_host + seen.over_net;
    note(&format!(
        "manners: {SCANNERS} scanners, {} probes in all, {rate:.0} a second of a site's {SITE_PPS}; windows over the rate \
         of a host {}, of a /24 {}; fullest window of a host {} probes, of a /24 {}; {} packets outside the scope",
        seen.probes, seen.over_host, seen.over_net, seen.peak_host.probes, seen.peak_net.probes, seen.outside,
    ));
    let limit = Value { name: "limit", value: 0.0, unit: "windows" };
    figure(Value { name: "manners", value: real(over), unit: "windows" }, limit);
    Ok(())
}

fn wall_ns() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}
