//! The build gate from outside: a server out of the build against the manifest of its role, on real listeners.
#![allow(clippy::unwrap_used, reason = "tests")]

use muster_lab::Lab;
use muster_tests::{Operator, Up};

/// A build zone that is looked at quickly, and the zone that servers go to.
const ESTATE: &str = "
site: workshop
realm: corp
time_zone: Europe/Dublin
alive_by: any-answer
ranges: [127.54.0.0/24]
zones:
  - name: build
    blocks: [127.54.0.0/25]
    class: build
  - name: dmz
    blocks: [127.54.0.128/25]
    class: production
    approvals:
      - {ports: tcp/2222, reason: Operation}
      - {ports: tcp/8443, role: web, reason: The shop}
      - {ports: tcp/9000-9009, role: web, reason: Its workers}
scope: {rate_site_pps: 20000, rate_host_pps: 40, rate_build_pps: 10000}
";

/// As declared; with something more; without what it is for; nothing.
const LISTENERS: &str = "address,port,persona,tls
127.54.0.1,2222,openssh,false
127.54.0.1,8443,nginx,true
127.54.0.2,8443,nginx,true
127.54.0.2,2323,iis-6.0,false
127.54.0.3,2222,openssh,false
127.54.0.200,8443,nginx,true
";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_passes_the_gate_when_it_is_what_its_role_declares() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("workshop.yaml"), ESTATE).unwrap();
    let _lab = Lab::start(&muster_lab::read_listeners(LISTENERS).unwrap()).await.unwrap();
    let operator = Operator::at(folder.path());
    let up = Up::start(folder.path()).await.unwrap();
    operator.run(&["apply", "-f", "workshop.yaml", "--yes"]).await.unwrap();

    // Ports on which nothing else listens on every address of a machine. The site is found by the address.
    let every = ["--role", "web", "--ports", "tcp/2200-2400,tcp/8440-9999", "-o", "json"];
    let gate = async |host: &str| {
        let (code, data, talk) = operator.end(&[&["gate", host], &every[..]].concat()).await.unwrap();
        (code, serde_json::from_str::<serde_json::Value>(&data).unwrap_or_default(), talk)
    };
    let (code, report, talk) = gate("127.54.0.1").await;
    assert_eq!((code, report["outcome"].as_str()), (Some(0), Some("pass")), "{report} {talk}");
    assert!(talk.contains("looks at 1761 ports of workshop/127.54.0.1 at 10000 packets a second"), "{talk}");
    assert_eq!((report["zone"].as_str(), report["sweep"]["coverage"]["skipped"].as_u64()), (Some("dmz"), Some(0)));

    let deviations = |report: &serde_json::Value| -> Vec<u64> {
        let lines = report["lines"].as_array().unwrap().iter();
        lines.filter(|line| line["deviates"] == true).map(|line| line["port"].as_u64().unwrap()).collect()
    };
    for (host, reason, ports) in
        [("workshop/127.54.0.2", "unapproved-service", vec![2323]), ("127.54.0.3", "missing-service", vec![8443])]
    {
        let (code, report, talk) = gate(host).await;
        assert_eq!((code, report["reason"].as_str()), (Some(1), Some(reason)), "{report} {talk}");
        assert_eq!(deviations(&report), ports, "{host}");
    }

    // Outside the build zone it takes as long as anywhere, and says what would make it shorter.
    let few = ["gate", "127.54.0.200", "--role", "web", "--ports", "tcp/8440-8449", "-o", "sarif"];
    let (code, sarif, talk) = operator.end(&few).await.unwrap();
    let sarif: serde_json::Value = serde_json::from_str(&sarif).unwrap();
    assert_eq!((code, sarif["version"].as_str()), (Some(0), Some("2.1.0")), "{talk}");
    assert!(talk.contains("at 40 packets a second") && sarif["runs"][0]["results"].as_array().unwrap().is_empty());

    for (line, wanted) in [
        (&["gate", "127.54.0.1", "--role", "mail"][..], "no zone of site workshop approves anything for role \"mail\""),
        (&["gate", "127.54.0.1", "--role", "web", "--zone", "dzm"], "it has build, dmz"),
        (&["gate", "127.55.0.1", "--role", "web"], "is in the ranges of no site"),
        (&["site", "list", "-o", "sarif"], "only muster gate has it"),
    ] {
        let (code, _, talk) = operator.end(line).await.unwrap();
        assert!(code == Some(65) || code == Some(64), "{line:?}: {code:?} {talk}");
        assert!(talk.contains(wanted), "{line:?}: {talk}");
    }
    up.stop().await.unwrap();
}
