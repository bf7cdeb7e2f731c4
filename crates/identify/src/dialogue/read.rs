//! What an answer says, and what it makes us ask next.

use super::order::{self, Question};
use super::{Action, Dialogue, Talk, Wait};
use crate::ntlm::{self, NtlmChallenge};
use crate::products::Found;
use crate::smb::{self, Negotiated};
use crate::{
    Fingerprint, HostIdentifier, IdentifierKind, dns, identify, ldap, legacy, mssql, postgres, rdp, redis, ssh,
};

impl Dialogue {
    /// Reads what has been received. `None`: this connection has said what it has to say.
    pub(super) fn read(&mut self, talk: &mut Talk, closed: bool) -> Option<Action> {
        match talk.question {
            Question::Greeting => self.greeting(talk, closed),
            Question::Http => self.answered_http(talk, closed),
            Question::Tls => self.inside_tls(talk),
            Question::LegacyTls => {
                if let Some(tls) = legacy::answer(&talk.received) {
                    self.found.fingerprint = None;
                    self.keep_tls(&tls);
                    self.done = true;
                }
                None
            }
            Question::Smb => self.answered_smb(talk),
            Question::Rdp => self.answered_rdp(talk),
            Question::Ldap => {
                let print = ldap::answer(&talk.received)?;
                self.last(print, &talk.received)
            }
            Question::Mssql => {
                let print = mssql::answer(&talk.received)?;
                self.last(print, &talk.received)
            }
            Question::Postgres => self.answered_postgres(talk),
            Question::Redis => {
                let print = redis::answer(&talk.received)?;
                self.last(print, &talk.received)
            }
            Question::Dns => {
                let print = dns::answer(&talk.received)?;
                self.last(print, &talk.received)
            }
        }
    }

    /// Keeps a fingerprint and ends the dialogue.
    fn last(&mut self, fingerprint: Fingerprint, received: &[u8]) -> Option<Action> {
        self.keep(fingerprint, received);
        self.done = true;
        None
    }

    fn greeting(&mut self, talk: &mut Talk, closed: bool) -> Option<Action> {
        if talk.received.is_empty() {
            if closed {
                self.after_nothing(true);
                return None;
            }
            // It waits for us to begin: in this connection, since nothing has been said.
            talk.question = Question::Http;
            return Some(self.http());
        }
        let Some(print) = identify(&talk.received, self.port) else {
            self.found.banner = crate::banner(&talk.received).to_vec();
            self.done = true;
            return None;
        };
        let speaks_ssh = print.service == "ssh";
        let first_turn = self.found.fingerprint.is_none();
        self.done = true;
        if !speaks_ssh {
            return self.last(print, &talk.received);
        }
        if let Some(key) = ssh::host_key(&talk.received) {
            self.identifier(HostIdentifier::of_bytes(IdentifierKind::SshHostKeySha256, &key.sha256));
            return None;
        }
        if first_turn {
            self.keep(print, &talk.received);
            return Some(Action::Ask { send: ssh::offer(), wait: Wait::Long });
        }
        // Its offer has come, or it has nothing to agree on.
        Some(Action::Ask { send: ssh::exchange(&talk.received)?, wait: Wait::Long })
    }

    fn answered_http(&mut self, talk: &Talk, closed: bool) -> Option<Action> {
        if talk.received.is_empty() {
            self.after_nothing(closed);
            return None;
        }
        let Some(print) = identify(&talk.received, self.port) else {
            self.found.banner = crate::banner(&talk.received).to_vec();
            self.after_nothing(closed);
            return None;
        };
        // nginx and Apache answer plain HTTP on a TLS port with a page that says it.
        let page = String::from_utf8_lossy(crate::banner(&talk.received));
        if print.tls {
            self.plan.push_front(Question::Tls);
        } else if page.contains("HTTPS port") || page.contains("SSL-enabled server port") {
            self.keep(print, &talk.received);
            self.plan.push_front(Question::Tls);
        } else if print.service == "redis" && !print.evidence.contains("NOAUTH") {
            self.keep(print, &talk.received);
            self.plan.push_front(Question::Redis);
        } else {
            return self.last(print, &talk.received);
        }
        None
    }

    /// HTTP was answered with nothing that anybody reads.
    fn after_nothing(&mut self, closed: bool) {
        self.silent |= !closed;
        let tried_tls = order::expects_tls(self.port);
        let usual = order::first(self.port);
        let further = order::after_nothing(closed).into_iter().filter(|question| !usual.contains(question));
        self.plan.extend(further.filter(|question| !(tried_tls && *question == Question::Tls)));
    }

    fn inside_tls(&mut self, talk: &Talk) -> Option<Action> {
        if talk.received.is_empty() && talk.turns < 2 && order::expects_greeting(self.port) {
            return Some(self.http());
        }
        self.done = true;
        let print = identify(&talk.received, self.port).or_else(|| ldap::answer(&talk.received))?;
        self.keep(Fingerprint { tls: true, ..print }, &talk.received);
        None
    }

    fn answered_smb(&mut self, talk: &mut Talk) -> Option<Action> {
        if !smb::is_smb(&talk.received) {
            return None;
        }
        self.done = true;
        if let Some(challenge) = ntlm::challenge(&talk.received) {
            self.keep_challenge("smb", &challenge);
        } else if let Some(negotiated) = smb::negotiated(&talk.received) {
            let again = talk.negotiated.is_some();
            self.keep_negotiated(&negotiated, &talk.received);
            talk.received.clear();
            let wants_again = matches!(negotiated, Negotiated::Smb2 { dialect: 0x02ff, .. });
            let next = match (wants_again, again) {
                (true, false) => Some(smb::negotiate_again()),
                (_, true) => smb::session_setup(&negotiated, 2),
                (false, false) => smb::session_setup(&negotiated, 1),
            };
            talk.negotiated = Some(negotiated);
            return next.map(|send| Action::Ask { send, wait: Wait::Long });
        }
        // What SMB 1 says in words beside the challenge: it stands for what the build does not say.
        if let (Some((os, manager)), Some(print)) = (smb::native_names(&talk.received), &mut self.found.fingerprint) {
            if print.os_product.is_empty() {
                print.os_product = crate::clean(&os, crate::NAME_MAX_CHARS);
            }
            if let Some(version) = manager.strip_prefix("Samba ") {
                *print = print.clone().with(&Found { vendor: "Samba", product: "Samba", version });
            }
        }
        None
    }

    fn keep_negotiated(&mut self, negotiated: &Negotiated, received: &[u8]) {
        let said = match negotiated {
            Negotiated::Smb2 { dialect, guid } => {
                // A machine that has none says zeros.
                if *guid != [0; 16] {
                    self.identifier(HostIdentifier::of_bytes(IdentifierKind::SmbGuid, guid));
                }
                smb::dialect_name(*dialect)
            }
            Negotiated::Smb1 { .. } => "1",
        };
        self.keep(Fingerprint::new("smb", "smb.dialect", said), received);
    }

    /// What a challenge says about the machine: its build decides the product, and until when it is supported.
    fn keep_challenge(&mut self, service: &str, challenge: &NtlmChallenge) {
        if !challenge.name().is_empty() {
            let value = challenge.name().to_owned();
            self.identifier(HostIdentifier { kind: IdentifierKind::NtlmName, value });
        }
        let Some((major, minor, build)) = challenge.version else { return };
        let number = format!("{major}.{minor}.{build}");
        let mut print = Fingerprint::new(service, &format!("{service}.ntlm"), &number);
        if let Some(windows) = challenge.windows() {
            let (year, month, day) = windows.end;
            let said = format!("{number}, supported until {year:04}-{month:02}-{day:02}");
            print = Fingerprint::new(service, &format!("{service}.ntlm"), &said).on(windows.product, &number);
            if service == "smb" {
                print = print.with(&Found { vendor: "Microsoft", product: "Windows SMB", version: "" });
            }
        } else if (major, minor, build) == (6, 1, 0) && service == "smb" {
            // No Windows has a build 0: this is what Samba says.
            print = print.with(&Found { vendor: "Samba", product: "Samba", version: "" });
        } else if major == 10 {
            print = print.on("Windows", &number);
        }
        print.tls = self.found.fingerprint.as_ref().is_some_and(|before| before.tls);
        let banner = std::mem::take(&mut self.found.banner);
        self.keep(print, &banner);
    }

    fn answered_rdp(&mut self, talk: &Talk) -> Option<Action> {
        if talk.secured {
            self.done = true;
            if let Some(challenge) = ntlm::challenge(&talk.received) {
                self.keep_challenge("rdp", &challenge);
            }
            return None;
        }
        let security = rdp::answer(&talk.received)?;
        self.done = true;
        self.keep(rdp::fingerprint(security), &talk.received);
        match security {
            rdp::Security::Tls | rdp::Security::CredSsp => Some(Action::Secure),
            rdp::Security::Own | rdp::Security::Failure(_) => None,
        }
    }

    fn answered_postgres(&mut self, talk: &mut Talk) -> Option<Action> {
        if let Some(print) = postgres::answer(&talk.received) {
            return self.last(Fingerprint { tls: talk.secured, ..print }, &talk.received);
        }
        let speaks_tls = postgres::speaks_tls(&talk.received).filter(|_| !talk.secured)?;
        self.done = true;
        self.keep(postgres::by_letter(), &talk.received);
        talk.received.clear();
        Some(if speaks_tls { Action::Secure } else { self.ask(postgres::START_UP.to_vec()) })
    }
}
