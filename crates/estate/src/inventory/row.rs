//! One row of an inventory file.

use csv::ByteRecord;
use jiff::Timestamp;

use super::identifier::{address, host_name, mac};
use super::seen::check_asset;
use crate::limits::{FIELD_BYTES_MAX, IDENTIFIERS_MAX};
use crate::model::{Asset, Identifier, IdentifierKind};
use crate::problem::shown;

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Column {
    Key,
    Name,
    Owner,
    SupportGroup,
    Role,
    Zone,
    BaseImage,
    Criticality,
    Address,
    Mac,
    Fqdn,
    DirectoryId,
    Serial,
    CloudId,
    ValidFrom,
    ValidUntil,
}

const COLUMNS: [(&str, Column); 16] = [
    ("key", Column::Key),
    ("name", Column::Name),
    ("owner", Column::Owner),
    ("support_group", Column::SupportGroup),
    ("role", Column::Role),
    ("zone", Column::Zone),
    ("base_image", Column::BaseImage),
    ("criticality", Column::Criticality),
    ("address", Column::Address),
    ("mac", Column::Mac),
    ("fqdn", Column::Fqdn),
    ("directory_id", Column::DirectoryId),
    ("serial", Column::Serial),
    ("cloud_id", Column::CloudId),
    ("valid_from", Column::ValidFrom),
    ("valid_until", Column::ValidUntil),
];

impl Column {
    pub(super) fn from_name(name: &str) -> Option<Self> {
        COLUMNS.into_iter().find(|(known, _)| *known == name).map(|(_, column)| column)
    }

    pub(super) fn names() -> impl Iterator<Item = &'static str> {
        COLUMNS.into_iter().map(|(name, _)| name)
    }

    fn name(self) -> &'static str {
        COLUMNS.into_iter().find(|(_, column)| *column == self).map_or("", |(name, _)| name)
    }
}

/// The asset of a row, or what is wrong with it.
pub(super) fn read_row(columns: &[Column], record: &ByteRecord) -> Result<Asset, String> {
    if record.len() != columns.len() {
        let (found, wanted) = (record.len(), columns.len());
        return Err(format!("{found} fields, the header has {wanted}; quote fields that hold a comma or a line break"));
    }
    let mut asset = Asset {
        key: String::new(),
        name: String::new(),
        owner: String::new(),
        support_group: String::new(),
        role: String::new(),
        zone: String::new(),
        base_image: String::new(),
        criticality: String::new(),
        identifiers: Vec::new(),
        claims: Vec::new(),
    };
    let (mut valid_from, mut valid_until) = (None, None);
    let mut kinds = Vec::new();
    for (column, field) in columns.iter().zip(record) {
        let text = text(*column, field)?;
        match column {
            Column::Key => text.clone_into(&mut asset.key),
            Column::Name => text.clone_into(&mut asset.name),
            Column::Owner => text.clone_into(&mut asset.owner),
            Column::SupportGroup => text.clone_into(&mut asset.support_group),
            Column::Role => text.clone_into(&mut asset.role),
            Column::Zone => text.clone_into(&mut asset.zone),
            Column::BaseImage => text.clone_into(&mut asset.base_image),
            Column::Criticality => text.clone_into(&mut asset.criticality),
            Column::Address => each(text, &mut kinds, |part| address(part).map(IdentifierKind::Address))?,
            Column::Mac => each(text, &mut kinds, |part| mac(part).map(IdentifierKind::Mac))?,
            Column::Fqdn => each(text, &mut kinds, |part| host_name(part).map(IdentifierKind::Fqdn))?,
            Column::DirectoryId => each(text, &mut kinds, |part| Ok(IdentifierKind::DirectoryId(part.to_owned())))?,
            Column::Serial => each(text, &mut kinds, |part| Ok(IdentifierKind::Serial(part.to_owned())))?,
            Column::CloudId => each(text, &mut kinds, |part| Ok(IdentifierKind::CloudId(part.to_owned())))?,
            Column::ValidFrom => valid_from = instant(*column, text)?,
            Column::ValidUntil => valid_until = instant(*column, text)?,
        }
    }
    asset.identifiers = kinds.into_iter().map(|kind| Identifier { kind, valid_from, valid_until }).collect();
    check_asset(&asset)?;
    Ok(asset)
}

fn text(column: Column, field: &[u8]) -> Result<&str, String> {
    let name = column.name();
    if field.len() > FIELD_BYTES_MAX {
        let bytes = field.len();
        return Err(format!("{name} has {bytes} bytes, at most {FIELD_BYTES_MAX}; is a closing quote missing?"));
    }
    let text = std::str::from_utf8(field).map_err(|_| format!("{name} is not UTF-8; save the file as UTF-8"))?.trim();
    Ok(text)
}

/// The parts of a field that may hold several; one that stands twice counts once.
fn each(
    text: &str,
    kinds: &mut Vec<IdentifierKind>,
    read: impl Fn(&str) -> Result<IdentifierKind, String>,
) -> Result<(), String> {
    for part in text.split(';').map(str::trim).filter(|part| !part.is_empty()) {
        let kind = read(part)?;
        if !kinds.contains(&kind) {
            kinds.push(kind);
        }
        if kinds.len() > IDENTIFIERS_MAX {
            return Err(format!("more than {IDENTIFIERS_MAX} identifiers"));
        }
    }
    Ok(())
}

fn instant(column: Column, text: &str) -> Result<Option<Timestamp>, String> {
    if text.is_empty() {
        return Ok(None);
    }
    let wrong = |_| format!("{} {} is no instant; write 2026-01-01T00:00:00Z", column.name(), shown(text));
    text.parse().map(Some).map_err(wrong)
}
