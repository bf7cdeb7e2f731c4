//! What services say unasked, a line of text each: SSH (RFC 4253, 4.2), SMTP (RFC 5321, 4.2), FTP (RFC 959, 5.4),
//! POP3 (RFC 1939, 3), IMAP (RFC 3501, 7.1), NNTP (RFC 3977, 5.1), RFB (RFC 6143, 7.1.1), rsync, Telnet.

use crate::Fingerprint;
use crate::products::{self, Found, find_ignoring_case, leading_version};

/// Ports where a bare "220" greets mail; elsewhere it greets nobody in particular.
const SMTP_PORTS: [u16; 4] = [25, 465, 587, 2_525];
const FTP_PORTS: [u16; 3] = [21, 990, 2_121];

pub(crate) fn fingerprint(reply: &[u8], port: u16) -> Option<Fingerprint> {
    // Telnet negotiates before it speaks: IAC WILL, WONT, DO or DONT (RFC 854).
    if let [255, 251..=254, _, ..] = reply {
        return Some(Fingerprint::new("telnet", "telnet.negotiation", &format!("{:02x?}", reply.get(..3)?)));
    }
    let text = String::from_utf8_lossy(reply);
    // SSH servers may send lines before their identification.
    if let Some(line) = text.lines().take(20).find(|line| line.starts_with("SSH-")) {
        return Some(ssh(line));
    }
    let line = text.lines().next()?.trim_end();
    match line.get(..4).unwrap_or(line) {
        "220 " | "220-" => mail_or_files(line, &text, port),
        "421 " | "554 " if SMTP_PORTS.contains(&port) => Some(named("smtp", line, line)),
        "421 " | "530 " if FTP_PORTS.contains(&port) => Some(named("ftp", line, line)),
        "200 " | "201 " if find_ignoring_case(line, "nntp").is_some() || port == 119 => Some(named("nntp", line, line)),
        "+OK " | "+OK" => Some(named("pop3", line, line)),
        "* OK" | "* PR" | "* BY" => Some(named("imap", line, line)),
        "RFB " => Some(Fingerprint::new("vnc", "vnc.version", line).with(&Found {
            vendor: "",
            product: "",
            version: leading_version(line.get(4..)?.trim_start_matches('0')),
        })),
        "@RSY" if line.starts_with("@RSYNCD:") => Some(Fingerprint::new("rsync", "rsync.version", line)),
        _ => None,
    }
}

/// "SSH-protoversion-softwareversion SP comments".
fn ssh(line: &str) -> Fingerprint {
    let fingerprint = Fingerprint::new("ssh", "ssh.identification", line.trim_end());
    let Some(software) = line.splitn(3, '-').nth(2).and_then(|rest| rest.split_whitespace().next()) else {
        return fingerprint;
    };
    // "OpenSSH_for_Windows_9.5", "dropbear_2022.83", "libssh-0.9.6", "Go": the version begins with the first digit
    // that follows a separator.
    let split = software
        .char_indices()
        .filter(|(_, c)| "_-.".contains(*c))
        .find(|(at, _)| software.get(at + 1..).is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit())));
    let (name, version) = match split {
        Some((at, _)) => (software.get(..at).unwrap_or(software), software.get(at + 1..).unwrap_or_default()),
        None => (software, ""),
    };
    let fingerprint = fingerprint.with(&products::look_up(products::SSH, name, version));
    // Distributions add their package's revision: "Debian-2+deb12u7", "Ubuntu-3ubuntu0.10", "Raspbian-5".
    let Some(comment) = line.split_once(' ').map(|(_, comment)| comment) else { return fingerprint };
    match comment.split('-').next() {
        Some(os @ ("Debian" | "Ubuntu" | "Raspbian" | "FreeBSD")) => {
            let release = comment.split_once("+deb").or_else(|| comment.split_once("~deb")).map_or("", |(_, rest)| {
                rest.get(..rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len())).unwrap_or_default()
            });
            fingerprint.on(os, release)
        }
        Some(_) | None => fingerprint,
    }
}

/// "220" greets from SMTP and from FTP: the words decide, then the product, then the port.
fn mail_or_files(line: &str, text: &str, port: u16) -> Option<Fingerprint> {
    let says = |word: &str| find_ignoring_case(text, word).is_some();
    let product = |service: &str| {
        products::GREETING.iter().any(|(of, words, ..)| *of == service && find_ignoring_case(text, words).is_some())
    };
    let service = if says("smtp") || product("smtp") {
        "smtp"
    } else if says("ftp") || product("ftp") {
        "ftp"
    } else if SMTP_PORTS.contains(&port) {
        "smtp"
    } else if FTP_PORTS.contains(&port) {
        "ftp"
    } else {
        return None;
    };
    Some(named(service, line, text))
}

/// Names the product by a word of the greeting; its version is what follows the word or the word "Version".
fn named(service: &str, line: &str, text: &str) -> Fingerprint {
    let fingerprint = Fingerprint::new(service, &format!("{service}.greeting"), line);
    let rules = products::GREETING.iter().filter(|(of, ..)| *of == service);
    let Some((at, (_, words, vendor, product))) =
        rules.filter_map(|rule| find_ignoring_case(text, rule.1).map(|at| (at, rule))).min_by_key(|(at, _)| *at)
    else {
        return fingerprint;
    };
    let after = text.get(at + words.len()..).unwrap_or_default();
    let after = after.lines().next().unwrap_or_default();
    let version = version_after(after);
    fingerprint.with(&Found { vendor, product, version })
}

fn version_after(after: &str) -> &str {
    let near = leading_version(after.trim_start_matches([' ', '/', ',', '(', '-']));
    if !near.is_empty() {
        return near;
    }
    find_ignoring_case(after, "version")
        .and_then(|at| after.get(at + "version".len()..))
        .map_or("", |rest| leading_version(rest.trim_start_matches([' ', ':'])))
}
