//! Who calls: a client certificate, a bearer token, or nobody but this machine.
//!
//! Roles are given per site in the access file. A token stands there as its SHA-256, so the file tells nobody a token;
//! tokens are long and random, so a slow hash would add nothing.

mod access_file;
mod certificate;

use std::collections::BTreeSet;

use muster_proto::v1::Actor;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

pub use access_file::{AccessError, parse};
pub use certificate::name_of;

/// What a caller may do. [`Role::Admin`] may everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Reads.
    Viewer,
    /// Reads, audits, and checks the books.
    Auditor,
    /// Reads and runs: sweeps, inventory, dispositions, halt.
    Operator,
    /// Everything, the estate included.
    Admin,
}

/// Sites that something covers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sites {
    /// Every site, also those to come.
    All,
    /// These.
    Only(BTreeSet<String>),
}

impl Sites {
    /// None.
    #[must_use]
    pub const fn none() -> Self {
        Self::Only(BTreeSet::new())
    }

    /// Whether a site is among them.
    #[must_use]
    pub fn cover(&self, site: &str) -> bool {
        match self {
            Self::All => true,
            Self::Only(sites) => sites.contains(site),
        }
    }

    /// Whether every site among them is among the others too.
    #[must_use]
    pub fn within(&self, other: &Self) -> bool {
        match (self, other) {
            (_, Self::All) => true,
            (Self::All, Self::Only(_)) => false,
            (Self::Only(these), Self::Only(those)) => these.is_subset(those),
        }
    }

    /// Whether there is no site among them.
    #[must_use]
    pub fn is_none(&self) -> bool {
        match self {
            Self::All => false,
            Self::Only(sites) => sites.is_empty(),
        }
    }

    fn add(&mut self, other: &Self) {
        match (&mut *self, other) {
            (Self::All, _) => {}
            (_, Self::All) => *self = Self::All,
            (Self::Only(sites), Self::Only(more)) => sites.extend(more.iter().cloned()),
        }
    }
}

/// A role on sites.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// Role.
    pub role: Role,
    /// Where.
    pub sites: Sites,
}

/// Somebody who calls.
#[derive(Debug, Clone, PartialEq)]
pub struct Caller {
    /// As events name them.
    pub actor: Actor,
    /// What they may do, and where.
    pub grants: Vec<Grant>,
}

impl Caller {
    /// Whoever reaches a gateway that listens on loopback without credentials: an account of this machine.
    #[must_use]
    pub fn local() -> Self {
        Self {
            actor: Actor { subject: "local".to_owned(), issuer: "local".to_owned(), on_behalf_of: String::new() },
            grants: vec![Grant { role: Role::Admin, sites: Sites::All }],
        }
    }

    /// The sites on which the caller has one of the roles; an admin has every role.
    #[must_use]
    pub fn sites(&self, roles: &[Role]) -> Sites {
        let mut sites = Sites::none();
        for grant in &self.grants {
            if grant.role == Role::Admin || roles.contains(&grant.role) {
                sites.add(&grant.sites);
            }
        }
        sites
    }
}

/// A bearer token as the access file holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TokenEntry {
    name: String,
    sha256: [u8; 32],
    grants: Vec<Grant>,
}

/// A certificate's name with what it may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CertificateEntry {
    name: String,
    grants: Vec<Grant>,
}

/// What somebody proved to hold when a call began; enough to ask again who that is now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Credential {
    /// SHA-256 of a bearer token.
    Token([u8; 32]),
    /// Name in a verified certificate.
    Certificate(String),
}

impl Credential {
    /// Of a bearer token.
    pub(crate) fn token(token: &str) -> Self {
        Self::Token(Sha256::digest(token.as_bytes()).into())
    }
}

/// Everybody who is known.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Directory {
    tokens: Vec<TokenEntry>,
    certificates: Vec<CertificateEntry>,
}

impl Directory {
    /// Whether anybody is known at all.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.tokens.is_empty() && self.certificates.is_empty()
    }

    /// Who holds a token. Takes as long for a wrong one as for a right one.
    #[must_use]
    pub fn by_token(&self, token: &str) -> Option<Caller> {
        self.find(&Credential::token(token))
    }

    /// Who holds a credential.
    pub(crate) fn find(&self, credential: &Credential) -> Option<Caller> {
        match credential {
            Credential::Token(hash) => self.by_hash(hash),
            Credential::Certificate(name) => self.by_certificate(name),
        }
    }

    fn by_hash(&self, hash: &[u8; 32]) -> Option<Caller> {
        let mut found = None;
        for entry in &self.tokens {
            if bool::from(entry.sha256.ct_eq(hash)) {
                found = Some(entry);
            }
        }
        found.map(|entry| known(&entry.name, "token", &entry.grants))
    }

    /// Who a verified certificate's name stands for.
    #[must_use]
    pub fn by_certificate(&self, name: &str) -> Option<Caller> {
        let entry = self.certificates.iter().find(|entry| entry.name == name)?;
        Some(known(&entry.name, "mtls", &entry.grants))
    }
}

fn known(name: &str, issuer: &str, grants: &[Grant]) -> Caller {
    Caller {
        actor: Actor { subject: name.to_owned(), issuer: issuer.to_owned(), on_behalf_of: String::new() },
        grants: grants.to_vec(),
    }
}
