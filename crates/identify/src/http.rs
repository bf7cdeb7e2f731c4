//! HTTP responses (RFC 9112, 2 and 4; RFC 9110, 10.2.4 for `Server`).

use crate::products::{self, Found, find_ignoring_case, leading_version};
use crate::{Fingerprint, NAME_MAX_CHARS};

/// Header lines that are looked at.
const HEADERS_MAX: usize = 100;

/// What default pages say when the headers do not.
const TITLES: &[(&str, Found<'static>)] = &[
    ("Welcome to nginx!", Found { vendor: "F5", product: "nginx", version: "" }),
    ("Apache2 Debian Default Page", Found { vendor: "Apache", product: "httpd", version: "" }),
    ("Apache2 Ubuntu Default Page", Found { vendor: "Apache", product: "httpd", version: "" }),
    ("IIS Windows Server", Found { vendor: "Microsoft", product: "IIS", version: "" }),
    ("IIS7", Found { vendor: "Microsoft", product: "IIS", version: "7.0" }),
    ("Apache Tomcat", Found { vendor: "Apache", product: "Tomcat", version: "" }),
    ("Dashboard [Jenkins]", Found { vendor: "Jenkins", product: "Jenkins", version: "" }),
];

struct Head<'a> {
    lines: Vec<(&'a str, &'a str)>,
}

impl<'a> Head<'a> {
    fn get(&self, name: &str) -> Option<&'a str> {
        self.lines.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| *value)
    }
}

pub(crate) fn fingerprint(reply: &[u8]) -> Option<Fingerprint> {
    if !reply.starts_with(b"HTTP/1.") && !reply.starts_with(b"HTTP/0.9") && !reply.starts_with(b"HTTP/2") {
        return None;
    }
    let text = String::from_utf8_lossy(reply);
    let (head, body) = text.split_once("\r\n\r\n").or_else(|| text.split_once("\n\n")).unwrap_or((&text, ""));
    let status = head.lines().next().unwrap_or_default();
    let lines = head.lines().skip(1).take(HEADERS_MAX).filter_map(|line| line.split_once(':'));
    let head = Head { lines: lines.map(|(key, value)| (key.trim(), value.trim())).collect() };
    Some(
        from_server(&head)
            .or_else(|| from_framework(&head))
            .or_else(|| from_title(body))
            .or_else(|| from_realm(&head))
            .unwrap_or_else(|| Fingerprint::new("http", "http.status", status)),
    )
}

fn from_server(head: &Head<'_>) -> Option<Fingerprint> {
    let server = head.get("server").filter(|server| !server.is_empty())?;
    let print = Fingerprint::new("http", "http.server", server).with(&first_product(server));
    let (product, version) = operating_system(&print, server);
    Some(print.on(product, version))
}

/// IIS comes with Windows (Microsoft, "Internet Information Services" lifecycle); others name it in brackets.
fn operating_system(print: &Fingerprint, server: &str) -> (&'static str, &'static str) {
    const BRACKETS: [&str; 8] =
        ["Debian", "Ubuntu", "CentOS", "Red Hat Enterprise Linux", "Fedora", "FreeBSD", "Win32", "Win64"];
    if print.product != "IIS" {
        let named = BRACKETS.iter().find(|name| server.contains(&format!("({name}")));
        return (named.map_or("", |name| if name.starts_with("Win") { "Windows" } else { name }), "");
    }
    match print.version.as_str() {
        "4.0" => ("Windows NT 4.0", "4.0"),
        "5.0" => ("Windows 2000", "5.0"),
        "5.1" => ("Windows XP", "5.1"),
        "6.0" => ("Windows Server 2003 or XP x64", "5.2"),
        "7.0" => ("Windows Server 2008 or Vista", "6.0"),
        "7.5" => ("Windows Server 2008 R2 or 7", "6.1"),
        "8.0" => ("Windows Server 2012 or 8", "6.2"),
        "8.5" => ("Windows Server 2012 R2 or 8.1", "6.3"),
        "10.0" => ("Windows Server 2016 or later, or 10 or 11", "10.0"),
        _ => ("Windows", ""),
    }
}

/// The first product of a list like "Apache/2.4.57 (Debian) mod_ssl/2.4" or "Jetty(9.4.51.v20230217)".
fn first_product(text: &str) -> Found<'_> {
    let token = text.split([' ', ',', ';']).next().unwrap_or(text);
    let (name, version) = match token.split_once(['/', '(']) {
        Some((name, version)) => (name, leading_version(version)),
        None => (token, leading_version(text.get(token.len()..).unwrap_or_default().trim_start())),
    };
    products::look_up(products::HTTP, name.get(..NAME_MAX_CHARS).unwrap_or(name), version)
}

fn from_framework(head: &Head<'_>) -> Option<Fingerprint> {
    if let Some(version) = head.get("x-aspnet-version") {
        let found = Found { vendor: "Microsoft", product: "ASP.NET", version: leading_version(version) };
        return Some(Fingerprint::new("http", "http.x-aspnet-version", version).with(&found));
    }
    let powered = head.get("x-powered-by").filter(|powered| !powered.is_empty())?;
    Some(Fingerprint::new("http", "http.x-powered-by", powered).with(&first_product(powered)))
}

fn from_title(body: &str) -> Option<Fingerprint> {
    let start = find_ignoring_case(body, "<title>")? + "<title>".len();
    let rest = body.get(start..)?;
    let title = rest.get(..find_ignoring_case(rest, "</title>")?)?.trim();
    let fingerprint = Fingerprint::new("http", "http.title", title);
    let known = TITLES.iter().find(|(words, _)| title.contains(words));
    Some(known.map_or_else(|| fingerprint.clone(), |(_, found)| fingerprint.clone().with(found)))
}

fn from_realm(head: &Head<'_>) -> Option<Fingerprint> {
    let authenticate = head.get("www-authenticate").filter(|value| !value.is_empty())?;
    Some(Fingerprint::new("http", "http.www-authenticate", authenticate))
}
