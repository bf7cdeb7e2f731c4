//! `cargo +nightly fuzz run answer`: any frame, and any datagram as the answer to any question.

#![no_main]

use libfuzzer_sys::fuzz_target;
use muster_sweep::cookie::{Cookies, SourcePorts};
use muster_sweep::packet::{Answer, Body, Checks};
use muster_sweep::payloads::PAYLOADS;

fuzz_target!(|frame: &[u8]| {
    let ports = SourcePorts::new(61_000, 64, 4).expect("fixed ports");
    let cookies = Cookies::new([7; 16], [192, 0, 2, 1].into(), ports);
    let readings = [
        Answer::parse(frame, Checks::Verify),
        Answer::parse(frame, Checks::Trust),
        Answer::parse_ip(frame, Checks::Trust),
    ];
    for answer in readings.into_iter().flatten() {
        let Answer::Ip { from, to, body, .. } = answer else { continue };
        let attempt = match body {
            Body::Tcp(tcp) => {
                assert!(tcp.data_len < frame.len());
                cookies.answers_syn(from, to, &tcp)
            }
            Body::Udp(udp) => {
                assert!(udp.payload.len() < frame.len());
                cookies.answers_udp(to, udp.destination_port)
            }
            Body::Echo(echo) => cookies.answers_echo(from, to, &echo),
            Body::Error(error) => cookies.answers_error(to, &error).map(|refused| refused.attempt),
            Body::Neighbour(_) => None,
        };
        assert!(attempt.is_none_or(|attempt| attempt < 4));
    }
    for payload in PAYLOADS {
        let _ = payload.recognise(frame, 0x0123_4567_89ab_cdef);
    }
});
