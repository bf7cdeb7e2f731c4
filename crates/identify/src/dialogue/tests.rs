//! Dialogues with services whose answers are written down.

use proptest::prelude::*;

use super::*;
use crate::ntlm::tests::made;

/// What a service does with what it is sent; `None`: it hangs up.
type Service<'a> = &'a dyn Fn(&[u8], bool) -> Option<Vec<u8>>;

fn drive(port: u16, tls: Result<u16, NotSecured>, service: Service<'_>) -> Identified {
    let mut dialogue = Dialogue::new(port, Asker { user_agent: "test".to_owned(), host: "here".to_owned() });
    let mut secured = false;
    let secure = |tls: &Result<u16, NotSecured>| match tls {
        Ok(version) => Event::Secured(Tls { version: *version, suite: 0x1301, certificate: Vec::new() }),
        Err(why) => Event::NotSecured { why: why.clone(), certificate: Vec::new() },
    };
    for _ in 0..64 {
        match dialogue.next_action() {
            Action::Stop => return dialogue.into_found(),
            Action::Connect { tls: false, .. } => {
                secured = false;
                dialogue.handle(Event::Connected);
            }
            Action::Connect { tls: true, .. } | Action::Secure => {
                secured = tls.is_ok();
                dialogue.handle(secure(&tls));
            }
            Action::Ask { send, .. } => {
                let reply = service(&send, secured);
                let closed = reply.is_none();
                dialogue.handle(Event::Reply { bytes: &reply.unwrap_or_default(), closed });
            }
        }
    }
    panic!("the dialogue has no end");
}

fn not_tls() -> Result<u16, NotSecured> {
    Err(NotSecured::Other)
}

#[test]
fn ssh_says_its_host_key_in_one_connection() {
    let server = crate::ssh::tests::server("curve25519-sha256");
    let with_key = crate::ssh::tests::with_key(server.clone());
    let at = server.windows(2).rposition(|pair| pair == b"\r\n").unwrap() + 2;
    let found = drive(40_022, not_tls(), &|sent, _| {
        Some(match sent {
            [] => server[..at].to_vec(),
            [b'S', ..] => server[at..].to_vec(),
            _ => with_key[server.len()..].to_vec(),
        })
    });
    let print = found.fingerprint.unwrap();
    assert_eq!((print.product.as_str(), print.os_product.as_str()), ("OpenSSH", "Debian"));
    assert_eq!(found.identifiers[0].kind, IdentifierKind::SshHostKeySha256);
    assert_eq!(found.connections, 1);
}

#[test]
fn a_server_that_only_speaks_http_takes_one_connection() {
    let found = drive(12_345, not_tls(), &|sent, _| {
        Some(if sent.is_empty() {
            Vec::new()
        } else {
            b"HTTP/1.1 200 OK\r\nServer: Microsoft-IIS/4.0\r\n\r\n".to_vec()
        })
    });
    let print = found.fingerprint.unwrap();
    assert_eq!((print.version.as_str(), print.os_product.as_str()), ("4.0", "Windows NT 4.0"));
    assert_eq!(found.connections, 1);
}

#[test]
fn tls_is_found_behind_a_connection_that_closes() {
    let found = drive(12_345, Ok(0x0304), &|sent, secured| match (sent, secured) {
        ([], _) => Some(Vec::new()),
        (_, false) => None,
        (_, true) => Some(b"HTTP/1.1 200 OK\r\nServer: nginx/1.22.1\r\n\r\n".to_vec()),
    });
    let print = found.fingerprint.unwrap();
    assert_eq!((print.product.as_str(), print.tls, print.tls_version.as_str()), ("nginx", true, "TLS 1.3"));
    assert_eq!(found.connections, 2);
}

#[test]
fn old_tls_is_asked_for_by_hand() {
    let old = crate::legacy::tests::server(0x0300, &[0x30; 200]);
    let found = drive(443, Err(NotSecured::Other), &|sent, _| (sent.first() == Some(&22)).then(|| old.clone()));
    let print = found.fingerprint.unwrap();
    assert_eq!((print.service.as_str(), print.tls_version.as_str()), ("tls", "SSL 3.0"));
    assert_eq!(found.certificate, [0x30; 200]);
    assert_eq!(found.connections, 2);
}

/// SMB 2 as Windows Server 2003's successors speak it: negotiate twice, then the challenge.
#[test]
fn smb_names_the_machine_and_its_build() {
    let negotiated = |dialect: u16| {
        let mut message = vec![0, 0, 0, 0, 0xfe, b'S', b'M', b'B'];
        message.resize(4 + 64, 0);
        message.extend([65, 0, 1, 0]);
        message.extend(dialect.to_le_bytes());
        message.extend([0, 0]);
        message.extend([9; 16]);
        message.extend([0; 40]);
        message
    };
    let found = drive(445, not_tls(), &|sent, _| {
        let ntlm = sent.windows(8).any(|window| window == b"NTLMSSP\0");
        Some(match (ntlm, sent[4]) {
            (true, _) => [vec![0, 0, 0, 0, 0xfe, b'S', b'M', b'B'], made(Some((6, 1, 7_601)), "WEB1")].concat(),
            (false, 0xff) => negotiated(0x02ff),
            (false, _) => negotiated(0x0210),
        })
    });
    let print = found.fingerprint.unwrap();
    assert_eq!(print.os_version, "6.1.7601");
    assert!(print.evidence.contains("supported until 2020-01-14"), "{}", print.evidence);
    let kinds: Vec<_> = found.identifiers.iter().map(|identifier| identifier.kind).collect();
    assert_eq!(kinds, [IdentifierKind::SmbGuid, IdentifierKind::NtlmName]);
    assert_eq!(found.connections, 1);
}

#[test]
fn postgresql_is_found_on_any_port() {
    let error =
        b"E\0\0\0\x60SFATAL\0VFATAL\0C0A000\0Munsupported frontend protocol 255.0: server supports 3.0 to 3.0\0\0";
    let found = drive(12_345, not_tls(), &|sent, _| match sent {
        [] => Some(Vec::new()),
        sent if sent == postgres::SSL_REQUEST => Some(b"N".to_vec()),
        sent if sent == postgres::START_UP => Some(error.to_vec()),
        _ => None,
    });
    assert_eq!(found.fingerprint.unwrap().service, "postgresql");
    assert!(found.connections <= 3);
}

/// A request in HTTP makes Redis hang up without a word, since a browser may have been tricked into sending it.
#[test]
fn redis_is_found_on_any_port() {
    let info = b"$40\r\n# Server\r\nredis_version:7.0.15\r\n";
    let found = drive(12_345, Err(NotSecured::Silent), &|sent, _| match sent {
        [b'G', ..] => None,
        sent if sent.ends_with(crate::redis::QUESTION) => Some(info.to_vec()),
        _ => Some(Vec::new()),
    });
    assert_eq!(found.fingerprint.unwrap().version, "7.0.15");
    assert_eq!(found.connections, 3);
}

#[test]
fn rdp_says_its_build_inside_tls() {
    let found = drive(3_389, Ok(0x0303), &|_, secured| {
        Some(if secured {
            made(Some((10, 0, 20_348)), "TS1")
        } else {
            vec![3, 0, 0, 19, 14, 0xd0, 0, 0, 18, 52, 0, 2, 0, 8, 0, 2, 0, 0, 0]
        })
    });
    let print = found.fingerprint.unwrap();
    assert_eq!((print.service.as_str(), print.os_product.as_str()), ("rdp", "Windows Server 2022"));
    assert!(print.tls);
    assert_eq!(found.connections, 1);
}

#[test]
fn a_service_that_says_nothing_is_left_after_five_connections() {
    let found = drive(12_345, not_tls(), &|_, _| Some(Vec::new()));
    assert_eq!((found.fingerprint, found.connections), (None, CONNECTIONS_MAX));
}

proptest! {
    /// Whatever comes, in whatever order: the dialogue ends within its bounds.
    #[test]
    fn any_answers_end_the_dialogue_within_its_bounds(
        port: u16,
        replies in proptest::collection::vec((
            prop_oneof![
                Just(b"S".to_vec()),
                Just(b"SSH-2.0-x\r\n".to_vec()),
                Just(b"\0\0\0\0\xfeSMB".to_vec()),
                Just(vec![21, 3, 1, 0, 2, 2, 40]),
                Just(vec![3, 0, 0, 19, 14, 0xd0, 0, 0, 18, 52, 0, 2, 0, 8, 0, 2]),
                proptest::collection::vec(any::<u8>(), 0..64),
            ],
            any::<bool>(),
            0_u8..5,
        ), 1..40),
    ) {
        let mut dialogue = Dialogue::new(port, Asker::default());
        let (mut connections, mut steps) = (0, 0);
        let mut replies = replies.iter().cycle();
        loop {
            steps += 1;
            prop_assert!(steps <= 1 + u32::from(CONNECTIONS_MAX) * (u32::from(TURNS_MAX) * 2 + 2));
            let (bytes, closed, kind) = replies.next().unwrap();
            let secure = || match kind {
                0 => Event::NotSecured { why: NotSecured::Alert("x".to_owned()), certificate: bytes.clone() },
                1 => Event::NotSecured { why: NotSecured::Other, certificate: Vec::new() },
                4 => Event::NotSecured { why: NotSecured::Silent, certificate: Vec::new() },
                2 => Event::NotSecured { why: NotSecured::Old, certificate: Vec::new() },
                _ => Event::Secured(Tls { version: 0x0303, suite: 0, certificate: bytes.clone() }),
            };
            match dialogue.next_action() {
                Action::Stop => break,
                Action::Connect { tls, .. } => {
                    connections += 1;
                    dialogue.handle(if tls { secure() } else { Event::Connected });
                }
                Action::Secure => dialogue.handle(secure()),
                Action::Ask { .. } => dialogue.handle(Event::Reply { bytes, closed: *closed }),
            }
        }
        let found = dialogue.into_found();
        prop_assert!(connections <= CONNECTIONS_MAX && found.connections == connections);
        prop_assert!(found.banner.len() <= BANNER_MAX_BYTES && found.identifiers.len() <= IDENTIFIERS_MAX);
        prop_assert!(found.fingerprint.is_none_or(|print| !print.service.is_empty()));
    }
}
