//! The canonical encoding of assets, in the terms of [`crate::canonical`].
//!
//! An asset is key, name, owner, support group, role, zone, base image, criticality (texts), then the list of its
//! identifiers: kind and value (texts, the kinds as `muster.v1.Identifier` names them), optional valid from, optional
//! valid until. Identifiers are a set: each encoding stands once, in ascending order of bytes. Where there are claims of
//! sources, their number and each of them follow: source (text), rank (number), optional last seen, its own asset.
//!
//! A chunk's hash is SHA-256 over `"muster.v1.inventory-chunk\0"`, the number of assets as u32, and each asset's
//! encoding preceded by its length.

use jiff::Timestamp;
use sha2::{Digest, Sha256};

use crate::canonical::Encoder;
use crate::model::{Asset, Identifier, IdentifierKind};

/// The encoding of one asset: equal for two assets exactly when they say the same.
#[must_use]
pub fn canonical_asset(asset: &Asset) -> Vec<u8> {
    let mut to = Encoder::default();
    let texts = [
        &asset.key,
        &asset.name,
        &asset.owner,
        &asset.support_group,
        &asset.role,
        &asset.zone,
        &asset.base_image,
        &asset.criticality,
    ];
    for text in texts {
        to.text(text);
    }
    let mut identifiers: Vec<Vec<u8>> = asset.identifiers.iter().map(identifier).collect();
    identifiers.sort_unstable();
    identifiers.dedup();
    to.length(identifiers.len());
    for identifier in identifiers {
        to.0.extend_from_slice(&identifier);
    }
    // Where the CSV alone speaks there are none, and the encoding is what it was before there were sources.
    if !asset.claims.is_empty() {
        to.length(asset.claims.len());
        for claim in &asset.claims {
            to.text(&claim.source);
            to.number(claim.rank.into());
            to.optional(claim.last_seen, Encoder::instant);
            to.bytes(&canonical_asset(&claim.asset));
        }
    }
    to.0
}

fn identifier(identifier: &Identifier) -> Vec<u8> {
    let mut to = Encoder::default();
    match &identifier.kind {
        IdentifierKind::Address(address) => pair(&mut to, "address", &address.to_string()),
        IdentifierKind::Mac(mac) => pair(&mut to, "mac", mac),
        IdentifierKind::Fqdn(fqdn) => pair(&mut to, "fqdn", fqdn),
        IdentifierKind::DirectoryId(id) => pair(&mut to, "directory-id", id),
        IdentifierKind::Serial(serial) => pair(&mut to, "serial", serial),
        IdentifierKind::CloudId(id) => pair(&mut to, "cloud-id", id),
    }
    to.optional(identifier.valid_from, |to: &mut Encoder, at: Timestamp| to.instant(at));
    to.optional(identifier.valid_until, |to: &mut Encoder, at: Timestamp| to.instant(at));
    to.0
}

fn pair(to: &mut Encoder, kind: &str, value: &str) {
    to.text(kind);
    to.text(value);
}

/// The hash of a chunk's assets, in their order.
#[must_use]
pub fn chunk_sha256(assets: &[Asset]) -> [u8; 32] {
    let mut to = Encoder(b"muster.v1.inventory-chunk\0".to_vec());
    to.length(assets.len());
    for asset in assets {
        to.bytes(&canonical_asset(asset));
    }
    Sha256::digest(&to.0).into()
}
