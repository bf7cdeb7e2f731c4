//! Whoever hangs up ends what was asked for him: a client that drops its call, or dies, has no query left in ClickHouse,
//! and nobody else's is touched.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stderr, reason = "tests")]

use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use muster::process::ServiceName;
use muster_proto::v1::ListBulletinsRequest;
use muster_proto::v1::bulletin_service_client::BulletinServiceClient;
use muster_tests::{Rig, RigOptions, muster_program, until};
use tokio::process::Command;
use tokio::task::JoinHandle;
use tonic::transport::Endpoint;

/// From the broken connection to the end of the query: the server looks whenever it makes progress, here once a second
/// and thread. Left alone it goes on until the deadline of the call, 30 s.
const ENDS_WITHIN: Duration = Duration::from_secs(8);

/// A list of bulletins reads this in 200 blocks, of ten rows each since every month is a part of its own, and every block
/// takes a second: 50 s on four threads. What is concatenated is not read in the order of the key, which would put all
/// rows into one block.
const SLOW: [&str; 4] = [
    "RENAME TABLE bulletins TO bulletins_themselves",
    "INSERT INTO bulletins_themselves (feed, bulletin_id, stream_sequence, broker_at) \
     SELECT 'slow', toString(n), n, addMonths(toDateTime64('2001-01-01 00:00:00', 3, 'UTC'), n % 100) \
     FROM (SELECT arrayJoin(range(1000)) AS n)",
    "INSERT INTO bulletins_themselves (feed, bulletin_id, stream_sequence, broker_at) \
     SELECT 'slow', toString(n), n, addMonths(toDateTime64('2011-01-01 00:00:00', 3, 'UTC'), n % 100) \
     FROM (SELECT 1000 + arrayJoin(range(1000)) AS n)",
    "CREATE VIEW bulletins AS SELECT * REPLACE (concat(feed, '') AS feed) FROM bulletins_themselves \
     WHERE sleepEachRow(0.1) = 0",
];

/// ClickHouse, as a user.
fn store_as(settings: &[String]) -> Result<clickhouse::Client> {
    let value = |key: &str| {
        let found = settings.iter().find_map(|setting| setting.strip_prefix(&format!("{key}=")));
        found.map(str::to_owned).with_context(|| format!("no {key} in {settings:?}"))
    };
    Ok(clickhouse::Client::default()
        .with_url(value("store.url")?)
        .with_user(value("store.user")?)
        .with_password(std::fs::read_to_string(value("store.password.file")?)?)
        .with_database("muster"))
}

/// What runs in ClickHouse for the gateway, seen with its own rights.
struct Running(clickhouse::Client);

impl Running {
    /// Queries of the lists: their ids, the longest running first.
    async fn lists(&self) -> Result<Vec<String>> {
        let query = "SELECT query_id FROM system.processes WHERE query LIKE '%bulletin%' \
                     AND query NOT LIKE '%system.processes%' ORDER BY elapsed DESC";
        Ok(self.0.query(query).fetch_all::<String>().await?)
    }

    /// Waits until so many run.
    async fn are(&self, wanted: usize) -> Result<Vec<String>> {
        until(&format!("{wanted} lists to run"), async || Ok(self.lists().await?.len() == wanted)).await?;
        self.lists().await
    }
}

/// A client of its own, with a list that takes its time.
fn ask(gateway: &str) -> JoinHandle<Result<()>> {
    let endpoint = Endpoint::from_shared(gateway.to_owned());
    tokio::spawn(async move {
        let mut client = BulletinServiceClient::new(endpoint?.connect().await?);
        client.list_bulletins(ListBulletinsRequest::default()).await?;
        Ok(())
    })
}

/// Hangs up, and waits until the query is gone; the other one goes on.
async fn ends(running: &Running, theirs: &str, other: &str) -> Result<()> {
    let began = Instant::now();
    until("the query to end", async || Ok(!running.lists().await?.iter().any(|id| id == theirs))).await?;
    eprintln!("ended {:.1?} after it was hung up", began.elapsed());
    ensure!(began.elapsed() < ENDS_WITHIN, "it took {:?}", began.elapsed());
    ensure!(running.lists().await? == [other], "the other one is gone too");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_hangs_up_leaves_no_query_behind() {
    let rig = Rig::start(RigOptions::gateway()).await.unwrap();
    let admin = store_as(&rig.stack.admin_settings().unwrap()).unwrap();
    for statement in SLOW {
        admin.query(statement).execute().await.unwrap();
    }
    let gateway = rig.stack.addresses().gateway.clone().unwrap();
    let running = Running(store_as(&rig.stack.settings_of(ServiceName::Gateway).unwrap()).unwrap());

    // It hangs up on the call: everything of the client lives in its task.
    let control = ask(&gateway);
    let kept = running.are(1).await.unwrap().remove(0);
    let call = ask(&gateway);
    let theirs = running.are(2).await.unwrap().remove(1);
    assert_ne!(theirs, kept);
    call.abort();
    assert!(call.await.unwrap_err().is_cancelled(), "it was answered before");
    ends(&running, &theirs, &kept).await.unwrap();

    // It dies.
    let mut command = Command::new(muster_program());
    command.args(["bulletin", "list", "--address", &gateway]).stdout(Stdio::null());
    let mut program = command.kill_on_drop(true).spawn().unwrap();
    let theirs = running.are(2).await.unwrap().remove(1);
    assert!(program.try_wait().unwrap().is_none(), "it was answered before");
    program.kill().await.unwrap();
    ends(&running, &theirs, &kept).await.unwrap();

    // The one that nobody hung up on has run all the while.
    assert!(!control.is_finished(), "{:?}", control.await);
    control.abort();
    running.are(0).await.unwrap();
    rig.stop().await.unwrap();
}
