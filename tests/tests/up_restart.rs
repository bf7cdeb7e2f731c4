//! `muster up --config FILE` is stopped, and killed (-9), and started again on the same data: what was found is what
//! stands, the books balance, and it goes on. Whoever it started ends with it.
#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "tests")]

use anyhow::{Context as _, Result};
use muster_lab::Lab;
use muster_tests::{ENGINES, Operator, Up, until};
use serde_json::Value;

/// Sixteen addresses and three ports.
const ESTATE: &str = "
site: cellar
realm: corp
time_zone: Europe/Dublin
alive_by: open-port
ranges: [127.53.0.0/28]
zones:
  - name: all
    blocks: [127.53.0.0/28]
    class: production
    approvals:
      - {ports: tcp/8080, reason: The shop}
schedules:
  - {name: sweep, kind: sweep, every: 24h, anchor: 2099-01-01T02:00:00Z, ports: 'tcp/8080-8081, tcp/8888'}
scope: {rate_site_pps: 20000, rate_host_pps: 1000}
";

/// The second has no owner, the fourth does not answer.
const INVENTORY: &str = "key,name,owner,support_group,role,zone,base_image,criticality,address
A1,a1,aoife.byrne,web-operations,web,all,debian-12-web,high,127.53.0.1
A2,a2,,web-operations,web,all,debian-12-web,high,127.53.0.2
A3,a3,aoife.byrne,web-operations,web,all,debian-12-web,high,127.53.0.3
A4,a4,aoife.byrne,web-operations,web,all,debian-12-web,high,127.53.0.4
";

/// The third shares a folder, and the ninth is nobody's.
const LISTENERS: &str = "address,port,persona,tls
127.53.0.1,8080,nginx,false
127.53.0.2,8080,nginx,false
127.53.0.3,8080,apache,false
127.53.0.3,8888,python-http,false
127.53.0.9,8080,iis-6.0,false
";

/// What the sweep has to have led to.
const FIGURES: [(&str, u64); 6] =
    [("hosts_seen", 4), ("known", 3), ("managed", 2), ("rogue", 1), ("unapproved_services", 1), ("silent_assets", 1)];

/// What this site asks of an operator.
struct Cellar(Operator);

impl Cellar {
    async fn sweep(&self) -> Result<()> {
        self.0.run(&["sweep", "start", "cellar", "--wait"]).await?;
        let judged = async || {
            let summary = self.0.data(&["site", "summary"]).await?;
            Ok(FIGURES.iter().all(|(figure, wanted)| {
                let found = &summary[0][figure];
                found == wanted || found == &wanted.to_string()
            }))
        };
        until("the sweep to be judged", judged).await?;
        until("the books to be closed", async || Ok(self.books().await?["in_flight"] == 0)).await
    }

    async fn books(&self) -> Result<Value> {
        self.0.data(&["verify"]).await
    }

    /// Everything that has to be there after a restart as it was before. Of the books not where they were cut: time is
    /// told in PLANS, and goes on.
    async fn stands(&self) -> Result<Vec<(&'static str, Value)>> {
        let mut books = self.books().await?;
        for passing in ["at", "cut"] {
            books.as_object_mut().and_then(|books| books.remove(passing)).with_context(|| format!("no {passing}"))?;
        }
        Ok(vec![
            ("hosts", self.0.data(&["host", "list"]).await?),
            ("findings", self.0.data(&["finding", "list", "--state", "any"]).await?),
            ("assets", self.0.data(&["inventory", "list", "--site", "cellar"]).await?),
            ("site", self.0.data(&["site", "show", "cellar"]).await?),
            ("sweeps", self.0.data(&["sweep", "list"]).await?),
            ("books", books),
        ])
    }
}

fn assert_same(what: &str, before: &[(&'static str, Value)], after: &[(&'static str, Value)]) {
    for ((of, before), (_, after)) in before.iter().zip(after) {
        assert_eq!(before, after, "{of} are not the same after {what}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_found_stands_after_a_stop_and_after_a_kill() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("cellar.yaml"), ESTATE).unwrap();
    std::fs::write(folder.path().join("cellar.csv"), INVENTORY).unwrap();
    let _lab = Lab::start(&muster_lab::read_listeners(LISTENERS).unwrap()).await.unwrap();
    let operator = Operator::at(folder.path());
    let cellar = Cellar(operator.clone());

    let up = Up::start(folder.path()).await.unwrap();
    for service in ["recorder", "scheduler", "evaluator", "watcher", "gateway", "scanner"] {
        up.family.one(&format!(" serve {service} ")).unwrap();
    }
    for engine in ENGINES {
        up.family.one(engine).unwrap();
    }
    operator.run(&["apply", "-f", "cellar.yaml", "--yes"]).await.unwrap();
    operator.run(&["inventory", "import", "cellar.csv", "--site", "cellar"]).await.unwrap();
    cellar.sweep().await.unwrap();
    let before = cellar.stands().await.unwrap();
    assert_eq!(before[0].1.as_array().unwrap().len(), 4, "hosts: {}", before[0].1);
    let open = before[1].1.as_array().unwrap().iter().filter(|finding| finding["finding"]["state"] == "open").count();
    assert_eq!(open, 4, "findings: {}", before[1].1);

    up.stop().await.unwrap();
    assert!(!folder.path().join("data/addresses.json").exists(), "it says where it is no more");
    let up = Up::start(folder.path()).await.unwrap();
    assert_same("a stop", &before, &cellar.stands().await.unwrap());

    // Started again at once, while services of the dead one still run and reach the new engine on its port.
    let orphans = up.kill().await.unwrap();
    let up = Up::start(folder.path()).await.unwrap();
    eprintln!("{} of the dead one's are still there", orphans.alive().len());
    assert_same("a kill", &before, &cellar.stands().await.unwrap());

    // And it goes on: what is looked at again leads to the same, and the books know one sweep more.
    cellar.sweep().await.unwrap();
    let sweeps = operator.data(&["sweep", "list"]).await.unwrap();
    assert_eq!(sweeps.as_array().unwrap().len(), 2, "{sweeps}");
    assert_eq!(cellar.books().await.unwrap()["balanced"], true);
    orphans.gone().await.unwrap();
    assert_eq!(cellar.books().await.unwrap()["balanced"], true);
    up.stop().await.unwrap();
}
