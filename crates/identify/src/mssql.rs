//! Microsoft SQL Server by its answer to a pre-login (MS-TDS, 2.2.6.5), which carries its version and needs no login.

use crate::Fingerprint;
use crate::products::Found;
use crate::reader::Reader;

const OPTIONS_MAX: usize = 16;

/// A pre-login that offers no encryption.
#[must_use]
pub fn question() -> Vec<u8> {
    // Type pre-login, end of message, length 26; then VERSION at 11 (6 bytes), ENCRYPTION at 17 (1 byte), terminator.
    let mut message = vec![0x12, 1, 0, 26, 0, 0, 1, 0];
    message.extend([0, 0, 11, 0, 6, 1, 0, 17, 0, 1, 0xff]);
    message.extend([0, 0, 0, 0, 0, 0, 2]);
    message
}

/// Reads the version of a pre-login response.
#[must_use]
pub fn answer(reply: &[u8]) -> Option<Fingerprint> {
    let mut header = Reader::new(reply);
    let (4, 1) = (header.u8()?, header.u8()?) else { return None };
    header.take(6)?;
    let body = header.rest();
    let mut options = Reader::new(body);
    for _ in 0..OPTIONS_MAX {
        let (0, at, 6) = (options.u8()?, usize::from(options.u16()?), options.u16()?) else { continue };
        let mut version = Reader::new(body.get(at..)?);
        let (major, minor, build) = (version.u8()?, version.u8()?, version.u16()?);
        let number = format!("{major}.{minor}.{build}");
        let product = match (major, minor) {
            (8, _) => "SQL Server 2000",
            (9, _) => "SQL Server 2005",
            (10, 0..50) => "SQL Server 2008",
            (10, _) => "SQL Server 2008 R2",
            (11, _) => "SQL Server 2012",
            (12, _) => "SQL Server 2014",
            (13, _) => "SQL Server 2016",
            (14, _) => "SQL Server 2017",
            (15, _) => "SQL Server 2019",
            (16, _) => "SQL Server 2022",
            (17, _) => "SQL Server 2025",
            _ => "SQL Server",
        };
        let found = Found { vendor: "Microsoft", product, version: &number };
        return Some(Fingerprint::new("mssql", "mssql.prelogin", &number).with(&found));
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_version_of_a_response_is_read() {
        let reply = [4, 1, 0, 26, 0, 0, 1, 0, 0, 0, 11, 0, 6, 1, 0, 17, 0, 1, 0xff, 15, 0, 0x07, 0xd0, 0, 0, 2];
        let print = answer(&reply).unwrap();
        assert_eq!((print.product.as_str(), print.version.as_str()), ("SQL Server 2019", "15.0.2000"));
        assert_eq!(question().len(), 26);
        assert_eq!(answer(&question()), None);
    }

    proptest! {
        #[test]
        fn any_response_is_survived(tail in proptest::collection::vec(any::<u8>(), 0..60)) {
            let _ = answer(&[[4, 1].as_slice(), &tail].concat());
        }
    }
}
