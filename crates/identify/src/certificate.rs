//! The names of a certificate: the SHA-256 of its DER, and that of its public key, which outlives renewals.

use sha2::{Digest, Sha256};

use crate::reader::Reader;

/// Larger leaf certificates are named and not kept.
pub const CERTIFICATE_MAX_BYTES: usize = 16 * 1_024;

/// SHA-256 over the DER of a leaf certificate.
#[must_use]
pub fn certificate_sha256(der: &[u8]) -> [u8; 32] {
    Sha256::digest(der).into()
}

/// SHA-256 over the SubjectPublicKeyInfo of a certificate (RFC 5280, 4.1).
#[must_use]
pub fn spki_sha256(der: &[u8]) -> Option<[u8; 32]> {
    let (0x30, certificate) = Reader::new(der).element()? else { return None };
    let (0x30, to_be_signed) = Reader::new(certificate).element()? else { return None };
    let mut fields = Reader::new(to_be_signed);
    // Version, which certificates of version 1 do not have; serial, algorithm, issuer, validity, subject.
    if to_be_signed.first() == Some(&0xa0) {
        fields.element()?;
    }
    for _ in 0..5 {
        fields.element()?;
    }
    // The hash is over the whole element, with its head.
    let from_key = fields.rest();
    let (0x30, _) = fields.element()? else { return None };
    let key = from_key.get(..from_key.len() - fields.rest().len())?;
    Some(Sha256::digest(key).into())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_key_is_found_with_and_without_a_version() {
        let key = [0x30, 3, 4, 1, 7];
        let fields = [2, 0, 0x30, 0, 0x30, 0, 0x30, 0, 0x30, 0];
        let wrapped = |inner: &[u8]| {
            let signed = [&[0x30, u8::try_from(inner.len()).unwrap()], inner].concat();
            [&[0x30, u8::try_from(signed.len()).unwrap()], signed.as_slice()].concat()
        };
        let one = wrapped(&[fields.as_slice(), &key].concat());
        let three = wrapped(&[[0xa0, 0].as_slice(), &fields, &key].concat());
        assert_eq!(spki_sha256(&one), Some(Sha256::digest(key).into()));
        assert_eq!(spki_sha256(&three), spki_sha256(&one));
        assert_eq!(spki_sha256(&three[..three.len() - 1]), None);
    }

    proptest! {
        #[test]
        fn any_certificate_is_survived(tail in proptest::collection::vec(any::<u8>(), 0..80)) {
            let _ = spki_sha256(&[[0x30, 70, 0x30, 60].as_slice(), &tail].concat());
        }
    }
}
