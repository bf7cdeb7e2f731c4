//! The version before this one and this one on one bus, in both orders: whoever is upgraded first, what one publishes the
//! other reads, and the books balance. `make test-previous` builds the other version and runs this.
#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "tests")]

use std::path::{Path, PathBuf};

use muster::process::{Otherwise, ServiceName};
use muster_tests::{SmallEstate, run_to_end};

/// They give what [`READ`] take, and the other way round for orders.
const GIVE: [ServiceName; 4] =
    [ServiceName::Gateway, ServiceName::Scheduler, ServiceName::Scanner, ServiceName::Watcher];
const READ: [ServiceName; 2] = [ServiceName::Recorder, ServiceName::Evaluator];

/// The other version's binary.
fn previous() -> PathBuf {
    let named = std::env::var_os("MUSTER_PREVIOUS_PROGRAM").map(PathBuf::from);
    named.filter(|program| program.is_file()).unwrap_or_else(|| {
        panic!("MUSTER_PREVIOUS_PROGRAM names no file; `make test-previous` builds the previous version and names it")
    })
}

/// Some services run as another program from now on.
async fn run_as(whole: &mut SmallEstate, services: &[ServiceName], program: Option<&Path>) {
    for service in services {
        let program = program.map(Path::to_owned);
        whole.rig.stack.otherwise(*service, Otherwise { program, set: Vec::new() });
        whole.rig.stack.replace(*service, 1, Vec::new()).await.unwrap();
    }
    whole.rig.stack.ready().await.unwrap();
    // What is compared is what runs.
    let named: Vec<_> = services.iter().map(|service| format!("{}-", service.name())).collect();
    let expected = program.map(|program| program.canonicalize().unwrap());
    for (name, pid) in whole.rig.stack.pids() {
        if named.iter().any(|prefix| name.starts_with(prefix)) {
            let runs = std::fs::read_link(format!("/proc/{pid}/exe")).unwrap();
            assert!(expected.as_ref().is_none_or(|expected| *expected == runs), "{name} runs {}", runs.display());
            assert_eq!(expected.is_some(), Some(&runs) == previous().canonicalize().ok().as_ref(), "{name}");
        }
    }
}

/// Everything that flows: an estate, a sweep with its orders, slices, plans and verdicts, a bulletin.
async fn work(whole: &mut SmallEstate, id: u64) -> anyhow::Result<()> {
    whole.declare_anew(id).await?;
    whole.sweep(id).await?;
    whole.sweeps += 1;
    whole.publish_bulletin()?;
    whole.balances().await
}

/// Whether a program takes the schema that this version has made: where it is newer the store is upgraded last, by
/// design, and the older version says so.
async fn takes_the_schema(whole: &SmallEstate, program: &Path) -> bool {
    let mut arguments = vec!["store".to_owned(), "check".to_owned()];
    for setting in whole.rig.stack.admin_settings().unwrap() {
        arguments.extend(["--set".to_owned(), setting]);
    }
    let checked = run_to_end(program, &arguments).await.unwrap();
    let newer = checked.said.contains("upgrade this program");
    assert!(checked.code == Some(0) || newer, "{}", checked.said);
    !newer
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs the previous version's binary in MUSTER_PREVIOUS_PROGRAM: make test-previous"]
async fn the_previous_version_and_this_one_work_on_one_bus_in_both_orders() {
    let previous = previous();
    let mut whole = SmallEstate::start().await.unwrap();
    run_as(&mut whole, &GIVE, Some(&previous)).await;
    work(&mut whole, 1).await.map_err(|error| error.context("the previous version gives, this one reads")).unwrap();

    run_as(&mut whole, &GIVE, None).await;
    if takes_the_schema(&whole, &previous).await {
        run_as(&mut whole, &READ, Some(&previous)).await;
        work(&mut whole, 2).await.map_err(|error| error.context("this version gives, the previous one reads")).unwrap();
        run_as(&mut whole, &READ, None).await;
    } else {
        eprintln!("this version has a newer schema: the previous recorder and evaluator refuse it, as they should");
    }
    // A rolling upgrade ends here: this version alone, on what both have published.
    work(&mut whole, 3).await.map_err(|error| error.context("this version alone")).unwrap();
    whole.rig.stop().await.unwrap();
}
