//! What a database in the form of Recog says about a service, beside our own rules.

use crate::products::find_ignoring_case;
use crate::recog::{Database, Match};
use crate::{Fingerprint, NAME_MAX_CHARS, REPLY_MAX_BYTES, clean};

/// Cookies that are looked at.
const COOKIES_MAX: usize = 8;

/// Fills in what our own rules left open: vendor, product and version of a service that they did not name, its operating
/// system, and what speaks at all where they did not recognise the protocol of a greeting.
#[must_use]
pub fn recognise(database: &Database, fingerprint: Option<Fingerprint>, banner: &[u8]) -> Option<Fingerprint> {
    let banner = banner.get(..REPLY_MAX_BYTES).unwrap_or(banner);
    let Some(mut fingerprint) = fingerprint else { return unrecognised(database, banner) };
    for (key, text) in texts(&fingerprint.service, banner) {
        if let Some(found) = database.matches(key, &text) {
            fill(&mut fingerprint, &found);
        }
    }
    Some(fingerprint)
}

/// A bare "220" greets from FTP and from SMTP, and a prompt from anywhere: whose words they are, the database knows.
fn unrecognised(database: &Database, banner: &[u8]) -> Option<Fingerprint> {
    let services: &[(&str, &str)] = if banner.starts_with(b"220") {
        &[("ftp", "ftp.banner"), ("smtp", "smtp.banner")]
    } else {
        &[("telnet", "telnet.banner")]
    };
    services.iter().find_map(|(service, key)| {
        let (_, text) = texts(service, banner).pop()?;
        let found = database.matches(key, &text)?;
        let line = String::from_utf8_lossy(lines(banner).next().unwrap_or_default()).into_owned();
        let mut fingerprint = Fingerprint::new(service, &format!("{service}.greeting"), &line);
        fill(&mut fingerprint, &found);
        Some(fingerprint)
    })
}

fn fill(fingerprint: &mut Fingerprint, found: &Match<'_>) {
    let value = |name: &str| found.params.get(name).map(|text| clean(text, NAME_MAX_CHARS)).unwrap_or_default();
    // All three belong together: a version of one product is none of another. Without a vendor our own rules have only
    // repeated what the service calls itself.
    if fingerprint.vendor.is_empty() && !value("service.product").is_empty() {
        fingerprint.vendor = value("service.vendor");
        fingerprint.product = value("service.product");
        fingerprint.version = value("service.version");
    }
    if fingerprint.os_product.is_empty() && !value("os.product").is_empty() {
        fingerprint.os_product = value("os.product");
        fingerprint.os_version = value("os.version");
    }
}

/// The texts of a reply that a database has fingerprints for, each with its kind, those that say most first.
fn texts(service: &str, banner: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    match service {
        "http" => http(banner),
        "ssh" => {
            let line = lines(banner).find(|line| line.starts_with(b"SSH-")).unwrap_or_default();
            // Behind "SSH-", the protocol's version and a dash.
            let software = line.splitn(3, |byte| *byte == b'-').nth(2).unwrap_or_default();
            vec![("ssh.banner", software.to_vec())]
        }
        "smtp" => vec![("smtp.banner", coded(banner))],
        "ftp" => vec![("ftp.banner", coded(banner))],
        "nntp" => vec![("nntp.banner", coded(banner))],
        "pop3" => vec![("pop3.banner", behind(banner, b"+OK"))],
        "imap" => vec![("imap4.banner", behind(banner, b"* OK"))],
        "telnet" => vec![("telnet.banner", banner.to_vec())],
        "mysql" => mysql(banner),
        "ldap" => vec![("ldap.search_result", banner.to_vec())],
        _ => Vec::new(),
    }
}

fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii_end)
}

/// The lines of a greeting without their codes.
fn coded(banner: &[u8]) -> Vec<u8> {
    let texts: Vec<&[u8]> = lines(banner)
        .filter(|line| !line.is_empty())
        .map(|line| match line {
            [b'0'..=b'9', b'0'..=b'9', b'0'..=b'9', b' ' | b'-', text @ ..] => text,
            _ => line,
        })
        .collect();
    texts.join(b"\r\n".as_slice())
}

fn behind(banner: &[u8], start: &[u8]) -> Vec<u8> {
    let line = lines(banner).next().unwrap_or_default();
    line.strip_prefix(start).unwrap_or(line).trim_ascii_start().to_vec()
}

fn mysql(banner: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    match banner.get(4..) {
        Some([10, rest @ ..]) => {
            vec![("mysql.banners", rest.split(|byte| *byte == 0).next().unwrap_or_default().to_vec())]
        }
        Some([0xff, _, _, rest @ ..]) => vec![("mysql.error", rest.to_vec())],
        Some(_) | None => Vec::new(),
    }
}

fn http(banner: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    let text = String::from_utf8_lossy(banner);
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    let values = |name: &'static str| {
        let lines = head.lines().filter_map(|line| line.split_once(':'));
        let named = lines.filter(move |(key, _)| key.trim().eq_ignore_ascii_case(name));
        named.map(|(_, value)| value.trim().as_bytes().to_vec())
    };
    let mut texts: Vec<(&str, Vec<u8>)> = Vec::new();
    texts.extend(values("server").take(1).map(|value| ("http_header.server", value)));
    texts.extend(values("www-authenticate").take(1).map(|value| ("http_header.wwwauth", value)));
    texts.extend(values("set-cookie").take(COOKIES_MAX).map(|value| ("http_header.cookie", value)));
    texts.extend(title(body).map(|title| ("html_title", title.as_bytes().to_vec())));
    texts.extend(values("x-powered-by").take(1).map(|value| ("http_header.x-powered-by", value)));
    texts
}

fn title(body: &str) -> Option<&str> {
    let rest = body.get(find_ignoring_case(body, "<title")?..)?;
    let rest = rest.get(rest.find('>')? + 1..)?;
    Some(rest.get(..find_ignoring_case(rest, "</title>")?)?.trim())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::identify;

    const FILE: &[u8] = br#"<fingerprints matches="http_header.server" protocol="http">
      <fingerprint pattern="^Acme Box ([\d.]+)$">
        <description>Acme</description>
        <param pos="0" name="service.vendor" value="Acme"/>
        <param pos="0" name="service.product" value="Box"/>
        <param pos="1" name="service.version"/>
        <param pos="0" name="os.product" value="Acme OS"/>
      </fingerprint>
      <fingerprint pattern="^nginx">
        <description>nginx</description>
        <param pos="0" name="service.vendor" value="somebody else"/>
        <param pos="0" name="service.product" value="something else"/>
      </fingerprint>
    </fingerprints>"#;

    fn recognised(reply: &str) -> Fingerprint {
        let database = Database::load([("http.xml", FILE)]).unwrap();
        recognise(&database, identify(reply.as_bytes(), 80), reply.as_bytes()).unwrap()
    }

    #[test]
    fn what_our_own_rules_left_open_is_filled_in() {
        let print = recognised("HTTP/1.1 200 OK\r\nServer: Acme Box 4.2\r\n\r\n");
        assert_eq!((print.vendor.as_str(), print.product.as_str(), print.version.as_str()), ("Acme", "Box", "4.2"));
        assert_eq!(print.os_product, "Acme OS");
    }

    #[test]
    fn what_our_own_rules_name_stays() {
        let print = recognised("HTTP/1.1 200 OK\r\nServer: nginx/1.22.1\r\n\r\n");
        assert_eq!((print.vendor.as_str(), print.version.as_str()), ("F5", "1.22.1"));
    }

    #[test]
    fn a_greeting_of_nobody_in_particular_is_whose_words_it_is() {
        let file =
            br#"<fingerprints matches="smtp.banner"><fingerprint pattern="^Acme Post$"><description>x</description>
          <param pos="0" name="service.product" value="Post"/></fingerprint></fingerprints>"#;
        let database = Database::load([("smtp_banners.xml", file)]).unwrap();
        let print = recognise(&database, None, b"220 Acme Post\r\n").unwrap();
        assert_eq!((print.service.as_str(), print.product.as_str()), ("smtp", "Post"));
        assert_eq!(recognise(&database, None, b"220 somebody else\r\n"), None);
    }

    #[test]
    fn greetings_lose_what_is_not_theirs() {
        assert_eq!(coded(b"220-one\r\n220 two\r\n"), b"one\r\ntwo");
        assert_eq!(behind(b"* OK Dovecot ready.\r\n", b"* OK"), b"Dovecot ready.");
    }

    proptest! {
        #[test]
        fn any_reply_is_survived(
            service in prop::sample::select(vec!["http", "ssh", "smtp", "pop3", "imap", "mysql", "ldap", "telnet"]),
            reply in proptest::collection::vec(any::<u8>(), 0..200),
        ) {
            prop_assert!(texts(service, &reply).iter().all(|(_, text)| text.len() <= reply.len() * 3));
        }
    }
}
