//! SSH as far as the host key (RFC 4253, 6 to 8; RFC 8731; RFC 5656, 4): identification, one offer of algorithms, and the
//! first message of the key exchange. The server answers it with its host key. Nothing is encrypted and nobody logs in,
//! so what we send in place of a public key is a constant.

use sha2::{Digest, Sha256};

use crate::reader::{Reader, find};

const KEXINIT: u8 = 20;
const KEX_FIRST: u8 = 30;
const KEX_REPLY: u8 = 31;
/// RFC 4253, 6.1.
const PACKET_MAX_BYTES: u32 = 35_000;
const PACKETS_MAX: usize = 8;

/// Modern first, then what servers of 2000 have.
const EXCHANGES: &str = "curve25519-sha256,curve25519-sha256@libssh.org,diffie-hellman-group14-sha256,\
                         diffie-hellman-group14-sha1,diffie-hellman-group1-sha1";
/// Always in this order, so that a server with several keys shows the same one every time.
const HOST_KEYS: &str =
    "ssh-ed25519,ecdsa-sha2-nistp256,ecdsa-sha2-nistp384,ecdsa-sha2-nistp521,rsa-sha2-512,rsa-sha2-256,ssh-rsa,ssh-dss";
const CIPHERS: &str = "chacha20-poly1305@openssh.com,aes128-ctr,aes256-ctr,aes128-gcm@openssh.com,aes128-cbc,3des-cbc";
const MACS: &str = "hmac-sha2-256,hmac-sha2-256-etm@openssh.com,hmac-sha1,hmac-md5";

/// A host key as the server showed it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostKey {
    /// "ssh-ed25519".
    pub algorithm: String,
    /// SHA-256 of the public key's blob: what `ssh-keygen -l` prints in base64.
    pub sha256: [u8; 32],
}

fn string(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend(u32::try_from(bytes.len()).unwrap_or(0).to_be_bytes());
    out.extend(bytes);
}

/// A packet without encryption: blocks of eight, at least four bytes of padding.
fn packet(payload: &[u8]) -> Vec<u8> {
    let padding = 4 + (8 - (payload.len() + 9) % 8) % 8;
    let mut out = u32::try_from(payload.len() + padding + 1).unwrap_or(0).to_be_bytes().to_vec();
    out.push(u8::try_from(padding).unwrap_or(4));
    out.extend(payload);
    out.resize(out.len() + padding, 0);
    out
}

/// Our identification and offer.
#[must_use]
pub fn offer() -> Vec<u8> {
    let mut payload = vec![KEXINIT];
    payload.extend(*b"muster.v1 audit\0");
    for list in [EXCHANGES, HOST_KEYS, CIPHERS, CIPHERS, MACS, MACS, "none", "none", "", ""] {
        string(&mut payload, list.as_bytes());
    }
    // No guess follows; reserved.
    payload.extend([0; 5]);
    let mut out = concat!("SSH-2.0-Muster_", env!("CARGO_PKG_VERSION"), "\r\n").as_bytes().to_vec();
    out.extend(packet(&payload));
    out
}

/// The packets behind the identification line, as far as they are there.
fn packets(received: &[u8]) -> impl Iterator<Item = &[u8]> {
    let line = if received.starts_with(b"SSH-") { Some(0) } else { find(received, b"\nSSH-").map(|at| at + 1) };
    let behind = line.and_then(|at| Some(at + find(received.get(at..)?, b"\n")? + 1));
    let mut rest = Reader::new(behind.and_then(|at| received.get(at..)).unwrap_or_default());
    std::iter::from_fn(move || {
        let length = rest.u32().filter(|length| (2..=PACKET_MAX_BYTES).contains(length))?;
        let packet = rest.take(usize::try_from(length).ok()?)?;
        let (padding, body) = packet.split_first()?;
        body.get(..body.len().checked_sub(usize::from(*padding))?)
    })
    .take(PACKETS_MAX)
}

/// The first message of the exchange that we and the server agree on; `None` while its offer has not come, or without
/// an agreement.
#[must_use]
pub fn exchange(received: &[u8]) -> Option<Vec<u8>> {
    let offer = packets(received).find(|payload| payload.first() == Some(&KEXINIT))?;
    let mut fields = Reader::new(offer.get(17..)?);
    let length = usize::try_from(fields.u32()?).ok()?;
    let theirs = std::str::from_utf8(fields.take(length)?).ok()?;
    let agreed = EXCHANGES.split(',').find(|ours| theirs.split(',').any(|their| their == *ours))?;
    let mut payload = vec![KEX_FIRST];
    if agreed.starts_with("curve25519") {
        // The base point (RFC 7748, 4.1), little endian.
        let mut point = [0; 32];
        point[0] = 9;
        string(&mut payload, &point);
    } else {
        // Below both primes and with enough bits set for those who count them.
        string(&mut payload, &[0x5a; 128]);
    }
    Some(packet(&payload))
}

/// The host key, if it has come.
#[must_use]
pub fn host_key(received: &[u8]) -> Option<HostKey> {
    let reply = packets(received).find(|payload| payload.first() == Some(&KEX_REPLY))?;
    let mut fields = Reader::new(reply.get(1..)?);
    let length = usize::try_from(fields.u32()?).ok()?;
    let blob = fields.take(length)?;
    let mut fields = Reader::new(blob);
    let length = usize::try_from(fields.u32()?).ok()?;
    let algorithm = std::str::from_utf8(fields.take(length)?).ok()?;
    Some(HostKey { algorithm: crate::clean(algorithm, 64), sha256: Sha256::digest(blob).into() })
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;

    use super::*;

    pub(crate) fn server(exchanges: &str) -> Vec<u8> {
        let mut payload = vec![KEXINIT];
        payload.extend([3; 16]);
        string(&mut payload, exchanges.as_bytes());
        let mut out = b"hello\r\nSSH-2.0-OpenSSH_9.2p1 Debian-2\r\n".to_vec();
        out.extend(packet(&payload));
        out
    }

    pub(crate) fn with_key(mut received: Vec<u8>) -> Vec<u8> {
        let mut blob = Vec::new();
        string(&mut blob, b"ssh-ed25519");
        string(&mut blob, &[4; 32]);
        let mut payload = vec![KEX_REPLY];
        string(&mut payload, &blob);
        received.extend(packet(&payload));
        received
    }

    #[test]
    fn the_exchange_is_one_that_both_know() {
        let modern = exchange(&server("sntrup761x25519-sha512,curve25519-sha256")).unwrap();
        let old = exchange(&server("diffie-hellman-group1-sha1")).unwrap();
        assert!(modern.len() < 64 && old.len() > 128);
        assert!(modern.len().is_multiple_of(8) && old.len().is_multiple_of(8));
        assert_eq!(exchange(&server("unheard-of")), None);
        assert_eq!(exchange(b"SSH-2.0-OpenSSH_9.2p1\r\n"), None);
    }

    #[test]
    fn the_host_key_is_the_hash_of_its_blob() {
        let key = host_key(&with_key(server("curve25519-sha256"))).unwrap();
        assert_eq!(key.algorithm, "ssh-ed25519");
        let mut blob = Vec::new();
        string(&mut blob, b"ssh-ed25519");
        string(&mut blob, &[4; 32]);
        assert_eq!(key.sha256, <[u8; 32]>::from(Sha256::digest(&blob)));
        assert_eq!(host_key(&server("curve25519-sha256")), None);
    }

    proptest! {
        #[test]
        fn any_packets_are_survived(tail in proptest::collection::vec(any::<u8>(), 0..300)) {
            let received = [b"SSH-2.0-x\r\n".as_slice(), &tail].concat();
            let _ = (exchange(&received), host_key(&received));
        }
    }
}
