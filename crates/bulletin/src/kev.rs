//! The Known Exploited Vulnerabilities catalogue of CISA: one JSON document (schema: `catalogVersion`, `dateReleased`,
//! `count`, `vulnerabilities[]`).

use std::collections::BTreeMap;

use jiff::{Timestamp, civil::Date, tz::TimeZone};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use thiserror::Error;

use crate::{Bulletin, Edition};

/// 1,278 entries are 1.1 MB (February 2025): sixty times that is room for decades.
pub const DOCUMENT_BYTES_MAX: usize = 64 << 20;
/// The catalogue grows by about 200 a year.
const ENTRIES_MAX: usize = 100_000;
const TEXT_BYTES_MAX: usize = 64 * 1024;

/// Why a document is not a catalogue.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum KevError {
    /// Too large.
    #[error("the document has {size_bytes} bytes, at most {DOCUMENT_BYTES_MAX} are read")]
    TooLarge {
        /// Its size.
        size_bytes: usize,
    },
    /// Not JSON of this shape: cut off, HTML, another document.
    #[error("line {line}, column {column}: {cause}")]
    Malformed {
        /// Line, from 1.
        line: usize,
        /// Column, from 1.
        column: usize,
        /// What is wrong there.
        cause: String,
    },
    /// It says it has more or fewer entries than it has.
    #[error("the document says it has {declared} entries and has {found}")]
    Count {
        /// What it says.
        declared: usize,
        /// What it has.
        found: usize,
    },
    /// An entry is not one.
    #[error("entry {index} ({id}): {problem}")]
    Entry {
        /// Index, from 0.
        index: usize,
        /// Its id, cut to 32 characters.
        id: String,
        /// What is wrong.
        problem: String,
    },
    /// The head is not one.
    #[error("{field}: {problem}")]
    Head {
        /// Field.
        field: &'static str,
        /// What is wrong.
        problem: String,
    },
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Catalogue {
    catalog_version: String,
    date_released: String,
    count: usize,
    vulnerabilities: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    #[serde(rename = "cveID")]
    cve_id: String,
    vendor_project: String,
    product: String,
    vulnerability_name: String,
    date_added: String,
    short_description: String,
    required_action: String,
    due_date: String,
    #[serde(default)]
    known_ransomware_campaign_use: String,
    #[serde(default)]
    notes: String,
    #[serde(default)]
    cwes: Vec<String>,
}

/// Reads an edition of the catalogue.
///
/// # Errors
/// When it is too large, cut off, or contradicts itself.
pub fn parse(document: &[u8]) -> Result<Edition, KevError> {
    if document.len() > DOCUMENT_BYTES_MAX {
        return Err(KevError::TooLarge { size_bytes: document.len() });
    }
    let catalogue: Catalogue = serde_json::from_slice(document).map_err(|error| KevError::Malformed {
        line: error.line(),
        column: error.column(),
        cause: cause(document, &error),
    })?;
    let found = catalogue.vulnerabilities.len();
    if catalogue.count != found || found > ENTRIES_MAX {
        return Err(KevError::Count { declared: catalogue.count, found });
    }
    if found == 0 {
        return Err(KevError::Head { field: "vulnerabilities", problem: "empty".to_owned() });
    }
    let released_at: Timestamp = catalogue
        .date_released
        .parse()
        .map_err(|error| KevError::Head { field: "dateReleased", problem: format!("not an instant: {error}") })?;
    let mut bulletins = BTreeMap::new();
    for (index, entry) in catalogue.vulnerabilities.into_iter().enumerate() {
        let refuse = |id: &str, problem: String| KevError::Entry { index, id: id.chars().take(32).collect(), problem };
        let id = entry.cve_id.clone();
        let bulletin = entry.normalise().map_err(|problem| refuse(&id, problem))?;
        if bulletins.insert(id.clone(), bulletin).is_some() {
            return Err(refuse(&id, "listed twice".to_owned()));
        }
    }
    let source_sha256 = Sha256::digest(document).into();
    Ok(Edition { version: catalogue.catalog_version, released_at, bulletins, source_sha256 })
}

/// A page of HTML in place of the document is the usual mistake of a proxy: say so.
fn cause(document: &[u8], error: &serde_json::Error) -> String {
    let start: Vec<u8> = document.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).take(1).collect();
    if start == b"<" { "this is HTML or XML, not JSON".to_owned() } else { error.to_string() }
}

impl Entry {
    fn normalise(self) -> Result<Bulletin, String> {
        if !is_cve_id(&self.cve_id) {
            return Err("cveID is not of the form CVE-2024-12345".to_owned());
        }
        for text in [
            &self.vendor_project,
            &self.product,
            &self.vulnerability_name,
            &self.short_description,
            &self.required_action,
            &self.notes,
        ] {
            if text.len() > TEXT_BYTES_MAX {
                return Err(format!("a text of {} bytes", text.len()));
            }
        }
        Ok(Bulletin {
            title: self.vulnerability_name,
            description: self.short_description,
            vendor: self.vendor_project,
            product: self.product,
            published_at: day("dateAdded", &self.date_added)?,
            due_at: Some(day("dueDate", &self.due_date)?),
            exploited: true,
            ransomware: self.known_ransomware_campaign_use == "Known",
            required_action: self.required_action,
            aliases: vec![self.cve_id.clone()],
            weaknesses: self.cwes,
            references: self
                .notes
                .split(';')
                .map(str::trim)
                .filter(|note| note.starts_with("http"))
                .map(str::to_owned)
                .collect(),
            id: self.cve_id,
        })
    }
}

/// The catalogue gives days; a day begins at midnight UTC.
fn day(field: &str, text: &str) -> Result<Timestamp, String> {
    let date: Date = text.parse().map_err(|_| format!("{field} {text:?} is not a day"))?;
    let midnight = date.to_zoned(TimeZone::UTC).map_err(|error| format!("{field} {text:?}: {error}"))?;
    Ok(midnight.timestamp())
}

/// `CVE-` year `-` four or more digits.
fn is_cve_id(id: &str) -> bool {
    let mut parts = id.splitn(3, '-');
    let (prefix, year, number) = (parts.next(), parts.next(), parts.next());
    let digits = |text: Option<&str>, least: usize, most: usize| {
        text.is_some_and(|text| (least..=most).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit()))
    };
    prefix == Some("CVE") && digits(year, 4, 4) && digits(number, 4, 19)
}
