//! Which format a document has.

use muster_estate::inventory::read_csv;

use crate::found::{Draft, Imported, Mapping};
use crate::{Limits, Problem, ansible, ldif, netbox, servicenow};

/// A format of an inventory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// CSV with Muster's own columns.
    Csv,
    /// `ansible-inventory --list`.
    Ansible,
    /// Lists of NetBox.
    Netbox,
    /// `cmdb_ci_server` of ServiceNow.
    Servicenow,
    /// Entries of a directory.
    Ldif,
}

/// What is looked at; the names that tell formats apart stand in front.
const HEAD_BYTES: usize = 64 * 1024;

impl Format {
    /// The format that a document looks like. CSV is what looks like nothing else.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes).trim_ascii_start();
        let head = bytes.get(..HEAD_BYTES.min(bytes.len())).unwrap_or_default();
        let holds = |what: &str| head.windows(what.len()).any(|window| window == what.as_bytes());
        match head.first() {
            Some(b'{' | b'[') if holds("\"_meta\"") || holds("\"hostvars\"") => Self::Ansible,
            Some(b'{' | b'[') if holds("\"sys_id\"") || holds("\"result\"") => Self::Servicenow,
            Some(b'{' | b'[') if holds("\"results\"") || holds("\"device_type\"") => Self::Netbox,
            Some(b'{') => Self::Ansible,
            Some(b'[') => Self::Netbox,
            _ if head.starts_with(b"dn:") || head.starts_with(b"version:") || holds("\ndn:") => Self::Ldif,
            _ => Self::Csv,
        }
    }

    /// The source that speaks in it, unless it is called something else.
    #[must_use]
    pub const fn source(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Ansible => "ansible",
            Self::Netbox => "netbox",
            Self::Servicenow => "servicenow",
            Self::Ldif => "ad",
        }
    }

    /// Reads a document. Of CSV every row has to be right, as it has always had: it is written for Muster.
    ///
    /// # Errors
    /// When it is none, or beyond the bounds.
    pub fn read(self, file: &str, bytes: &[u8], mapping: &Mapping, limits: Limits) -> Result<Imported, Problem> {
        match self {
            Self::Csv => csv(file, bytes, limits),
            Self::Ansible => ansible::parse(bytes, mapping, limits),
            Self::Netbox => netbox::parse(bytes, mapping, limits),
            Self::Servicenow => servicenow::parse(bytes, mapping, limits),
            Self::Ldif => ldif::parse(bytes, mapping, limits),
        }
    }
}

fn csv(file: &str, bytes: &[u8], limits: Limits) -> Result<Imported, Problem> {
    limits.check_bytes(bytes)?;
    let assets = read_csv(file, bytes).map_err(|problems| Problem::Another { what: problems.to_string() })?;
    let mut imported = Imported::default();
    for asset in assets {
        let mut draft = Draft::new(file, asset.key.clone());
        draft.asset = asset;
        draft.into(&mut imported);
    }
    Ok(imported)
}
