//! A dialogue with one service: what to do next, given its port and what it has said so far.
//!
//! No I/O and no clock: whoever drives it connects, writes, reads and says what came of it. A service gets at most
//! [`CONNECTIONS_MAX`] connections and [`TURNS_MAX`] questions in each, whatever it answers. Nothing that is asked
//! authenticates anybody.

mod order;
mod read;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;

use crate::{
    BANNER_MAX_BYTES, Fingerprint, HostIdentifier, IdentifierKind, Tls, legacy, postgres, rdp, smb, spki_sha256,
};
use order::Question;

/// Connections for one service: enough for the likely question, HTTP, TLS, old TLS and one guess.
pub const CONNECTIONS_MAX: u8 = 5;

/// Questions in one connection.
pub const TURNS_MAX: u8 = 4;

/// What is kept of a connection: an old server's whole chain fits.
pub const RECEIVED_MAX_BYTES: usize = 24 * 1_024;

/// Identifiers of one service.
const IDENTIFIERS_MAX: usize = 8;

/// How long to wait for an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wait {
    /// For a greeting where none is expected, or an answer where none has come so far.
    Short,
    /// For an answer, or a greeting where one is expected.
    Long,
}

/// What to do next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Close the connection there is, and make another; then TLS on it.
    Connect {
        /// Whether TLS of today begins at once.
        tls: bool,
        /// For the handshake.
        wait: Wait,
    },
    /// Begin TLS on the connection that there is.
    Secure,
    /// Send this (nothing, if empty), then read.
    Ask {
        /// The payload.
        send: Vec<u8>,
        /// For the first byte of the answer.
        wait: Wait,
    },
    /// Close. There is nothing more to ask.
    Stop,
}

/// Why there is no TLS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotSecured {
    /// The service sent an alert, by this name.
    Alert(String),
    /// It speaks TLS, but none that we do.
    Old,
    /// It said nothing to the hello, and did not hang up.
    Silent,
    /// It speaks something else, or hung up.
    Other,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event<'a> {
    /// The connection stands.
    Connected,
    /// There is none.
    Refused,
    /// TLS stands.
    Secured(Tls),
    /// It does not; the certificate may have come nevertheless.
    NotSecured {
        /// Why.
        why: NotSecured,
        /// DER of the leaf; empty: it did not come.
        certificate: Vec<u8>,
    },
    /// An answer, which may be empty.
    Reply {
        /// What was read.
        bytes: &'a [u8],
        /// Whether the service hung up.
        closed: bool,
    },
}

/// Who asks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Asker {
    /// Stands in every request in HTTP.
    pub user_agent: String,
    /// Address and port of the service, for the Host header.
    pub host: String,
}

/// What is known about a service.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Identified {
    /// What it is; `None`: it said nothing readable.
    pub fingerprint: Option<Fingerprint>,
    /// First bytes of what it was recognised by, or of what nobody recognised.
    pub banner: Vec<u8>,
    /// DER of its certificate; empty: none came.
    pub certificate: Vec<u8>,
    /// What tells its host from others.
    pub identifiers: Vec<HostIdentifier>,
    /// Connections that were asked for.
    pub connections: u8,
}

/// One connection.
#[derive(Debug)]
struct Talk {
    question: Question,
    received: Vec<u8>,
    turns: u8,
    secured: bool,
    /// The answer to the negotiate of SMB.
    negotiated: Option<smb::Negotiated>,
}

/// The state of a dialogue.
#[derive(Debug)]
pub struct Dialogue {
    port: u16,
    asker: Asker,
    plan: VecDeque<Question>,
    talk: Option<Talk>,
    pending: Option<Action>,
    /// Whether nothing more is to be asked.
    done: bool,
    /// Whether an answer to HTTP was waited for in vain.
    silent: bool,
    asked_old: bool,
    found: Identified,
}

impl Dialogue {
    /// With a service on a port.
    #[must_use]
    pub fn new(port: u16, asker: Asker) -> Self {
        Self {
            port,
            asker,
            plan: order::first(port).into(),
            talk: None,
            pending: None,
            done: false,
            silent: false,
            asked_old: false,
            found: Identified::default(),
        }
    }

    /// What to do now. After anything but [`Action::Stop`], [`Self::handle`] is told what came of it.
    pub fn next_action(&mut self) -> Action {
        if let Some(action) = self.pending.take() {
            if matches!(action, Action::Secure) {
                return action;
            }
            if let Some(talk) = self.talk.as_mut().filter(|talk| talk.turns < TURNS_MAX) {
                talk.turns += 1;
                return action;
            }
        }
        self.talk = None;
        if self.done || self.found.connections >= CONNECTIONS_MAX {
            return Action::Stop;
        }
        let Some(question) = self.plan.pop_front() else { return Action::Stop };
        self.found.connections += 1;
        self.talk = Some(Talk { question, received: Vec::new(), turns: 0, secured: false, negotiated: None });
        Action::Connect { tls: question == Question::Tls, wait: self.patience() }
    }

    /// Says what came of the last action.
    pub fn handle(&mut self, event: Event<'_>) {
        let Some(mut talk) = self.talk.take() else { return };
        self.pending = match event {
            Event::Connected => Some(self.opening(talk.question)),
            // What was open a moment ago and is not now has had enough of us.
            Event::Refused => {
                self.done = true;
                None
            }
            Event::Secured(tls) => {
                talk.secured = true;
                talk.received.clear();
                self.keep_tls(&tls);
                Some(self.inside(talk.question))
            }
            Event::NotSecured { why, certificate } => {
                self.not_secured(talk.question, &why, &certificate);
                None
            }
            Event::Reply { bytes, closed } => {
                let room = RECEIVED_MAX_BYTES.saturating_sub(talk.received.len());
                talk.received.extend(bytes.get(..room).unwrap_or(bytes));
                self.read(&mut talk, closed).filter(|_| !closed)
            }
        };
        if self.pending.is_some() {
            self.talk = Some(talk);
        }
    }

    /// What was found, so far.
    #[must_use]
    pub const fn found(&self) -> &Identified {
        &self.found
    }

    /// What was found.
    #[must_use]
    pub fn into_found(self) -> Identified {
        self.found
    }

    /// Somebody who has not answered once is not waited for long again.
    const fn patience(&self) -> Wait {
        if self.silent { Wait::Short } else { Wait::Long }
    }

    fn ask(&self, send: Vec<u8>) -> Action {
        Action::Ask { send, wait: self.patience() }
    }

    fn http(&self) -> Action {
        let only = |text: &str| text.chars().filter(|c| !c.is_control()).take(256).collect::<String>();
        let (host, agent) = (only(&self.asker.host), only(&self.asker.user_agent));
        self.ask(
            format!(
                "GET / HTTP/1.1\r\nHost: {host}\r\nUser-Agent: {agent}\r\nAccept: */*\r\nConnection: close\r\n\r\n"
            )
            .into_bytes(),
        )
    }

    /// The first thing to do on a connection.
    fn opening(&self, question: Question) -> Action {
        match question {
            Question::Greeting => {
                let wait = if order::expects_greeting(self.port) { Wait::Long } else { Wait::Short };
                Action::Ask { send: Vec::new(), wait }
            }
            Question::Http | Question::Tls => self.http(),
            Question::LegacyTls => self.ask(legacy::hello()),
            // Servers that make a process for each connection take their time.
            Question::Smb => Action::Ask { send: smb::negotiate(), wait: Wait::Long },
            Question::Rdp => self.ask(rdp::QUESTION.to_vec()),
            Question::Ldap => self.ask(crate::ldap::question()),
            Question::Mssql => self.ask(crate::mssql::question()),
            Question::Postgres => self.ask(postgres::SSL_REQUEST.to_vec()),
            Question::Redis => self.ask(crate::redis::QUESTION.to_vec()),
            Question::Dns => self.ask(crate::dns::question()),
        }
    }

    /// The first thing to do inside TLS.
    fn inside(&self, question: Question) -> Action {
        match question {
            Question::Rdp => self.ask(rdp::credssp()),
            Question::Postgres => self.ask(postgres::START_UP.to_vec()),
            Question::Tls if self.port == 636 => self.ask(crate::ldap::question()),
            Question::Tls if order::expects_greeting(self.port) => Action::Ask { send: Vec::new(), wait: Wait::Long },
            Question::Greeting
            | Question::Http
            | Question::Tls
            | Question::LegacyTls
            | Question::Smb
            | Question::Ldap
            | Question::Mssql
            | Question::Redis
            | Question::Dns => self.http(),
        }
    }

    /// Keeps what a service is, and the bytes that show it.
    fn keep(&mut self, fingerprint: Fingerprint, received: &[u8]) {
        self.found.banner = received.get(..BANNER_MAX_BYTES).unwrap_or(received).to_vec();
        let before = self.found.fingerprint.take();
        let tls_version = before.map(|before| before.tls_version).unwrap_or_default();
        self.found.fingerprint = Some(Fingerprint { tls_version, ..fingerprint });
    }

    fn identifier(&mut self, identifier: HostIdentifier) {
        if self.found.identifiers.len() < IDENTIFIERS_MAX && !self.found.identifiers.contains(&identifier) {
            self.found.identifiers.push(identifier);
        }
    }

    fn keep_certificate(&mut self, der: &[u8]) {
        if der.is_empty() {
            return;
        }
        der.clone_into(&mut self.found.certificate);
        if let Some(sha256) = spki_sha256(der) {
            self.identifier(HostIdentifier::of_bytes(IdentifierKind::TlsSpkiSha256, &sha256));
        }
    }

    fn keep_tls(&mut self, tls: &Tls) {
        self.keep_certificate(&tls.certificate);
        let said = format!("{} with suite {:#06x}", tls.name(), tls.suite);
        // Inside a protocol that begins in plain text, what is known already stays.
        let print = self.found.fingerprint.get_or_insert_with(Fingerprint::default);
        if print.service.is_empty() || print.service == "tls" || print.service == "http" {
            *print = Fingerprint::new("tls", "tls.hello", &said);
        }
        tls.name().clone_into(&mut print.tls_version);
        print.tls = true;
    }

    fn not_secured(&mut self, question: Question, why: &NotSecured, certificate: &[u8]) {
        self.keep_certificate(certificate);
        if question != Question::Tls {
            // It was recognised before TLS began.
            self.done = true;
            return;
        }
        let speaks = match why {
            NotSecured::Alert(name) => {
                let print = Fingerprint { tls: true, ..Fingerprint::new("tls", "tls.alert", name) };
                self.found.fingerprint.get_or_insert(print);
                true
            }
            NotSecured::Old => true,
            NotSecured::Silent => {
                // Who hangs up on HTTP and is silent to bytes that are no text waits for a line: Redis does.
                if !self.silent && !order::expects_tls(self.port) {
                    self.plan.push_front(Question::Redis);
                }
                false
            }
            NotSecured::Other => !self.found.certificate.is_empty(),
        };
        if (speaks || order::expects_tls(self.port)) && !self.asked_old {
            self.asked_old = true;
            self.plan.push_front(Question::LegacyTls);
        }
    }
}
