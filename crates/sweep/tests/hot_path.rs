//! What a probe and an answer cost. Not run by itself:
//! `cargo test --release -p muster-sweep --test hot_path -- --ignored --nocapture`

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout, reason = "tests")]

use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Instant;

use muster_sweep::cookie::{Cookies, SourcePorts};
use muster_sweep::packet::{Answer, Body, Checks, EchoTemplate, Link, Mac, Path, SynOptions, SynTemplate, UdpTemplate};
use muster_sweep::payloads;

const ROUNDS: u32 = 2_000_000;

/// The best of seven, in nanoseconds each.
fn best(what: &str, mut each: impl FnMut(u32)) {
    let mut best = f64::INFINITY;
    for _ in 0..7 {
        let start = Instant::now();
        (0..ROUNDS).for_each(&mut each);
        best = best.min(start.elapsed().as_secs_f64() * 1e9 / f64::from(ROUNDS));
    }
    println!("{what}: {best:.1} ns");
}

#[test]
#[ignore = "a figure, not a check"]
fn nanoseconds_for_each_packet() {
    let link = Some(Link { source: Mac([2; 6]), next_hop: Mac([4; 6]) });
    let v4 = |bits: u32| IpAddr::from(Ipv4Addr::from_bits(0x0a00_0000 | (bits & 0xff_ffff)));
    let v6 = |bits: u32| IpAddr::from(Ipv6Addr::from_bits(0x2001_0db8 << 96 | u128::from(bits)));
    let mut out = [0; 600];
    for (family, source, target) in [("IPv4", "192.0.2.1", &v4 as &dyn Fn(u32) -> IpAddr), ("IPv6", "2001:db8::1", &v6)]
    {
        let source = source.parse().unwrap();
        let path = Path { link, source, hop_limit: 64 };
        let cookies = Cookies::new([7; 16], source, SourcePorts::new(61_000, 64, 4).unwrap());
        let syn = SynTemplate::new(&path, SynOptions::Mss).unwrap();
        let echo = EchoTemplate::new(&path).unwrap();
        let dns = payloads::for_port(53).next().unwrap();
        let udp = UdpTemplate::new(&path, dns.bytes, dns.token).unwrap();
        let fixed = cookies.syn(target(1), 443, 0);
        best(&format!("{family} cookie of a SYN"), |at| {
            black_box(cookies.syn(target(at), 443, 0));
        });
        best(&format!("{family} SYN, its fields given"), |at| {
            syn.fill(black_box(&mut out), target(at), at as u16, fixed).unwrap();
        });
        best(&format!("{family} SYN, cookie and packet"), |at| {
            let target = target(at);
            syn.fill(black_box(&mut out), target, 443, cookies.syn(target, 443, 0)).unwrap();
        });
        best(&format!("{family} echo request, cookie and packet"), |at| {
            let target = target(at);
            echo.fill(black_box(&mut out), target, cookies.echo(target, 0)).unwrap();
        });
        best(&format!("{family} DNS question, cookie and packet"), |at| {
            let target = target(at);
            udp.fill(black_box(&mut out), target, 53, cookies.udp(target, 53, 0)).unwrap();
        });
        let len = syn.fill(&mut out, target(1), 443, fixed).unwrap();
        best(&format!("{family} answer read, checksums verified, cookie checked"), |_| {
            let Ok(Answer::Ip { from, to, body: Body::Tcp(mut tcp), .. }) =
                Answer::parse(black_box(&out[..len]), Checks::Verify)
            else {
                panic!("no answer")
            };
            tcp.flags.0 = 18;
            black_box(cookies.answers_syn(from, to, &tcp));
            black_box(cookies.answers_syn(to, from, &tcp));
        });
    }
}
