//! A client in another language, generated from `proto/`, drives a whole stack: estate, inventory, sweeps, findings,
//! watches and the books, and every refusal with its details.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::path::{Path, PathBuf};
use std::process::Command;

use muster::process::ServiceName;
use muster_tests::{Rig, RigOptions};

/// The interpreter that has the client's packages.
fn python(root: &Path) -> PathBuf {
    let python = root.join(".muster/venv/bin/python");
    assert!(python.exists(), "failed to find {}: `make tools` installs what the client needs", python.display());
    python
}

#[tokio::test(flavor = "multi_thread")]
async fn a_generated_client_does_the_main_job() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap();
    let python = python(&root);
    let rig = Rig::start(RigOptions {
        services: ServiceName::ALL.iter().map(|service| (*service, 1)).collect(),
        set: ["gateway.listen=127.0.0.1:0", "scheduler.clock_interval_ms=1000", "scheduler.tick_ms=100"]
            .map(str::to_owned)
            .to_vec(),
        ..RigOptions::default()
    })
    .await
    .unwrap();
    let gateway = rig.stack.addresses().gateway.clone().unwrap();
    let address = gateway.strip_prefix("http://").unwrap().to_owned();
    let output = tokio::task::spawn_blocking(move || {
        let mut client = Command::new(python);
        client.args(["-B", "tests/e2e/python/gateway_client.py", "--address", &address]).current_dir(root);
        client.output().unwrap()
    })
    .await
    .unwrap();
    let (said, talk) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    println!("{said}");
    assert!(output.status.success(), "{said}\n{talk}\nlogs: {}", rig.directory().display());
    rig.stop().await.unwrap();
}
