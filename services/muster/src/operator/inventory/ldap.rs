//! Computers of a directory, asked over LDAP: one bind, one search in pages, nothing written.

#[cfg(test)]
mod tests;

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use ldap3::adapters::{Adapter, EntriesOnly, PagedResults};
use ldap3::{Ldap, LdapConnAsync, LdapConnSettings, LdapError, Scope, SearchEntry};
use muster_import::directory::{ATTRIBUTES, Entry, FILTER, assets};
use muster_import::{Imported, Limits, Mapping};
use muster_kit::{Exit, Failure};

use super::super::text::visible;

/// Entries of a page: a domain controller gives at most 1,000 (MaxPageSize).
const PAGE: i32 = 500;
/// What a server may take to accept a connection.
const CONNECT: Duration = Duration::from_secs(10);
/// What it may take for one answer.
const ANSWER: Duration = Duration::from_secs(30);
/// What it may take for all of them: 500,000 entries at 1,000 a second are some minutes.
const ALL: Duration = Duration::from_secs(900);
/// Bytes of a password file.
const PASSWORD_BYTES_MAX: usize = 4_096;

/// A directory.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Directory")]
pub struct LdapArgs {
    /// Asks a directory instead of reading a file: ldaps://HOST, or ldap://HOST with --start-tls
    #[arg(long, value_name = "URL", requires = "base")]
    pub ldap: Option<String>,
    /// Where the computers are, with all that is below
    #[arg(long, value_name = "DN", requires = "ldap")]
    pub base: Option<String>,
    /// Who asks; without it nobody in particular
    #[arg(long, value_name = "DN", requires = "password_file")]
    pub bind_dn: Option<String>,
    /// File with the password of --bind-dn
    #[arg(long, value_name = "FILE", requires = "bind_dn")]
    pub password_file: Option<PathBuf>,
    /// Turns to TLS after the connection
    #[arg(long, requires = "ldap")]
    pub start_tls: bool,
    /// PEM: the authority of the directory's certificate [default: those of the system]
    #[arg(long, value_name = "FILE", requires = "ldap")]
    pub ldap_ca: Option<PathBuf>,
}

/// The computers of a directory.
pub(super) async fn read(url: &str, args: &LdapArgs, mapping: &Mapping) -> Result<Imported, Failure> {
    let fail = |exit, what: String| Failure::message(exit, format!("failed to ask {url}: {}", visible(&what)));
    check(url, args).map_err(|what| fail(Exit::Usage, what))?;
    let password = password(args)?;
    let asked = tokio::time::timeout(ALL, ask(url, args, password.as_deref(), mapping)).await;
    let asked = asked.map_err(|_| fail(Exit::Temporary, format!("no end after {} s", ALL.as_secs())))?;
    let entries = asked.map_err(|problem| match problem {
        Problem::Ldap(error) => fail(exit(&error), words(&error)),
        Problem::Failure(failure) => failure,
        Problem::TooMuch(what) => fail(Exit::Data, what),
    })?;
    Ok(assets(&entries, mapping))
}

enum Problem {
    Ldap(LdapError),
    Failure(Failure),
    TooMuch(String),
}

impl From<LdapError> for Problem {
    fn from(error: LdapError) -> Self {
        Self::Ldap(error)
    }
}

/// A password goes over TLS or stays on this machine.
fn check(url: &str, args: &LdapArgs) -> Result<(), String> {
    let (scheme, rest) = url.split_once("://").ok_or("it starts with ldaps:// or ldap://")?;
    let host = rest.split('/').next().unwrap_or_default();
    let host = match host.strip_prefix('[') {
        Some(v6) => v6.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    let loopback = host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
    match scheme {
        "ldaps" if args.start_tls => Err("ldaps:// is TLS from its first byte; leave --start-tls out".to_owned()),
        "ldaps" => Ok(()),
        "ldap" if args.start_tls || loopback => Ok(()),
        "ldap" => Err("without TLS everybody reads along; write ldaps://, or add --start-tls".to_owned()),
        _ => Err("it starts with ldaps:// or ldap://".to_owned()),
    }
}

fn password(args: &LdapArgs) -> Result<Option<String>, Failure> {
    let Some(file) = &args.password_file else { return Ok(None) };
    let fail = |exit, what: &str| Failure::message(exit, format!("failed to read {}: {what}", file.display()));
    let text = std::fs::read_to_string(file).map_err(|error| fail(Exit::NoInput, &error.to_string()))?;
    let password = text.trim_end_matches(['\n', '\r']);
    // A bind with a name and no password counts as nobody's (RFC 4513, 5.1.2), and would seem to have worked.
    if password.is_empty() || password.len() > PASSWORD_BYTES_MAX {
        return Err(fail(Exit::Data, "it holds no password"));
    }
    Ok(Some(password.to_owned()))
}

async fn ask(url: &str, args: &LdapArgs, password: Option<&str>, mapping: &Mapping) -> Result<Vec<Entry>, Problem> {
    muster_kit::tls::install_provider();
    let mut settings = LdapConnSettings::new().set_conn_timeout(CONNECT).set_starttls(args.start_tls);
    if let Some(ca) = &args.ldap_ca {
        let roots = muster_kit::tls::load_roots(ca)
            .map_err(|error| Problem::Failure(Failure::message(Exit::NoInput, error.to_string())))?;
        let config = rustls::ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
        settings = settings.set_config(Arc::new(config));
    }
    let (connection, mut ldap) = LdapConnAsync::with_settings(settings, url).await?;
    // It ends with the connection; its error is that of the call under way.
    let driver = tokio::spawn(async move { connection.drive().await });
    let found = search(&mut ldap, args, password, mapping).await;
    // The server may have gone already.
    let _ = ldap.unbind().await;
    driver.abort();
    found
}

async fn search(
    ldap: &mut Ldap,
    args: &LdapArgs,
    password: Option<&str>,
    mapping: &Mapping,
) -> Result<Vec<Entry>, Problem> {
    let limits = Limits::default();
    if let (Some(dn), Some(password)) = (&args.bind_dn, password) {
        ldap.with_timeout(ANSWER).simple_bind(dn, password).await?.success()?;
    }
    let mapped = [&mapping.owner, &mapping.support_group, &mapping.role, &mapping.zone];
    let attributes = ATTRIBUTES.iter().map(|name| (*name).to_owned());
    let attributes: Vec<String> = attributes.chain(mapped.into_iter().flatten().cloned()).collect();
    let base = args.base.as_deref().unwrap_or_default();
    let adapters: Vec<Box<dyn Adapter<'_, String, Vec<String>>>> =
        vec![Box::new(EntriesOnly::new()), Box::new(PagedResults::new(PAGE))];
    let mut answers =
        ldap.with_timeout(ANSWER).streaming_search_with(adapters, base, Scope::Subtree, FILTER, attributes).await?;
    let (mut entries, mut bytes) = (Vec::new(), 0_usize);
    while let Some(answer) = answers.next().await? {
        let entry = entry(SearchEntry::construct(answer), entries.len() + 1);
        bytes += entry.dn.len() + entry.attributes.iter().map(|(name, value)| name.len() + value.len()).sum::<usize>();
        if entries.len() >= limits.rows || bytes > limits.bytes {
            let what =
                format!("more than {} entries or {} bytes; ask for a part of it (--base)", limits.rows, limits.bytes);
            return Err(Problem::TooMuch(what));
        }
        entries.push(entry);
    }
    answers.finish().await.success()?;
    Ok(entries)
}

fn entry(found: SearchEntry, number: usize) -> Entry {
    let texts = found.attrs.into_iter().flat_map(|(name, values)| {
        values.into_iter().map(move |value| (name.clone(), value.into_bytes())).collect::<Vec<_>>()
    });
    let bytes = found
        .bin_attrs
        .into_iter()
        .flat_map(|(name, values)| values.into_iter().map(move |value| (name.clone(), value)).collect::<Vec<_>>());
    let mut attributes: Vec<(String, Vec<u8>)> = texts.chain(bytes).collect();
    // Values keep their order.
    attributes.sort_by(|a, b| a.0.cmp(&b.0));
    Entry { place: format!("answer {number}"), dn: found.dn, attributes }
}

/// invalidCredentials and insufficientAccessRights (RFC 4511, 4.1.9).
const REFUSED: [u32; 2] = [49, 50];

fn exit(error: &LdapError) -> Exit {
    if let LdapError::LdapResult { result } = error {
        return if REFUSED.contains(&result.rc) { Exit::Permission } else { Exit::Unavailable };
    }
    if matches!(error, LdapError::Timeout { .. }) { Exit::Temporary } else { Exit::Unavailable }
}

fn words(error: &LdapError) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
