//! What is imported: a file in one of the formats, or the answers of a directory.

use std::collections::HashMap;
use std::path::Path;

use clap::ValueEnum;
use jiff::Timestamp;
use muster_estate::inventory::{Import, import, read_csv};
use muster_import::{Format, Imported, Limits, Mapping};
use muster_kit::{Exit, Failure};
use muster_proto::v1::import_inventory_request::Header;

use super::super::input;
use super::super::output::Output;
use super::super::text::visible;
use super::{ImportArgs, ldap};

/// Rows that were left out and are named one by one; the rest is counted.
const SKIPPED_NAMED: usize = 20;

/// A format, as it is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum FormatName {
    /// Muster's own columns
    Csv,
    /// What ansible-inventory --list prints
    Ansible,
    /// Devices, virtual machines, addresses and interfaces of NetBox as JSON
    Netbox,
    /// Rows of cmdb_ci_server as JSON
    Servicenow,
    /// Computers of a directory
    Ldif,
}

impl From<FormatName> for Format {
    fn from(name: FormatName) -> Self {
        match name {
            FormatName::Csv => Self::Csv,
            FormatName::Ansible => Self::Ansible,
            FormatName::Netbox => Self::Netbox,
            FormatName::Servicenow => Self::Servicenow,
            FormatName::Ldif => Self::Ldif,
        }
    }
}

/// What can be mapped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attribute {
    /// Owner.
    Owner,
    /// Support group.
    SupportGroup,
    /// Role.
    Role,
    /// Zone.
    Zone,
}

pub(super) fn mapped(text: &str) -> Result<(Attribute, String), String> {
    let (attribute, field) = text.split_once('=').ok_or("write ATTRIBUTE=FIELD, such as zone=u_network_zone")?;
    let attribute = match attribute {
        "owner" => Attribute::Owner,
        "support_group" => Attribute::SupportGroup,
        "role" => Attribute::Role,
        "zone" => Attribute::Zone,
        other => return Err(format!("{other:?} cannot be mapped; owner, support_group, role and zone can")),
    };
    if field.is_empty() { Err("the field has no name".to_owned()) } else { Ok((attribute, field.to_owned())) }
}

fn mapping(args: &ImportArgs) -> Mapping {
    let mut mapping = Mapping::default();
    for (attribute, field) in &args.map {
        let of = match attribute {
            Attribute::Owner => &mut mapping.owner,
            Attribute::SupportGroup => &mut mapping.support_group,
            Attribute::Role => &mut mapping.role,
            Attribute::Zone => &mut mapping.zone,
        };
        *of = Some(field.clone());
    }
    mapping
}

/// What a source says, cut for its way.
#[derive(Debug)]
pub(super) struct Export {
    pub(super) import: Import,
    /// By key.
    pub(super) last_seen: HashMap<String, Timestamp>,
    /// What the source is called.
    source: String,
    /// The file or the server.
    pub(super) place: String,
}

impl Export {
    pub(super) fn header(&self, args: &ImportArgs, validate_only: bool) -> Header {
        let name = Path::new(&self.place).file_name();
        Header {
            site: args.site.clone(),
            source: name.map(|name| name.to_string_lossy().into_owned()).unwrap_or_default(),
            validate_only,
            force: args.force,
            origin: self.source.clone(),
        }
    }
}

/// Reads what the arguments name.
pub(super) async fn read(args: &ImportArgs, output: &mut Output) -> Result<Export, Failure> {
    if let Some(url) = &args.ldap.ldap {
        let imported = ldap::read(url, &args.ldap, &mapping(args)).await?;
        return export(args, url, Format::Ldif, imported, output);
    }
    let place = args.file.as_deref().unwrap_or_else(|| Path::new("-"));
    let (place, bytes) = input::read(place)?;
    let format = args.format.map_or_else(|| Format::of(&bytes), Format::from);
    if format == Format::Csv {
        let assets = read_csv(&place, &bytes).map_err(|problems| {
            for problem in problems.list() {
                output.say(&visible(&problem.to_string()));
            }
            let count = problems.list().len();
            input::fail(&place, Exit::Data, format!("{count} problems, named above; nothing was imported"))
        })?;
        let source = args.source.clone().unwrap_or_else(|| format.source().to_owned());
        return Ok(Export { import: import(assets), last_seen: HashMap::new(), source, place });
    }
    let imported = format
        .read(&place, &bytes, &mapping(args), Limits::default())
        .map_err(|problem| input::fail(&place, Exit::Data, problem.to_string()))?;
    export(args, &place, format, imported, output)
}

/// Says what was left out, and that nothing is left where that is so.
fn export(
    args: &ImportArgs,
    place: &str,
    format: Format,
    imported: Imported,
    output: &mut Output,
) -> Result<Export, Failure> {
    for skipped in imported.skipped.iter().take(SKIPPED_NAMED) {
        output.say(&visible(&format!("left out: {place}: {}: {}", skipped.place, skipped.reason)));
    }
    if let Some(more) = imported.skipped.len().checked_sub(SKIPPED_NAMED).filter(|more| *more > 0) {
        output.say(&format!("left out: {more} more"));
    }
    if imported.assets.is_empty() {
        let what = format!("it holds no asset in the format {}; is that what it is?", format.source());
        return Err(input::fail(place, Exit::Data, what));
    }
    let mut last_seen = HashMap::new();
    let mut assets = Vec::with_capacity(imported.assets.len());
    for found in imported.assets {
        if let Some(at) = found.last_seen {
            last_seen.insert(found.asset.key.clone(), at);
        }
        assets.push(found.asset);
    }
    let source = args.source.clone().unwrap_or_else(|| format.source().to_owned());
    Ok(Export { import: import(assets), last_seen, source, place: place.to_owned() })
}
