//! Who may allow packets.

use ed25519_dalek::SigningKey;
use muster_estate::scope::{ScopeError, Standing, TrustedKeys, public_key_hex, sign_scope, verify_scope};

use crate::strategy;

const SECRET: [u8; 32] = [42; 32];

fn trusted() -> TrustedKeys {
    TrustedKeys::from_hex([public_key_hex(&SECRET).as_str()]).unwrap()
}

#[test]
fn unsigned_reaches_loopback_only() {
    let mut site = strategy::small();
    assert_eq!(verify_scope(&site, &trusted()), Ok(Standing::Loopback));
    for beyond in ["10.0.0.0/8", "126.0.0.0/7", "0.0.0.0/0", "::/0", "::/127", "fd00::/64", "::ffff:7f00:1/128"] {
        site.ranges[0].block = beyond.parse().unwrap();
        assert!(matches!(verify_scope(&site, &trusted()), Err(ScopeError::Unsigned { .. })), "{beyond}");
    }
    site.ranges[0].block = "::1/128".parse().unwrap();
    assert_eq!(verify_scope(&site, &trusted()), Ok(Standing::Loopback));
    site.scope.include = vec!["10.0.0.0/8".parse().unwrap()];
    assert!(verify_scope(&site, &trusted()).is_err());
}

#[test]
fn a_signature_holds_for_its_content_and_its_signer() {
    let mut site = strategy::small();
    site.ranges[0].block = "10.0.0.0/8".parse().unwrap();
    sign_scope(&mut site, &SECRET);
    assert_eq!(verify_scope(&site, &trusted()), Ok(Standing::Signed));

    let mut counted = site.clone();
    counted.revision += 1;
    assert_eq!(verify_scope(&counted, &trusted()), Ok(Standing::Signed), "the server counts revisions");

    let mut wider = site.clone();
    wider.scope.rate_site_pps += 1;
    assert!(matches!(verify_scope(&wider, &trusted()), Err(ScopeError::BadSignature { .. })));

    let mut foreign = site.clone();
    sign_scope(&mut foreign, &[43; 32]);
    assert!(matches!(verify_scope(&foreign, &trusted()), Err(ScopeError::UnknownSigner { .. })));
    foreign.scope.signer = SigningKey::from_bytes(&SECRET).verifying_key().to_bytes().to_vec();
    assert!(matches!(verify_scope(&foreign, &trusted()), Err(ScopeError::BadSignature { .. })));

    let mut cut = site;
    cut.scope.signature.truncate(10);
    assert!(verify_scope(&cut, &trusted()).is_err());
    cut.scope.signature.clear();
    assert!(verify_scope(&cut, &trusted()).is_err());
}

#[test]
fn a_bad_signature_does_not_count_on_loopback_either() {
    let mut site = strategy::small();
    sign_scope(&mut site, &SECRET);
    site.scope.signature[0] ^= 1;
    assert!(verify_scope(&site, &trusted()).is_err());
}

#[test]
fn a_key_that_anybody_could_sign_for_is_not_trusted() {
    // The identity point: of small order.
    let weak = format!("01{}", "00".repeat(31));
    for key in [weak.as_str(), "", "zz", "00"] {
        assert!(TrustedKeys::from_hex([key]).is_err(), "{key}");
    }
}
