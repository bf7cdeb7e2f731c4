//! Names that products print, and who makes them.

/// A product read from a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Found<'a> {
    pub(crate) vendor: &'a str,
    pub(crate) product: &'a str,
    pub(crate) version: &'a str,
}

/// A product token as printed (case ignored), its vendor, and the name it goes by.
type Rule = (&'static str, &'static str, &'static str);

/// `Server` and `X-Powered-By`.
pub(crate) const HTTP: &[Rule] = &[
    ("Microsoft-IIS", "Microsoft", "IIS"),
    ("Microsoft-HTTPAPI", "Microsoft", "HTTP.sys"),
    ("Microsoft-WinCE", "Microsoft", "Windows CE web server"),
    ("Kestrel", "Microsoft", "Kestrel"),
    ("ASP.NET", "Microsoft", "ASP.NET"),
    ("nginx", "F5", "nginx"),
    ("openresty", "OpenResty", "OpenResty"),
    ("Apache-Coyote", "Apache", "Tomcat"),
    ("Apache", "Apache", "httpd"),
    ("IBM_HTTP_Server", "IBM", "HTTP Server"),
    ("Oracle-HTTP-Server", "Oracle", "HTTP Server"),
    ("Oracle-Application-Server-10g", "Oracle", "Application Server"),
    ("WebLogic", "Oracle", "WebLogic"),
    ("Sun-ONE-Web-Server", "Oracle", "Sun ONE Web Server"),
    ("GlassFish", "Eclipse", "GlassFish"),
    ("Jetty", "Eclipse", "Jetty"),
    ("lighttpd", "lighttpd", "lighttpd"),
    ("LiteSpeed", "LiteSpeed", "LiteSpeed"),
    ("Caddy", "Caddy", "Caddy"),
    ("envoy", "Envoy", "Envoy"),
    ("Varnish", "Varnish", "Varnish"),
    ("squid", "Squid", "Squid"),
    ("cloudflare", "Cloudflare", "Cloudflare"),
    ("gunicorn", "Gunicorn", "Gunicorn"),
    ("uvicorn", "Uvicorn", "Uvicorn"),
    ("Werkzeug", "Pallets", "Werkzeug"),
    ("TornadoServer", "Tornado", "Tornado"),
    ("CherryPy", "CherryPy", "CherryPy"),
    ("SimpleHTTP", "Python", "http.server"),
    ("BaseHTTP", "Python", "http.server"),
    ("WEBrick", "Ruby", "WEBrick"),
    ("Phusion", "Phusion", "Passenger"),
    ("Cowboy", "Nine Nines", "Cowboy"),
    ("Express", "OpenJS", "Express"),
    ("PHP", "PHP", "PHP"),
    ("Zope", "Zope", "Zope"),
    ("Lotus-Domino", "HCL", "Domino"),
    ("RomPager", "Allegro", "RomPager"),
    ("Virata-EmWeb", "Virata", "EmWeb"),
    ("GoAhead-Webs", "EmbedThis", "GoAhead"),
    ("GoAhead-http", "EmbedThis", "GoAhead"),
    ("mini_httpd", "ACME", "mini_httpd"),
    ("micro_httpd", "ACME", "micro_httpd"),
    ("thttpd", "ACME", "thttpd"),
    ("Boa", "Boa", "Boa"),
    ("Hiawatha", "Hiawatha", "Hiawatha"),
    ("Splunkd", "Splunk", "Splunk"),
    ("MiniServ", "Webmin", "Webmin"),
    ("CUPS", "Apple", "CUPS"),
    ("HP-iLO-Server", "HPE", "iLO"),
    ("HP-ChaiSOE", "HP", "ChaiSOE"),
];

/// Words of mail and file transfer greetings. A word with a space in it is looked for as it stands.
pub(crate) const GREETING: &[(&str, &str, &str, &str)] = &[
    ("smtp", "Postfix", "Postfix", "Postfix"),
    ("smtp", "Exim", "Exim", "Exim"),
    ("smtp", "Sendmail", "Proofpoint", "Sendmail"),
    ("smtp", "Microsoft ESMTP MAIL Service", "Microsoft", "Exchange or IIS SMTP"),
    ("smtp", "Microsoft Exchange Internet Mail", "Microsoft", "Exchange"),
    ("smtp", "OpenSMTPD", "OpenBSD", "OpenSMTPD"),
    ("smtp", "Haraka", "Haraka", "Haraka"),
    ("smtp", "qmail", "qmail", "qmail"),
    ("smtp", "MDaemon", "MDaemon", "MDaemon"),
    ("smtp", "Lotus Domino", "HCL", "Domino"),
    ("smtp", "hMailServer", "hMailServer", "hMailServer"),
    ("ftp", "vsFTPd", "vsftpd", "vsftpd"),
    ("ftp", "ProFTPD", "ProFTPD", "ProFTPD"),
    ("ftp", "Pure-FTPd", "Pure-FTPd", "Pure-FTPd"),
    ("ftp", "Microsoft FTP Service", "Microsoft", "IIS FTP"),
    ("ftp", "FileZilla Server", "FileZilla", "FileZilla Server"),
    ("ftp", "Serv-U FTP Server", "SolarWinds", "Serv-U"),
    ("ftp", "wu-", "WU-FTPD", "WU-FTPD"),
    ("pop3", "Dovecot", "Dovecot", "Dovecot"),
    ("pop3", "Microsoft Exchange", "Microsoft", "Exchange"),
    ("pop3", "Cyrus POP3", "Cyrus", "Cyrus IMAP"),
    ("imap", "Dovecot", "Dovecot", "Dovecot"),
    ("imap", "Courier-IMAP", "Courier", "Courier IMAP"),
    ("imap", "Cyrus IMAP", "Cyrus", "Cyrus IMAP"),
    ("imap", "Microsoft Exchange", "Microsoft", "Exchange"),
];

/// The software part of an SSH identification.
pub(crate) const SSH: &[Rule] = &[
    ("OpenSSH_for_Windows", "Microsoft", "OpenSSH for Windows"),
    ("OpenSSH", "OpenBSD", "OpenSSH"),
    ("dropbear", "Dropbear", "Dropbear"),
    ("libssh", "libssh", "libssh"),
    ("Cisco", "Cisco", "IOS SSH"),
    ("WeOnlyDo", "WeOnlyDo", "wodSSHServer"),
    ("RomSShell", "Allegro", "RomSShell"),
    ("ROSSSH", "MikroTik", "RouterOS SSH"),
    ("Go", "Go", "x/crypto/ssh"),
    ("paramiko", "Paramiko", "Paramiko"),
    ("AsyncSSH", "AsyncSSH", "AsyncSSH"),
    ("mod_sftp", "ProFTPD", "mod_sftp"),
];

/// Looks a product token up; one that nobody knows is its own name.
pub(crate) fn look_up<'a>(rules: &'static [Rule], name: &'a str, version: &'a str) -> Found<'a> {
    rules
        .iter()
        .find(|(token, ..)| token.eq_ignore_ascii_case(name))
        .map_or(Found { vendor: "", product: name, version }, |(_, vendor, product)| Found { vendor, product, version })
}

/// Where a needle stands in a text, ASCII case ignored.
pub(crate) fn find_ignoring_case(text: &str, needle: &str) -> Option<usize> {
    let (text, needle) = (text.as_bytes(), needle.as_bytes());
    text.windows(needle.len()).position(|window| window.eq_ignore_ascii_case(needle))
}

/// The version that begins a text: digits first, then what versions are made of.
pub(crate) fn leading_version(text: &str) -> &str {
    let text = text.strip_prefix(['v', 'V']).unwrap_or(text);
    if !text.starts_with(|c: char| c.is_ascii_digit()) {
        return "";
    }
    let end = text.find(|c: char| !(c.is_ascii_alphanumeric() || "._-+~".contains(c))).unwrap_or(text.len());
    text.get(..end).unwrap_or("").trim_end_matches(['.', '-', '_', '+'])
}
