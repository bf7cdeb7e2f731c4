//! `muster try`: what it finds on a block, with an inventory and without, on the page and as data; and what it refuses.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::net::{IpAddr, SocketAddr, TcpStream};
use std::path::Path;
use std::process::Output;
use std::time::Duration;

use muster_kit::Exit;
use muster_lab::Lab;
use muster_tests::{Ended, muster_program, run_to_end};
use serde_json::Value;
use tokio::process::Command;

/// The ports of a try that a program without rights can listen on.
const PORTS: [u16; 20] = [
    1433, 1521, 2049, 3306, 3389, 5060, 5432, 5900, 5985, 5986, 6379, 8000, 8008, 8080, 8081, 8443, 8888, 9090, 9200,
    27017,
];
/// Those below 1,024, where a machine may have services of its own on every address.
const LOW_PORTS: [u16; 20] =
    [21, 22, 23, 25, 53, 80, 81, 110, 111, 135, 139, 143, 389, 443, 445, 465, 587, 636, 993, 995];

/// Four hosts with five services, on the last byte of an address.
const SERVICES: [(u8, u16, &str, bool); 5] = [
    (1, 8080, "nginx", false),
    (1, 8443, "nginx", true),
    (2, 8081, "apache", false),
    (5, 9090, "python-http", false),
    (9, 8888, "iis-6.0", false),
];

/// Of the four, 9 is not in it and 5 has no owner; 12 does not answer. The zone is none that a try has.
const INVENTORY: &str = "key,name,owner,support_group,zone,address
A1,one,aoife.byrne,web,dmz,NET.1
A2,two,aoife.byrne,web,dmz,NET.2
A5,five,,web,dmz,NET.5
A12,twelve,aoife.byrne,web,dmz,NET.12
";

/// What a report says of its one site.
const FIGURES: [&str; 7] =
    ["hosts_seen", "known", "managed", "rogue", "silent_assets", "unapproved_services", "misplaced"];
const WITH_INVENTORY: [u64; 7] = [4, 3, 2, 1, 1, 0, 0];
const WITHOUT: [u64; 7] = [4, 0, 0, 4, 0, 0, 0];

/// A block of 16 addresses with the listeners on it, and a folder.
struct Block {
    /// The first three bytes.
    net: &'static str,
    folder: tempfile::TempDir,
    _lab: Lab,
}

impl Block {
    async fn open(net: &'static str) -> Self {
        let nobody: IpAddr = format!("{net}.14").parse().unwrap();
        for port in PORTS.into_iter().chain(LOW_PORTS) {
            let answers = TcpStream::connect_timeout(&SocketAddr::new(nobody, port), Duration::from_secs(1)).is_ok();
            assert!(
                !answers,
                "a program on this machine listens on port {port} of every address: stop it for this test"
            );
        }
        let lines = SERVICES.map(|(host, port, persona, tls)| format!("{net}.{host},{port},{persona},{tls}\n"));
        let listeners = muster_lab::read_listeners(&format!("address,port,persona,tls\n{}", lines.concat())).unwrap();
        let lab = Lab::start(&listeners).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("inventory.csv"), INVENTORY.replace("NET", net)).unwrap();
        Self { net, folder, _lab: lab }
    }

    fn page(&self) -> std::path::PathBuf {
        self.folder.path().join("try/report.html")
    }

    /// Tries the block, and gives what it said on standard output.
    async fn attempt(&self, inventoried: bool, more: &[&str]) -> String {
        let mut command = Command::new(muster_program());
        command
            .arg("try")
            .arg(format!("{}.0/28", self.net))
            .args(more)
            .arg("--data")
            .arg(self.folder.path().join("try"));
        if inventoried {
            command.arg("--inventory").arg(self.folder.path().join("inventory.csv"));
        }
        let output = command.current_dir(repository()).kill_on_drop(true).output().await.unwrap();
        let Output { status, stdout, stderr } = output;
        assert_eq!(status.code(), Some(0), "{}", String::from_utf8_lossy(&stderr));
        String::from_utf8(stdout).unwrap()
    }

    async fn report(&self, inventoried: bool) -> Value {
        let said = self.attempt(inventoried, &["-o", "json"]).await;
        serde_json::from_str(&said).unwrap()
    }
}

fn repository() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

fn figures(report: &Value) -> [u64; 7] {
    let sites = report["sites"].as_array().unwrap();
    assert_eq!(sites.len(), 1, "{report}");
    FIGURES.map(|figure| sites[0][figure].as_u64().unwrap())
}

fn assert_swept_whole(report: &Value) {
    let coverage = &report["sites"][0]["coverage"];
    for (what, wanted) in [("planned", 16 * 40), ("open", SERVICES.len()), ("skipped", 0), ("lost", 0)] {
        assert_eq!(coverage[what], wanted, "{what}: {coverage}");
    }
    assert_eq!(coverage["void"], false, "{coverage}");
    assert_eq!(report["ledger"]["balanced"], true, "{}", report["ledger"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_an_inventory_it_says_who_is_rogue_and_who_is_managed() {
    let block = Block::open("127.52.0").await;
    let said = block.attempt(true, &[]).await;
    let line = "4 hosts seen, 3 known, 2 managed, 1 rogue; 1 assets silent (unknown, not absent)\n";
    assert!(said.starts_with(line), "{said}");
    assert!(said.contains(&block.page().display().to_string()), "{said}");
    let page = std::fs::read_to_string(block.page()).unwrap();
    // The rogue, the one without an owner, and the one that does not answer; nobody else is worth a line.
    for (host, named) in [("9", true), ("5", true), ("12", true), ("14", false)] {
        let name = format!("try/{}.{host}<", block.net);
        assert_eq!(page.contains(&name), named, "{name}: {page}");
    }

    let report = block.report(true).await;
    assert_eq!(figures(&report), WITH_INVENTORY, "{FIGURES:?}");
    assert_swept_whole(&report);
    let reasons = |address: &str| -> Vec<&str> {
        let findings = report["findings"].as_array().unwrap().iter();
        let of = findings.filter(|finding| finding["address"] == address);
        of.map(|finding| finding["reason"].as_str().unwrap()).collect()
    };
    assert_eq!(reasons("127.52.0.9"), ["rogue"]);
    assert_eq!(reasons("127.52.0.1"), [""; 0], "a managed host has no finding");
    assert_eq!(reasons("127.52.0.5").len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_an_inventory_every_host_is_rogue_and_the_page_names_it() {
    let block = Block::open("127.52.1").await;
    let report = block.report(false).await;
    assert_eq!(figures(&report), WITHOUT, "{FIGURES:?}");
    assert_swept_whole(&report);
    let note = report["sites"][0]["note"].as_str().unwrap();
    assert!(note.contains("--inventory"), "{note}");
    let page = std::fs::read_to_string(block.page()).unwrap();
    for (host, named) in [("1", true), ("2", true), ("5", true), ("9", true), ("12", false), ("14", false)] {
        let name = format!("try/{}.{host}<", block.net);
        assert_eq!(page.contains(&name), named, "{name}: {page}");
    }
    assert!(!page.contains("<script"));
}

/// One line, with the code, that holds every word; and nothing was begun.
async fn assert_refused(arguments: &[&str], exit: Exit, words: &[&str]) {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("try");
    let mut all: Vec<&str> = vec!["try", "--data", data.to_str().unwrap()];
    all.extend(arguments);
    let Ended { code, errors, said } = run_to_end(muster_program(), &all).await.unwrap();
    assert_eq!(code, Some(i32::from(exit.code())), "{arguments:?}: {said}");
    let [line] = errors.as_slice() else { panic!("not one line: {said}") };
    for word in words {
        assert!(line.contains(word), "{word:?} is not in: {line}");
    }
    assert!(!data.exists(), "something was begun for {arguments:?}");
}

#[tokio::test]
async fn what_cannot_be_tried_is_refused_in_one_line_before_anything_is_begun() {
    for wrong in ["300.1.2.0/24", "127.52.0.0/33", "here"] {
        assert_refused(&[wrong], Exit::Usage, &[wrong, "<CIDR>"]).await;
    }
    for (large, addresses) in [("10.0.0.0/8", "16777216 addresses"), ("10.0.0.0/17", "32768 addresses")] {
        assert_refused(&[large], Exit::Usage, &["failed to try", large, addresses, "at most 16384"]).await;
    }
    assert_refused(&["2001:db8::/32"], Exit::Usage, &["2001:db8::/32", "at most 16384"]).await;

    let folder = tempfile::tempdir().unwrap();
    let (none, broken) = (folder.path().join("none.csv"), folder.path().join("broken.csv"));
    std::fs::write(&broken, "key,address\nA1,127.52.0.1\nA2,127.52.0.300\n").unwrap();
    let (none, broken) = (none.to_str().unwrap(), broken.to_str().unwrap());
    assert_refused(&["127.52.0.0/28", "--inventory", none], Exit::NoInput, &["inventory", none]).await;
    assert_refused(&["127.52.0.0/28", "--inventory", broken], Exit::Data, &["broken.csv:3", "127.52.0.300"]).await;
}

#[tokio::test]
async fn a_folder_that_is_no_trys_is_not_touched() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("precious"), "x").unwrap();
    let arguments = ["try", "127.52.0.0/28", "--data", folder.path().to_str().unwrap()];
    let ended = run_to_end(muster_program(), &arguments).await.unwrap();
    assert_eq!(ended.code, Some(i32::from(Exit::Usage.code())), "{}", ended.said);
    assert!(ended.errors.iter().any(|line| line.contains("it holds something else")), "{}", ended.said);
    assert!(folder.path().join("precious").exists());
}
