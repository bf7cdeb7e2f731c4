//! The name in a client's certificate. That it was signed by the trusted authority, rustls has checked before.

use rustls_pki_types::CertificateDer;
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};

/// The name a certificate speaks for: its first URI, else its first DNS name, else its common name.
#[must_use]
pub fn name_of(certificate: &CertificateDer<'_>) -> Option<String> {
    let (_, certificate) = X509Certificate::from_der(certificate).ok()?;
    let names = certificate.subject_alternative_name().ok().flatten();
    let names = names.map(|extension| extension.value.general_names.as_slice()).unwrap_or_default();
    let uri =
        names.iter().find_map(|name| if let GeneralName::URI(uri) = name { Some((*uri).to_owned()) } else { None });
    let dns = || {
        names
            .iter()
            .find_map(|name| if let GeneralName::DNSName(name) = name { Some((*name).to_owned()) } else { None })
    };
    let common = || certificate.subject().iter_common_name().next()?.as_str().ok().map(str::to_owned);
    uri.or_else(dns).or_else(common)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn certificate(names: &[&str], common: &str) -> CertificateDer<'static> {
        let mut params = rcgen::CertificateParams::new(Vec::<String>::new()).unwrap();
        params.distinguished_name.push(rcgen::DnType::CommonName, common);
        for name in names {
            params.subject_alt_names.push(if name.contains("://") {
                rcgen::SanType::URI((*name).try_into().unwrap())
            } else {
                rcgen::SanType::DnsName((*name).try_into().unwrap())
            });
        }
        params.self_signed(&rcgen::KeyPair::generate().unwrap()).unwrap().der().clone()
    }

    #[test]
    fn a_uri_comes_before_a_dns_name_before_the_common_name() {
        assert_eq!(name_of(&certificate(&["a.example", "spiffe://x/y"], "cn")).as_deref(), Some("spiffe://x/y"));
        assert_eq!(name_of(&certificate(&["a.example"], "cn")).as_deref(), Some("a.example"));
        assert_eq!(name_of(&certificate(&[], "cn")).as_deref(), Some("cn"));
        assert_eq!(name_of(&CertificateDer::from(vec![1, 2, 3])), None);
    }
}
