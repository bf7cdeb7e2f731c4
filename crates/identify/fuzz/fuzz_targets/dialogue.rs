//! `cargo +nightly fuzz run dialogue`: any answers, on any port, end it within its bounds.

#![no_main]

use libfuzzer_sys::fuzz_target;
use muster_identify::Tls;
use muster_identify::dialogue::{Action, Asker, CONNECTIONS_MAX, Dialogue, Event, NotSecured, TURNS_MAX};

fuzz_target!(|input: (u16, Vec<(u8, Vec<u8>)>)| {
    let (port, answers) = input;
    let mut dialogue = Dialogue::new(port, Asker::default());
    let mut answers = answers.iter();
    let mut steps = 0;
    loop {
        let none = (0, Vec::new());
        let (kind, bytes) = answers.next().unwrap_or(&none);
        let secure = || match kind % 3 {
            0 => Event::NotSecured { why: NotSecured::Silent, certificate: bytes.clone() },
            1 => Event::NotSecured { why: NotSecured::Old, certificate: Vec::new() },
            _ => Event::Secured(Tls { version: 0x0303, suite: 0, certificate: bytes.clone() }),
        };
        match dialogue.next_action() {
            Action::Stop => break,
            Action::Connect { tls: false, .. } => dialogue.handle(Event::Connected),
            Action::Connect { tls: true, .. } | Action::Secure => dialogue.handle(secure()),
            Action::Ask { .. } => dialogue.handle(Event::Reply { bytes, closed: kind & 1 == 1 }),
        }
        steps += 1;
        assert!(steps <= u32::from(CONNECTIONS_MAX) * (u32::from(TURNS_MAX) * 2 + 2));
    }
});
