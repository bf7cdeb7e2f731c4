//! What to ask first, by the port, and what next, by what the first question brought.

/// A way to ask a service what it is; each has a connection of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Question {
    /// Wait until it speaks; if it does not, it is asked in HTTP.
    Greeting,
    Http,
    /// TLS of today, and HTTP inside.
    Tls,
    /// TLS older than 1.2.
    LegacyTls,
    Smb,
    Rdp,
    Ldap,
    Mssql,
    Postgres,
    Redis,
    Dns,
}

/// Implicit TLS by registration (IANA) or long habit.
const TLS_PORTS: [u16; 14] = [443, 465, 563, 636, 853, 989, 990, 992, 993, 995, 4_443, 5_986, 8_443, 9_443];

/// Where HTTP is expected, so that there is no use in waiting for a greeting.
const HTTP_PORTS: [u16; 16] =
    [80, 81, 591, 3_000, 5_000, 5_985, 7_001, 8_000, 8_008, 8_080, 8_081, 8_088, 8_888, 9_000, 9_080, 9_090];

/// Where a greeting is expected, which a busy server (or one that looks up our name first) may give late.
const GREETING_PORTS: [u16; 16] = [21, 22, 23, 25, 110, 119, 143, 465, 587, 990, 993, 995, 2_222, 2_525, 3_306, 5_900];

/// What listens where: by registration, and by the habit of putting a digit before it (15432, 13389).
const USUAL: [(u16, Question); 9] = [
    (139, Question::Smb),
    (445, Question::Smb),
    (389, Question::Ldap),
    (3_268, Question::Ldap),
    (3_389, Question::Rdp),
    (1_433, Question::Mssql),
    (5_432, Question::Postgres),
    (6_379, Question::Redis),
    (53, Question::Dns),
];

pub(super) fn expects_tls(port: u16) -> bool {
    TLS_PORTS.contains(&port)
}

pub(super) fn expects_greeting(port: u16) -> bool {
    GREETING_PORTS.contains(&port)
}

fn usual(port: u16) -> Option<Question> {
    let of = |port: u16| USUAL.iter().find(|(usual, _)| *usual == port).map(|(_, question)| *question);
    of(port).or_else(|| if port >= 10_000 { of(port % 10_000) } else { None })
}

/// The first questions. Whatever a port is used for by habit, it may be used for anything else.
pub(super) fn first(port: u16) -> Vec<Question> {
    let expected = if expects_tls(port) {
        Some(Question::Tls)
    } else if HTTP_PORTS.contains(&port) {
        return vec![Question::Http];
    } else {
        usual(port)
    };
    expected.into_iter().chain([Question::Greeting]).collect()
}

/// What may still be there when a request in HTTP was answered with nothing. Servers of binary protocols either hang up
/// on it, or take its first bytes for a length and wait for more.
pub(super) const fn after_nothing(closed: bool) -> [Question; 7] {
    use Question::{Dns, Ldap, Mssql, Postgres, Rdp, Smb, Tls};
    if closed { [Tls, Postgres, Ldap, Rdp, Mssql, Smb, Dns] } else { [Tls, Smb, Dns, Mssql, Rdp, Ldap, Postgres] }
}
