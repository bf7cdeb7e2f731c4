//! Two schedulers on one bus, of which the acting one is killed (-9) over and over: every instant of a schedule is fired
//! once, and only what passed while nobody could fire it is covered by the next firing (I-2).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stderr, reason = "tests")]

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use jiff::Timestamp;
use muster::process::ServiceName;
use muster_bus::convert::estate::site_to_proto;
use muster_bus::{Bucket, Limits, Received, SiteName, Stream, Subject, Tail};
use muster_estate::model::{ScheduleKind, Site};
use muster_tests::{Circumstances, Declared, Plan, Rig, RigOptions, Rng, firings, seed, until};
use prost::Message as _;
use tokio::time::timeout;

const SITE: &str = "attic";

/// The shortest interval that is allowed. Eight addresses and a port are eight units: a sweep takes a tenth of a second.
const ESTATE: &str = "
site: attic
realm: corp
time_zone: Europe/Dublin
alive_by: open-port
ranges: [127.51.0.0/29]
schedules:
  - {name: sweep, kind: sweep, every: 1s, anchor: ANCHOR, ports: tcp/8080}
  - {name: audit, kind: audit, every: 1s, anchor: ANCHOR, ports: tcp/8080, sample_size: 3}
scope: {rate_site_pps: 20000, rate_host_pps: 1000}
";

/// Deaths; before the one in the middle the standby takes over, which takes a term of 10 s.
const DEATHS: u64 = 18;
/// A standby is there within a term and a fifth of one.
const PATIENCE: Duration = Duration::from_secs(60);

/// PLANS as it comes.
struct Plans {
    tail: Tail,
    history: Vec<(u64, Plan)>,
}

impl Plans {
    async fn next(&mut self) -> Result<Received> {
        let one = Limits { messages: 1, bytes: 1 << 20, linger: Duration::ZERO };
        let batch = timeout(PATIENCE, self.tail.next_batch(one)).await.context("PLANS stands still")??;
        let received = batch.messages.into_iter().next().context("an empty batch")?;
        if let Some(plan) = Plan::read(&received)? {
            self.history.push((received.sequence, plan));
        }
        Ok(received)
    }

    /// Reads on to the first message on a subject after a sequence.
    async fn next_on(&mut self, subject: &Subject, after: u64) -> Result<()> {
        loop {
            let received = self.next().await?;
            if received.sequence > after && received.subject == subject.as_str() {
                return Ok(());
            }
        }
    }
}

async fn declare(rig: &Rig, site: &Site) -> Result<()> {
    let document = site_to_proto(site).encode_to_vec();
    rig.bus.kv(Bucket::Estate).await?.put(SITE, document.into()).await?;
    Ok(())
}

async fn last(rig: &Rig) -> Result<u64> {
    Ok(rig.bus.stream_info(Stream::Plans).await?.last_sequence)
}

/// The number of the scheduler that acts.
async fn acting(rig: &Rig) -> Result<u32> {
    let leader = rig.leader("scheduler").await?.context("nobody acts")?;
    Ok(leader.rsplit_once('-').context("a process without a number")?.1.parse()?)
}

/// Reads on to a moment of the seed's choice: some messages later, or right after something was drawn or started.
async fn moment(rig: &Rig, plans: &mut Plans, rng: &mut Rng) -> Result<()> {
    let now = last(rig).await?;
    match rng.below(3) {
        0 => {
            let wanted = now + rng.below(40);
            while plans.next().await?.sequence < wanted {}
            Ok(())
        }
        1 => plans.next_on(&Subject::plan_draw(), now).await,
        _ => plans.next_on(&Subject::plan_sweep(&SiteName::new(SITE)?), now).await,
    }
}

/// Kills the acting one, and waits until there is one that acts.
async fn death(rig: &mut Rig, plans: &mut Plans, stay_dead: bool) -> Result<std::ops::RangeInclusive<u64>> {
    let victim = acting(rig).await?;
    let before = last(rig).await?;
    if stay_dead {
        rig.stack.end(ServiceName::Scheduler, victim).await;
    } else {
        rig.stack.kill(ServiceName::Scheduler, victim).await;
    }
    let after = last(rig).await?;
    plans.next_on(&Subject::plan_clock(), after + 1).await?;
    if stay_dead {
        ensure!(acting(rig).await? != victim, "the dead one acts");
        rig.stack
            .replace(ServiceName::Scheduler, victim, Vec::new())
            .await
            .map_err(|cause| anyhow::anyhow!("{cause}"))?;
    }
    Ok(before..=after)
}

fn declared(site: &Site) -> Vec<Declared> {
    let of = |schedule: &muster_estate::model::Schedule| Declared {
        name: schedule.name.clone(),
        audit: schedule.kind == ScheduleKind::Audit,
        anchor_s: schedule.anchor.as_second(),
        every_s: schedule.every.as_secs(),
    };
    site.schedules.iter().map(of).collect()
}

/// Without one firing, and with one firing twice: both have to be noticed, or nothing was held against anything.
fn assert_noticed(schedules: &[Declared], history: &[(u64, Plan)], circumstances: &Circumstances) {
    let starts = history.iter().enumerate().filter_map(|(at, (_, plan))| match plan {
        Plan::Started { sweep, draw, .. } if draw.is_empty() => Some((at, sweep.clone())),
        Plan::Started { .. } | Plan::Clock(_) | Plan::Draw(..) | Plan::Finished(..) => None,
    });
    let (mut missing, mut all) = (0, 0);
    for (at, sweep) in starts {
        all += 1;
        let mut twice = history.to_vec();
        twice.insert(at + 1, history[at].clone());
        let error = firings(SITE, schedules, &twice, circumstances).unwrap_err();
        assert!(format!("{error:#}").contains("twice"), "{error:#}");
        let of = |plan: &Plan| match plan {
            Plan::Started { sweep: id, .. } | Plan::Finished(id, _) => *id == sweep,
            Plan::Clock(_) | Plan::Draw(..) => false,
        };
        let without: Vec<_> = history.iter().filter(|(_, plan)| !of(plan)).cloned().collect();
        let judged = firings(SITE, schedules, &without, circumstances);
        missing += u32::from(judged.is_err_and(|error| error.to_string().contains("was not fired")));
    }
    assert!(missing * 2 > all, "of {all} firings taken away {missing} were missed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_instant_is_fired_once_whoever_dies() {
    let mut rng = Rng::new(seed());
    let set = ["scheduler.tick_ms=50", "scheduler.clock_interval_ms=1", "scheduler.reissue_interval_ms=500"];
    let mut rig = Rig::start(RigOptions {
        services: vec![(ServiceName::Scanner, 1), (ServiceName::Scheduler, 2), (ServiceName::Recorder, 1)],
        set: set.map(str::to_owned).to_vec(),
        ..RigOptions::default()
    })
    .await
    .unwrap();
    let began = Instant::now();
    let anchor = Timestamp::from_second(Timestamp::now().as_second() + 2).unwrap();
    let text = ESTATE.replace("ANCHOR", &anchor.to_string());
    let mut site = muster_estate::files::read_estate([("attic.yaml", text.as_str())]).unwrap().into_sites().remove(0);
    declare(&rig, &site).await.unwrap();
    let stands_from = last(&rig).await.unwrap();
    let mut plans = Plans { tail: rig.bus.tail(Stream::Plans, &[], 0), history: Vec::new() };

    let mut deaths = Vec::new();
    for number in 1..=DEATHS {
        let died = async {
            moment(&rig, &mut plans, &mut rng).await?;
            death(&mut rig, &mut plans, number == DEATHS / 2).await
        };
        deaths.push(died.await.map_err(|error| error.context(format!("death {number}"))).unwrap());
    }

    // Nothing is due any more, and what runs comes to its end.
    let stood_to = last(&rig).await.unwrap();
    for schedule in &mut site.schedules {
        schedule.paused = true;
    }
    declare(&rig, &site).await.unwrap();
    let ended = async {
        loop {
            let started = plans.history.iter().filter(|(_, plan)| matches!(plan, Plan::Started { .. })).count();
            let finished = plans.history.iter().filter(|(_, plan)| matches!(plan, Plan::Finished(..))).count();
            // A decision that was under way may still fire; after 20 more it is there.
            let at = plans.next().await?.sequence;
            if started == finished && at > stood_to + 20 {
                return Ok::<_, anyhow::Error>(());
            }
        }
    };
    timeout(PATIENCE, ended).await.expect("every sweep ends").unwrap();

    let (schedules, history) = (declared(&site), plans.history);
    let circumstances = Circumstances { stood: stands_from..=stood_to, deaths };
    let fired = firings(SITE, &schedules, &history, &circumstances).unwrap();
    for (name, firings) in &fired {
        eprintln!("{name}: {} fired, {} covered, in {:.0?}", firings.fired_s.len(), firings.missed, began.elapsed());
        assert!(firings.fired_s.len() >= 10, "{name} was hardly ever fired: {firings:?}");
        assert!(firings.missed >= 5, "nobody was missed while the standby waited: {firings:?}");
    }
    assert_noticed(&schedules, &history, &circumstances);

    // What stands in PLANS stands in the store, and no row twice.
    rig.recorded().await.unwrap();
    rig.books.nothing_twice().await.unwrap();
    let sweeps: usize = fired.values().map(|firings| firings.fired_s.len()).sum();
    for (query, wanted) in [
        ("SELECT uniqExact(schedule, due_at) FROM sweeps_started", sweeps),
        ("SELECT count() FROM sweeps_finished WHERE NOT void", sweeps),
        ("SELECT uniqExact(schedule, due_at) FROM draws", fired["audit"].fired_s.len()),
    ] {
        assert_eq!(rig.books.number(query).await.unwrap(), wanted as u64, "{query}");
    }
    until("both to be there", || async { Ok(rig.stack.pids().len() == 4) }).await.unwrap();
    rig.stop().await.unwrap();
}
