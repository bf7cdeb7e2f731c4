//! Inventory records.

use muster_estate::model::{Asset, Claim, Identifier, IdentifierKind};
use muster_proto::v1;

use super::{ConvertError, time};

/// Identifiers that one asset may have.
const IDENTIFIERS_MAX: usize = 256;
/// Sources that may speak about one asset.
const CLAIMS_MAX: usize = 16;

/// To the wire.
#[must_use]
pub fn asset_to_proto(asset: &Asset) -> v1::Asset {
    v1::Asset {
        key: asset.key.clone(),
        name: asset.name.clone(),
        owner: asset.owner.clone(),
        support_group: asset.support_group.clone(),
        role: asset.role.clone(),
        zone: asset.zone.clone(),
        base_image: asset.base_image.clone(),
        criticality: asset.criticality.clone(),
        identifiers: asset.identifiers.iter().map(identifier_to_proto).collect(),
        claims: asset.claims.iter().map(claim_to_proto).collect(),
    }
}

fn claim_to_proto(claim: &Claim) -> v1::AssetClaim {
    v1::AssetClaim {
        source: claim.source.clone(),
        rank: claim.rank,
        last_seen: claim.last_seen.map(time::to_proto),
        asset: Some(asset_to_proto(&claim.asset)),
    }
}

fn claim_from_proto(field: &str, claim: &v1::AssetClaim) -> Result<Claim, ConvertError> {
    let Some(asset) = &claim.asset else { return Err(ConvertError::new(format!("{field}.asset"), "not set")) };
    if !asset.claims.is_empty() {
        return Err(ConvertError::new(format!("{field}.asset.claims"), "a claim holds no claims"));
    }
    if claim.source.is_empty() {
        return Err(ConvertError::new(format!("{field}.source"), "not set"));
    }
    Ok(Claim {
        source: claim.source.clone(),
        rank: claim.rank,
        last_seen: time::optional(&format!("{field}.last_seen"), claim.last_seen.as_ref())?,
        asset: Box::new(asset_from_proto(&format!("{field}.asset"), asset)?),
    })
}

/// From the wire.
///
/// # Errors
/// When the key is empty or an identifier cannot be read.
pub fn asset_from_proto(field: &str, asset: &v1::Asset) -> Result<Asset, ConvertError> {
    if asset.key.is_empty() {
        return Err(ConvertError::new(format!("{field}.key"), "not set"));
    }
    if asset.identifiers.len() > IDENTIFIERS_MAX {
        return Err(ConvertError::new(format!("{field}.identifiers"), format!("at most {IDENTIFIERS_MAX}")));
    }
    let identifiers = asset
        .identifiers
        .iter()
        .enumerate()
        .map(|(index, identifier)| identifier_from_proto(&format!("{field}.identifiers[{index}]"), identifier))
        .collect::<Result<_, _>>()?;
    if asset.claims.len() > CLAIMS_MAX {
        return Err(ConvertError::new(format!("{field}.claims"), format!("at most {CLAIMS_MAX}")));
    }
    let claims = asset.claims.iter().enumerate();
    let claims = claims.map(|(index, claim)| claim_from_proto(&format!("{field}.claims[{index}]"), claim));
    let claims = claims.collect::<Result<_, _>>()?;
    Ok(Asset {
        key: asset.key.clone(),
        name: asset.name.clone(),
        owner: asset.owner.clone(),
        support_group: asset.support_group.clone(),
        role: asset.role.clone(),
        zone: asset.zone.clone(),
        base_image: asset.base_image.clone(),
        criticality: asset.criticality.clone(),
        identifiers,
        claims,
    })
}

fn identifier_to_proto(identifier: &Identifier) -> v1::Identifier {
    let (kind, value) = match &identifier.kind {
        IdentifierKind::Address(address) => ("address", address.to_string()),
        IdentifierKind::Mac(mac) => ("mac", mac.clone()),
        IdentifierKind::Fqdn(fqdn) => ("fqdn", fqdn.clone()),
        IdentifierKind::DirectoryId(id) => ("directory-id", id.clone()),
        IdentifierKind::Serial(serial) => ("serial", serial.clone()),
        IdentifierKind::CloudId(id) => ("cloud-id", id.clone()),
    };
    v1::Identifier {
        kind: kind.to_owned(),
        value,
        valid_from: identifier.valid_from.map(time::to_proto),
        valid_until: identifier.valid_until.map(time::to_proto),
    }
}

fn identifier_from_proto(field: &str, identifier: &v1::Identifier) -> Result<Identifier, ConvertError> {
    let value = identifier.value.clone();
    let kind = match identifier.kind.as_str() {
        "address" => IdentifierKind::Address(
            value.parse().map_err(|_| ConvertError::new(field, format!("{value:?} is not an IP address")))?,
        ),
        "mac" => IdentifierKind::Mac(value),
        "fqdn" => IdentifierKind::Fqdn(value),
        "directory-id" => IdentifierKind::DirectoryId(value),
        "serial" => IdentifierKind::Serial(value),
        "cloud-id" => IdentifierKind::CloudId(value),
        other => return Err(ConvertError::new(field, format!("unknown kind of identifier {other:?}"))),
    };
    Ok(Identifier {
        kind,
        valid_from: time::optional(&format!("{field}.valid_from"), identifier.valid_from.as_ref())?,
        valid_until: time::optional(&format!("{field}.valid_until"), identifier.valid_until.as_ref())?,
    })
}
