//! The examples of a real Recog database as services on ports that nobody expects them on, identified with that
//! database. Each is what its fingerprint says, in few connections.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stderr, reason = "tests")]

use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::StreamExt;
use muster_identify::recog::{Content, Database};
use muster_scanner::fingerprints;
use muster_scanner::gate::{Gate, Permit};
use muster_scanner::probe::{Found, ProbeOptions, Prober};
use muster_sweep::{Rates, Transport};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

const HERE: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 43, 0, 1));
const EXAMPLES: usize = 2_000;

/// A reply that carries the text of an example, and whether it is given unasked.
fn reply(key: &str, text: &str) -> Option<(Vec<u8>, bool)> {
    let greeting = |text: String| Some((text.into_bytes(), true));
    // Lines that only a request brings forth; a reply keeps its line ends.
    match key {
        "ssh.banner" => greeting(format!("SSH-2.0-{text}\r\n")),
        "ftp.banner" | "smtp.banner" => greeting(format!("220 {text}\r\n")),
        "pop3.banner" => greeting(format!("+OK {text}\r\n")),
        "imap4.banner" => greeting(format!("* OK {text}\r\n")),
        "http_header.server" => Some((format!("HTTP/1.1 200 OK\r\nServer: {text}\r\n\r\n").into_bytes(), false)),
        "mysql.banners" => {
            let payload = [&[10], text.as_bytes(), &[0; 40]].concat();
            let length = u32::try_from(payload.len()).unwrap().to_le_bytes();
            Some(([&length[..3], &[0], &payload].concat(), true))
        }
        _ => None,
    }
}

/// What is served, and what its fingerprint says the product is.
struct Case {
    key: &'static str,
    text: String,
    reply: Vec<u8>,
    unasked: bool,
    product: String,
}

fn cases(database: &Database) -> Vec<Case> {
    const KEYS: [&str; 7] = [
        "ssh.banner",
        "ftp.banner",
        "smtp.banner",
        "pop3.banner",
        "imap4.banner",
        "http_header.server",
        "mysql.banners",
    ];
    let mut all = Vec::new();
    for key in KEYS {
        for fingerprint in database.tables_of(key).flat_map(|table| table.fingerprints()) {
            for example in fingerprint.examples() {
                let Content::Bytes(bytes) = example.content() else { continue };
                let Ok(text) = String::from_utf8(bytes.clone()) else { continue };
                // A header, a line and a greeting are one line.
                if text.contains(['\r', '\n']) || text.len() > 900 {
                    continue;
                }
                let Some(found) = database.matches(key, text.as_bytes()) else { continue };
                let Some(product) = found.params.get("service.product").map(|product| product.to_string()) else {
                    continue;
                };
                let Some((reply, unasked)) = reply(key, &text) else { continue };
                all.push(Case { key, text, reply, unasked, product });
            }
        }
    }
    // Evenly over all kinds.
    let step = all.len().div_ceil(EXAMPLES).max(1);
    all.into_iter().step_by(step).collect()
}

/// One listener that answers every connection the same way; what the prober makes of it.
async fn probed(case: &Case, prober: &Prober) -> Found {
    let listener = TcpListener::bind((HERE, 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (reply, unasked) = (case.reply.clone(), case.unasked);
    let serving = tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = [0; 1_024];
            if !unasked && stream.read(&mut request).await.is_err() {
                continue;
            }
            let _ = stream.write_all(&reply).await;
            let _ = stream.shutdown().await;
        }
    });
    let found = prober.probe(HERE, port).await;
    serving.abort();
    found
}

/// Our own rules come first and have names of their own ("httpd" for "Apache HTTPD"); one that they give to a vendor
/// counts if the service is right.
fn is_right(case: &Case, found: &Found) -> bool {
    let Some(print) = &found.fingerprint else { return false };
    let service = match case.key {
        "http_header.server" => "http",
        "mysql.banners" => "mysql",
        "imap4.banner" => "imap",
        key => key.split('.').next().unwrap(),
    };
    print.service == service && (print.product == case.product || !print.vendor.is_empty() && !print.product.is_empty())
}

#[tokio::test]
async fn data_examples_of_recog_on_any_port_are_what_they_say() {
    let Some(data) = std::env::var_os("MUSTER_TEST_DATA") else {
        eprintln!("skipped: MUSTER_TEST_DATA is not set");
        return;
    };
    let database = Arc::new(fingerprints::load(&Path::new(&data).join("recog")).unwrap());
    let scope = |_: IpAddr, _: Transport, _: u16| Ok(Permit::Payload);
    let gate = Arc::new(Gate::new(scope, Rates { site_pps: 100_000, host_pps: 100_000 }));
    let options = ProbeOptions { service_timeout: Duration::from_secs(30), ..ProbeOptions::default() };
    let prober = Prober::new(gate, options).with_database(Some(Arc::clone(&database)));
    let cases = cases(&database);
    assert!(cases.len() >= 1_000, "{}", cases.len());
    let started = Instant::now();
    let results: Vec<_> = futures::stream::iter(&cases)
        .map(|case| {
            let prober = &prober;
            async move { (case, probed(case, prober).await) }
        })
        .buffer_unordered(32)
        .collect()
        .await;
    let took = started.elapsed();
    let (mut right, mut connections) = (0, 0);
    for (case, found) in &results {
        assert!(found.connections <= 5, "{} connections for {:?}", found.connections, case.text);
        connections += u32::from(found.connections);
        if is_right(case, found) {
            right += 1;
        } else {
            let print = found.fingerprint.as_ref().map(|print| (&print.service, &print.product));
            eprintln!("{} {:?} is {:?} and was read as {print:?}", case.key, case.text, case.product);
        }
    }
    eprintln!("{right} of {} right, {connections} connections, {took:?}", cases.len());
    // Whole percents, so that a database of another day does not fail for one example.
    assert!(right * 100 >= cases.len() * 97, "{right} of {}", cases.len());
}
