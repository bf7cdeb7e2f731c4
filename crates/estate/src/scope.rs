//! Who allowed a scope: Ed25519 (RFC 8032) over the site's canonical encoding. Unsigned reaches loopback only.
//!
//! The signature covers the whole declaration of the site, since a zone's policy and the ranges decide what is sent
//! as much as the scope does. It says "this content was allowed", not "this is the newest": order is the server's.

use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use ipnet::IpNet;
use thiserror::Error;

use crate::canonical::canonical;
use crate::model::Site;

/// Keys that may sign; bounded, since each is compared with.
const KEYS_MAX: usize = 64;

/// Why a scope does not count.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ScopeError {
    /// Not signed, and more than loopback.
    #[error(
        "failed to accept the scope of site {site}: it is not signed and {block} is beyond loopback; sign it with \
         `muster site sign`"
    )]
    Unsigned {
        /// The site.
        site: String,
        /// A block beyond loopback.
        block: IpNet,
    },
    /// Signed by nobody we know.
    #[error("failed to accept the scope of site {site}: its signer {signer} is not among the trusted keys")]
    UnknownSigner {
        /// The site.
        site: String,
        /// The signer's public key in hexadecimal digits.
        signer: String,
    },
    /// Signed over something else.
    #[error(
        "failed to accept the scope of site {site}: the signature by {signer} is not over this content; sign it again"
    )]
    BadSignature {
        /// The site.
        site: String,
        /// The signer's public key in hexadecimal digits.
        signer: String,
    },
    /// A trusted key that is none.
    #[error("failed to read trusted key {key:?}: it is not an Ed25519 public key of 64 hexadecimal digits")]
    BadKey {
        /// What was given.
        key: String,
    },
    /// More keys than anybody keeps an eye on.
    #[error("failed to read the trusted keys: more than {KEYS_MAX}")]
    TooManyKeys,
}

/// What an accepted scope rests on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// A signature by a trusted key.
    Signed,
    /// All addresses are loopback.
    Loopback,
    /// The site was taken out: nothing is sent.
    Removed,
}

/// The public keys whose signature counts.
#[derive(Debug, Clone, Default)]
pub struct TrustedKeys(Vec<VerifyingKey>);

impl TrustedKeys {
    /// Reads keys in hexadecimal digits.
    ///
    /// # Errors
    /// When one is no usable key: of the wrong length, not a point, or of small order.
    pub fn from_hex<'a>(keys: impl IntoIterator<Item = &'a str>) -> Result<Self, ScopeError> {
        let mut trusted = Vec::new();
        for key in keys {
            let wrong = || ScopeError::BadKey { key: key.chars().take(80).collect() };
            let mut bytes = [0; 32];
            hex::decode_to_slice(key.trim(), &mut bytes).map_err(|_| wrong())?;
            let key = VerifyingKey::from_bytes(&bytes).map_err(|_| wrong())?;
            if key.is_weak() {
                return Err(wrong());
            }
            trusted.push(key);
            if trusted.len() > KEYS_MAX {
                return Err(ScopeError::TooManyKeys);
            }
        }
        Ok(Self(trusted))
    }
}

/// What is signed: a domain, then the canonical encoding with an empty signature. The signer's key is part of it.
#[must_use]
pub fn signing_payload(site: &Site) -> Vec<u8> {
    let mut unsigned = site.clone();
    unsigned.scope.signature.clear();
    let mut payload = b"muster.v1.scope-signature\0".to_vec();
    payload.extend_from_slice(&canonical(&unsigned));
    payload
}

/// Signs a site's scope with the 32 bytes of a secret key (RFC 8032, section 5.1.5).
pub fn sign_scope(site: &mut Site, secret: &[u8; 32]) {
    let key = SigningKey::from_bytes(secret);
    site.scope.signer = key.verifying_key().to_bytes().to_vec();
    site.scope.signature = key.sign(&signing_payload(site)).to_bytes().to_vec();
}

/// The public key of a secret one, in hexadecimal digits as [`TrustedKeys::from_hex`] reads it.
#[must_use]
pub fn public_key_hex(secret: &[u8; 32]) -> String {
    hex::encode(SigningKey::from_bytes(secret).verifying_key().to_bytes())
}

/// Whether packets may be sent by this scope. A signature that is there has to hold, on loopback too.
///
/// # Errors
/// When it is unsigned beyond loopback, or the signature does not hold.
pub fn verify_scope(site: &Site, trusted: &TrustedKeys) -> Result<Standing, ScopeError> {
    if site.removed {
        return Ok(Standing::Removed);
    }
    if site.scope.signature.is_empty() && site.scope.signer.is_empty() {
        return match first_beyond_loopback(site) {
            None => Ok(Standing::Loopback),
            Some(block) => Err(ScopeError::Unsigned { site: site.name.clone(), block }),
        };
    }
    let signer = || hex::encode(site.scope.signer.get(..32).unwrap_or(&site.scope.signer));
    let Some(key) = trusted.0.iter().find(|key| key.as_bytes().as_slice() == site.scope.signer) else {
        return Err(ScopeError::UnknownSigner { site: site.name.clone(), signer: signer() });
    };
    let holds = Signature::from_slice(&site.scope.signature)
        .is_ok_and(|signature| key.verify_strict(&signing_payload(site), &signature).is_ok());
    if holds {
        Ok(Standing::Signed)
    } else {
        Err(ScopeError::BadSignature { site: site.name.clone(), signer: signer() })
    }
}

/// Whether a scope may be used: signed by a trusted key, or of loopback alone.
#[must_use]
pub fn scope_is_acceptable(site: &Site, trusted: &TrustedKeys) -> bool {
    verify_scope(site, trusted).is_ok()
}

/// The first block that is not within 127.0.0.0/8 (RFC 1122, section 3.2.1.3) or ::1 (RFC 4291, section 2.5.3).
fn first_beyond_loopback(site: &Site) -> Option<IpNet> {
    let blocks = site.ranges.iter().map(|range| &range.block).chain(&site.scope.include);
    blocks.copied().find(|block| match block {
        IpNet::V4(block) => !(block.prefix_len() >= 8 && block.addr().is_loopback()),
        IpNet::V6(block) => !(block.prefix_len() == 128 && block.addr().is_loopback()),
    })
}
