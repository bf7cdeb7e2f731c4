//! Against a slapd of this test's own, on loopback, with TLS and a limit on what one answer may hold. Where none is
//! installed the tests that need one say so and end.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use muster_estate::model::{Identifier, IdentifierKind};
use tempfile::TempDir;

use super::*;

/// More than two pages, and twelve times what the server gives without pages.
const COMPUTERS: usize = 1_203;
const SECRET: &str = "correct horse";
const READER: &str = "cn=muster,dc=example,dc=org";

struct Slapd {
    child: Child,
    folder: TempDir,
    plain: u16,
    tls: u16,
}

impl Drop for Slapd {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn program(name: &str) -> Option<PathBuf> {
    ["/usr/sbin", "/usr/libexec", "/usr/lib/openldap"].iter().map(|at| Path::new(at).join(name)).find(|at| at.exists())
}

/// Starts the server on two free ports of loopback; `None`: it does not answer on both.
fn serve(slapd: &Path, conf: &Path) -> Option<(Child, u16, u16)> {
    let held = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    let [plain, tls] = held.each_ref().map(|listener| listener.local_addr().unwrap().port());
    drop(held);
    let mut child = Command::new(slapd)
        .args(["-d", "stats", "-h", &format!("ldap://127.0.0.1:{plain}/ ldaps://127.0.0.1:{tls}/"), "-f"])
        .arg(conf)
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
    let mut said = Vec::new();
    let up = lines.by_ref().any(|line| {
        said.push(line);
        said.last().is_some_and(|line| line.contains("slapd starting"))
    });
    // It says so just before it listens.
    let deadline = Instant::now() + Duration::from_secs(10);
    let answers = |port| {
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            if Instant::now() > deadline {
                return false;
            }
            std::thread::yield_now();
        }
        true
    };
    if up && answers(plain) && answers(tls) {
        // It writes on; a full pipe would stop it.
        std::thread::spawn(move || lines.for_each(drop));
        return Some((child, plain, tls));
    }
    eprintln!("slapd does not serve: {said:#?}");
    child.kill().unwrap();
    child.wait().unwrap();
    None
}

fn entries() -> String {
    let mut text = format!(
        "dn: dc=example,dc=org\nobjectClass: organization\nobjectClass: dcObject\no: example\ndc: example\n\n\
         dn: {READER}\nobjectClass: organizationalRole\nobjectClass: simpleSecurityObject\ncn: muster\n\
         userPassword: {SECRET}\n\n"
    );
    for number in 0..COMPUTERS {
        let off = if number == 7 { 4098 } else { 4096 };
        write!(
            text,
            "dn: cn=PC{number:04},dc=example,dc=org\nobjectClass: computer\ncn: PC{number:04}\n\
             objectGUID:: {}\ndNSHostName: pc{number:04}.example.org\nmanagedBy: {READER}\nou: floor {}\n\
             lastLogonTimestamp: 134089992000000000\nuserAccountControl: {off}\n\n",
            guid(number),
            number % 3
        )
        .unwrap();
    }
    text
}

/// 16 bytes in base64: those of a number, and what makes them no text.
fn guid(number: usize) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut bytes = [0xff_u8; 16];
    bytes[..8].copy_from_slice(&(number as u64).to_be_bytes());
    let groups = bytes.chunks(3).map(|group| {
        let bits = group.iter().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - group.len()));
        let letter = |place: usize| char::from(LETTERS[(bits >> (18 - 6 * place)) as usize & 63]);
        (0..4).map(|place| if place <= group.len() { letter(place) } else { '=' }).collect::<String>()
    });
    groups.collect()
}

/// Starts a server, or says that there is none.
fn start() -> Option<Slapd> {
    let schemas = ["/etc/ldap/schema", "/etc/openldap/schema"].into_iter().map(Path::new).find(|at| at.exists());
    let (Some(slapd), Some(slapadd), Some(schemas)) = (program("slapd"), program("slapadd"), schemas) else {
        eprintln!("skipped: there is no slapd; install it with: apt-get install slapd");
        return None;
    };
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    let key = rcgen::KeyPair::generate().unwrap();
    let mut params = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let authority = rcgen::CertifiedIssuer::self_signed(params, key).unwrap();
    let own = rcgen::KeyPair::generate().unwrap();
    let params = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    let certificate = params.signed_by(&own, &authority).unwrap();
    file("ca.pem", &authority.pem());
    file("cert.pem", &certificate.pem());
    file("key.pem", &own.serialize_pem());
    file("ad.schema", include_str!("ad.schema"));
    file("data.ldif", &entries());
    file("password", &format!("{SECRET}\n"));
    std::fs::create_dir(folder.path().join("db")).unwrap();
    let at = folder.path().display();
    let modules = ["/usr/lib/ldap", "/usr/lib64/openldap"].into_iter().find(|at| Path::new(at).exists());
    let modules = modules.map(|at| format!("modulepath {at}\nmoduleload back_mdb\n")).unwrap_or_default();
    file(
        "slapd.conf",
        &format!(
            "include {}/core.schema\ninclude {at}/ad.schema\n{modules}\
             TLSCACertificateFile {at}/ca.pem\nTLSCertificateFile {at}/cert.pem\nTLSCertificateKeyFile {at}/key.pem\n\
             pidfile {at}/slapd.pid\ndatabase mdb\nsuffix \"dc=example,dc=org\"\ndirectory {at}/db\nmaxsize 67108864\n\
             limits users size.soft=100 size.hard=100 size.pr=1000 size.prtotal=unlimited\n\
             access to attrs=userPassword by anonymous auth by * none\naccess to * by users read by * none\n",
            schemas.display()
        ),
    );
    let conf = folder.path().join("slapd.conf");
    let data = folder.path().join("data.ldif");
    let added = Command::new(slapadd).arg("-q").arg("-f").arg(&conf).arg("-l").arg(data).output().unwrap();
    assert!(added.status.success(), "{}", String::from_utf8_lossy(&added.stderr));
    // Another process may take a port between the look and the start.
    let (child, plain, tls) = (0..10).find_map(|_| serve(&slapd, &conf)).expect("slapd starts on free ports");
    Some(Slapd { child, folder, plain, tls })
}

impl Slapd {
    fn args(&self) -> LdapArgs {
        LdapArgs {
            ldap: None,
            base: Some("dc=example,dc=org".to_owned()),
            bind_dn: Some(READER.to_owned()),
            password_file: Some(self.folder.path().join("password")),
            start_tls: false,
            ldap_ca: Some(self.folder.path().join("ca.pem")),
        }
    }
}

#[tokio::test]
async fn computers_are_read_in_pages_over_tls() {
    let Some(slapd) = start() else { return };
    let mapping = Mapping { zone: Some("ou".to_owned()), ..Mapping::default() };
    let args = slapd.args();
    let read = read(&format!("ldaps://localhost:{}", slapd.tls), &args, &mapping).await.unwrap();
    assert_eq!(read.assets.len(), COMPUTERS - 1, "all but the one that is disabled: {:?}", read.skipped);
    assert_eq!(read.skipped.len(), 1);
    assert!(read.skipped[0].reason.contains("PC0007"), "{:?}", read.skipped);
    let found = read.assets.iter().find(|found| found.asset.name == "PC0258").unwrap();
    assert_eq!((found.asset.owner.as_str(), found.asset.zone.as_str()), ("muster", "floor 0"));
    assert_eq!(found.asset.key, "00000000-0000-0201-ffff-ffffffffffff");
    let holds = |kind: IdentifierKind| {
        found.asset.identifiers.contains(&Identifier { kind, valid_from: None, valid_until: None })
    };
    assert!(holds(IdentifierKind::Fqdn("pc0258.example.org".to_owned())), "{found:?}");
    assert!(holds(IdentifierKind::DirectoryId(found.asset.key.clone())), "{found:?}");
    assert_eq!(found.last_seen.map(|at| at.to_string()).as_deref(), Some("2025-11-30T18:00:00Z"));
    // The same after the connection was turned to TLS, and without any on loopback.
    let turned = LdapArgs { start_tls: true, ..slapd.args() };
    let turned = super::read(&format!("ldap://localhost:{}", slapd.plain), &turned, &mapping).await.unwrap();
    assert_eq!(turned, read);
    let plain = super::read(&format!("ldap://127.0.0.1:{}", slapd.plain), &slapd.args(), &mapping).await.unwrap();
    assert_eq!(plain, read);
}

#[tokio::test]
async fn what_is_refused_says_why() {
    let Some(slapd) = start() else { return };
    let url = format!("ldaps://localhost:{}", slapd.tls);
    let mapping = Mapping::default();
    std::fs::write(slapd.folder.path().join("wrong"), "wrong").unwrap();
    let wrong = LdapArgs { password_file: Some(slapd.folder.path().join("wrong")), ..slapd.args() };
    let refused = read(&url, &wrong, &mapping).await.unwrap_err();
    assert_eq!(refused.exit(), Exit::Permission, "{refused}");
    assert!(refused.to_string().starts_with(&format!("failed to ask {url}: ")), "{refused}");
    // A certificate of an authority that was not named.
    let unknown = LdapArgs { ldap_ca: None, ..slapd.args() };
    let refused = read(&url, &unknown, &mapping).await.unwrap_err();
    assert_eq!(refused.exit(), Exit::Unavailable, "{refused}");
    let nowhere = LdapArgs { base: Some("dc=example,dc=com".to_owned()), ..slapd.args() };
    let refused = read(&url, &nowhere, &mapping).await.unwrap_err();
    assert_eq!(refused.exit(), Exit::Unavailable, "{refused}");
}

#[tokio::test]
async fn nothing_is_sent_without_tls_beyond_loopback() {
    let ask = async |url: &str, start_tls| {
        let args = LdapArgs { base: Some(String::new()), start_tls, ..LdapArgs::default() };
        read(url, &args, &Mapping::default()).await.unwrap_err()
    };
    for (url, start_tls) in [
        ("ldap://dc1.example.org", false),
        ("ldap://192.0.2.1:389", false),
        ("ldap://[2001:db8::1]:389", false),
        ("ldaps://dc1.example.org", true),
        ("http://127.0.0.1", false),
        ("localhost", false),
    ] {
        assert_eq!(ask(url, start_tls).await.exit(), Exit::Usage, "{url}");
    }
    let empty = tempfile::NamedTempFile::new().unwrap();
    let args = LdapArgs {
        bind_dn: Some(READER.to_owned()),
        password_file: Some(empty.path().to_owned()),
        ..LdapArgs::default()
    };
    let refused = read("ldap://127.0.0.1:1", &args, &Mapping::default()).await.unwrap_err();
    assert_eq!(refused.exit(), Exit::Data, "a bind without a password is nobody's: {refused}");
}
