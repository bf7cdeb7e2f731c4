//! What a real stack answers to our probes, as it was recorded: every frame is read and known to be an answer.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use std::collections::BTreeMap;

use muster_sweep::Transport;
use muster_sweep::cookie::{Cookies, Refused, SourcePorts};
use muster_sweep::packet::{Answer, Body, Checks, Reason};
use muster_sweep::payloads;

const ANSWERS: &str = include_str!("linux_answers.txt");

fn frames() -> impl Iterator<Item = Vec<u8>> {
    ANSWERS.lines().filter(|line| !line.starts_with('#')).map(|line| {
        let digits: Vec<u8> = line.chars().map(|digit| digit.to_digit(16).unwrap() as u8).collect();
        digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
    })
}

/// A frame in few words; panics when it is not the answer to a probe.
fn describe(frame: &[u8]) -> String {
    let (from, to, body) = match Answer::parse(frame, Checks::Verify).unwrap() {
        Answer::Arp { mac, arp } => {
            assert_eq!((arp.operation, arp.sender_mac), (2, mac));
            return format!("{} has a MAC", arp.sender);
        }
        Answer::Ip { from, to, body, .. } => (from, to, body),
    };
    let cookies = Cookies::new([7; 16], to, SourcePorts::new(61_000, 64, 4).unwrap());
    match body {
        Body::Tcp(tcp) => {
            let attempt = cookies.answers_syn(from, to, &tcp).unwrap();
            let how = if tcp.flags.is_syn_ack() { "open" } else { "closed" };
            format!("{from} tcp/{} {how}, attempt {attempt}", tcp.source_port)
        }
        Body::Udp(udp) => {
            cookies.answers_udp(to, udp.destination_port).unwrap();
            let token = cookies.udp(from, udp.source_port, 0).token;
            let known = payloads::for_port(udp.source_port).find(|asked| asked.recognise(udp.payload, token));
            format!("{from} speaks {}", known.unwrap().name)
        }
        Body::Echo(echo) => {
            format!("{from} echoes, attempt {}", cookies.answers_echo(from, to, &echo).unwrap())
        }
        Body::Error(error) => {
            assert_eq!(error.reason, Reason::PortUnreachable);
            let Refused { target, transport, port, attempt } = cookies.answers_error(to, &error).unwrap();
            assert_eq!((target, transport), (from, Some(Transport::Udp)));
            format!("{from} udp/{port} closed, attempt {attempt}")
        }
        Body::Neighbour(advertised) => {
            assert!(advertised.solicited && advertised.mac.is_some());
            format!("{} has a MAC", advertised.target)
        }
    }
}

#[test]
fn every_recorded_answer_is_known() {
    let mut found = BTreeMap::new();
    for frame in frames() {
        *found.entry(describe(&frame)).or_insert(0) += 1;
        // With any bit changed it is still an answer, or an error.
        for at in 14..frame.len() {
            let mut damaged = frame.clone();
            damaged[at] ^= 1;
            let _ = Answer::parse(&damaged, Checks::Verify);
        }
    }
    let mut expected = BTreeMap::new();
    for host in ["10.99.0.2", "fd99::2"] {
        for (what, count) in [
            ("has a MAC", 1),
            ("tcp/8080 open, attempt 1", 2),
            ("tcp/8081 closed, attempt 2", 1),
            ("echoes, attempt 3", 1),
            ("udp/5353 closed, attempt 1", 1),
            ("udp/161 closed, attempt 1", 3),
            ("udp/53 closed, attempt 1", 2),
            ("speaks ntp client", 1),
            ("speaks ntp read variables", 1),
        ] {
            expected.insert(format!("{host} {what}"), count);
        }
    }
    assert_eq!(found, expected);
}
