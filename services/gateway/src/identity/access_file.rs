//! The access file:
//!
//! ```toml
//! [[token]]
//! name = "night-shift"
//! sha256 = "…"                       # printf %s "$TOKEN" | sha256sum
//! grants = [{ role = "operator", sites = ["dublin"] }, { role = "viewer", sites = ["all"] }]
//!
//! [[certificate]]
//! name = "spiffe://example.org/audit"  # URI, DNS name or common name of the client's certificate
//! grants = [{ role = "auditor", sites = ["all"] }]
//! ```

use std::collections::BTreeSet;

use serde::Deserialize;
use thiserror::Error;

use super::{CertificateEntry, Directory, Grant, Role, Sites, TokenEntry};

/// Most entries: every one is compared with every token.
const MAX_ENTRIES: usize = 10_000;

/// Why an access file cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum AccessError {
    /// Not TOML of this shape.
    #[error("failed to read the access file: {0}")]
    Malformed(String),
    /// An entry that cannot be meant.
    #[error("failed to read the access file: {kind} {name:?}: {problem}")]
    Entry {
        /// `token` or `certificate`.
        kind: &'static str,
        /// Its name.
        name: String,
        /// What is wrong.
        problem: &'static str,
    },
    /// More entries than are compared with.
    #[error("failed to read the access file: {0} entries, at most {MAX_ENTRIES} are allowed")]
    TooMany(usize),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    token: Vec<Token>,
    #[serde(default)]
    certificate: Vec<Certificate>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Token {
    name: String,
    sha256: String,
    grants: Vec<GrantEntry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Certificate {
    name: String,
    grants: Vec<GrantEntry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct GrantEntry {
    role: Role,
    sites: BTreeSet<String>,
}

/// Reads an access file.
///
/// # Errors
/// With the place, when it is not TOML of this shape, or with the entry that cannot be meant.
pub fn parse(text: &str) -> Result<Directory, AccessError> {
    let file: File = toml::from_str(text).map_err(|error| AccessError::Malformed(one_line(&error)))?;
    let entries = file.token.len() + file.certificate.len();
    if entries > MAX_ENTRIES {
        return Err(AccessError::TooMany(entries));
    }
    let mut names = BTreeSet::new();
    let mut directory = Directory::default();
    for token in file.token {
        let wrong = |problem| AccessError::Entry { kind: "token", name: token.name.clone(), problem };
        if token.name.is_empty() || !names.insert(("token", token.name.clone())) {
            return Err(wrong("the name is empty or stands twice"));
        }
        let mut sha256 = [0; 32];
        hex::decode_to_slice(&token.sha256, &mut sha256).map_err(|_| wrong("sha256 is not 64 hexadecimal digits"))?;
        let grants = grants(token.grants).map_err(wrong)?;
        directory.tokens.push(TokenEntry { name: token.name, sha256, grants });
    }
    for certificate in file.certificate {
        let wrong = |problem| AccessError::Entry { kind: "certificate", name: certificate.name.clone(), problem };
        if certificate.name.is_empty() || !names.insert(("certificate", certificate.name.clone())) {
            return Err(wrong("the name is empty or stands twice"));
        }
        let grants = grants(certificate.grants).map_err(wrong)?;
        directory.certificates.push(CertificateEntry { name: certificate.name, grants });
    }
    Ok(directory)
}

fn grants(entries: Vec<GrantEntry>) -> Result<Vec<Grant>, &'static str> {
    if entries.is_empty() {
        return Err("it has no grants");
    }
    entries
        .into_iter()
        .map(|entry| {
            if entry.sites.is_empty() {
                return Err("a grant names no sites; \"all\" is every site");
            }
            let sites = if entry.sites.contains("all") { Sites::All } else { Sites::Only(entry.sites) };
            Ok(Grant { role: entry.role, sites })
        })
        .collect()
}

fn one_line(error: &toml::de::Error) -> String {
    error.to_string().lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    /// SHA-256 of "secret".
    const SECRET: &str = "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b";

    fn file() -> String {
        format!(
            "[[token]]\nname = \"night\"\nsha256 = \"{SECRET}\"\ngrants = [{{ role = \"operator\", sites = \
             [\"dublin\"] }}, {{ role = \"viewer\", sites = [\"all\"] }}]\n[[certificate]]\nname = \"audit\"\ngrants = [{{ \
             role = \"auditor\", sites = [\"redmond\"] }}]\n"
        )
    }

    #[test]
    fn a_token_is_found_by_what_it_is() {
        let directory = parse(&file()).unwrap();
        let caller = directory.by_token("secret").unwrap();
        assert_eq!((caller.actor.subject.as_str(), caller.actor.issuer.as_str()), ("night", "token"));
        assert_eq!(directory.by_token("secret "), None);
        assert_eq!(directory.by_token(SECRET), None);
    }

    #[test]
    fn roles_count_on_their_sites_only() {
        let caller = parse(&file()).unwrap().by_token("secret").unwrap();
        assert_eq!(caller.sites(&[Role::Viewer]), Sites::All);
        assert!(caller.sites(&[Role::Operator]).cover("dublin"));
        assert!(!caller.sites(&[Role::Operator]).cover("redmond"));
        assert!(caller.sites(&[Role::Admin]).is_none());
    }

    #[test]
    fn a_wrong_file_names_the_entry() {
        for (text, part) in [
            ("[[token]]\nname = \"x\"\nsha256 = \"00\"\ngrants = []", "sha256 is not"),
            (&format!("[[token]]\nname = \"x\"\nsha256 = \"{SECRET}\"\ngrants = []"), "no grants"),
            ("[[certificate]]\nname = \"x\"\ngrants = [{ role = \"viewer\", sites = [] }]", "names no sites"),
            ("[[certificate]]\nname = \"x\"\ngrants = [{ role = \"root\", sites = [\"all\"] }]", "root"),
            ("tokens = 1", "tokens"),
        ] {
            let error = parse(text).unwrap_err().to_string();
            assert!(error.contains(part), "{error}");
        }
    }
}
