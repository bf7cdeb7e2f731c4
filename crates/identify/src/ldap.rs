//! LDAP by its root entry (RFC 4511, 4.5; RFC 4512, 5.1), which is read without binding.

use crate::Fingerprint;
use crate::products::Found;
use crate::reader::{Reader, find};

/// What is asked for; a star does not include operational attributes.
const ATTRIBUTES: [&str; 8] = [
    "objectClass",
    "vendorName",
    "vendorVersion",
    "dnsHostName",
    "forestFunctionality",
    "domainControllerFunctionality",
    "supportedLDAPVersion",
    "configContext",
];

/// Every length here is below 128 but that of the whole.
fn tlv(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut out = vec![tag];
    if let Ok(length @ ..128) = u8::try_from(content.len()) {
        out.push(length);
    } else {
        out.push(0x82);
        out.extend(u16::try_from(content.len()).unwrap_or(0).to_be_bytes());
    }
    out.extend(content);
    out
}

/// A search of the root entry.
#[must_use]
pub fn question() -> Vec<u8> {
    let names: Vec<u8> = ATTRIBUTES.iter().flat_map(|name| tlv(4, name.as_bytes())).collect();
    // Base "", scope base object, no dereferencing, 1 entry, 5 s, values too, (objectClass=*).
    let mut search = vec![4, 0, 10, 1, 0, 10, 1, 0, 2, 1, 1, 2, 1, 5, 1, 1, 0];
    search.extend(tlv(0x87, b"objectClass"));
    search.extend(tlv(0x30, &names));
    tlv(0x30, &[vec![2, 1, 1], tlv(0x63, &search)].concat())
}

/// The first value of an attribute.
fn attribute(reply: &[u8], name: &str) -> Option<String> {
    let sought = tlv(4, name.as_bytes());
    let mut rest = Reader::new(reply.get(find(reply, &sought)? + sought.len()..)?);
    let (0x31, values) = rest.element()? else { return None };
    let (4, value) = Reader::new(values).element()? else { return None };
    Some(crate::clean(&String::from_utf8_lossy(value), 128))
}

/// Reads the answer: an entry, or that there is none.
#[must_use]
pub fn answer(reply: &[u8]) -> Option<Fingerprint> {
    let mut outer = Reader::new(reply);
    let 0x30 = outer.u8()? else { return None };
    // The lengths of Active Directory take four bytes even where one would do.
    let head = match outer.u8()? {
        length @ 0x81..=0x84 => 2 + usize::from(length & 0x7f),
        ..=0x7f => 2,
        _ => return None,
    };
    let (&[2, 1, 1], operation) = reply.get(head..)?.split_first_chunk::<3>()? else { return None };
    if !matches!(operation.first()?, 0x64 | 0x65) {
        return None;
    }
    let (vendor, version) = (attribute(reply, "vendorName"), attribute(reply, "vendorVersion"));
    let (evidence, found) = if let Some(level) = attribute(reply, "domainControllerFunctionality") {
        (
            format!("domainControllerFunctionality {level}"),
            Found { vendor: "Microsoft", product: "Active Directory", version: "" },
        )
    } else if find(reply, b"OpenLDAProotDSE").is_some() {
        ("objectClass OpenLDAProotDSE".to_owned(), Found { vendor: "OpenLDAP", product: "OpenLDAP", version: "" })
    } else {
        (String::new(), Found { vendor: "", product: "", version: "" })
    };
    let evidence = vendor.as_ref().map_or(evidence, |vendor| format!("vendorName {vendor}"));
    let mut print = Fingerprint::new("ldap", "ldap.root", &evidence).with(&found);
    if let Some(vendor) = vendor {
        let named = Found { vendor: &vendor, product: version.as_deref().unwrap_or(&vendor), version: "" };
        print = print.with(&named);
    }
    Some(print)
}

/// The name of the machine, which Active Directory says.
#[must_use]
pub fn host_name(reply: &[u8]) -> Option<String> {
    attribute(reply, "dnsHostName")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn entry(name: &str, value: &str) -> Vec<u8> {
        let pair = tlv(0x30, &[tlv(4, name.as_bytes()), tlv(0x31, &tlv(4, value.as_bytes()))].concat());
        let entry = tlv(0x64, &[vec![4, 0], tlv(0x30, &pair)].concat());
        tlv(0x30, &[vec![2, 1, 1], entry].concat())
    }

    #[test]
    fn servers_are_named_by_their_root_entry() {
        assert_eq!(answer(&entry("objectClass", "OpenLDAProotDSE")).unwrap().product, "OpenLDAP");
        assert_eq!(answer(&entry("domainControllerFunctionality", "7")).unwrap().product, "Active Directory");
        assert_eq!(answer(&entry("vendorName", "389 Project")).unwrap().vendor, "389 Project");
        assert_eq!(host_name(&entry("dnsHostName", "dc1.example")).unwrap(), "dc1.example");
        assert_eq!(answer(&question()), None);
    }

    proptest! {
        #[test]
        fn any_entry_is_survived(tail in proptest::collection::vec(any::<u8>(), 0..80)) {
            let _ = answer(&[[0x30, 60, 2, 1, 1, 0x64].as_slice(), &tail, &tlv(4, b"vendorName"), &tail].concat());
        }
    }
}
