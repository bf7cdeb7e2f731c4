//! Real servers on loopback, started here with folders of their own, and what the prober makes of them. The truth is the
//! version of the package. A server that is not installed is skipped with a line that says so.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stderr, reason = "tests")]

use std::net::{IpAddr, Ipv4Addr, TcpListener};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use muster_identify::IdentifierKind;
use muster_scanner::gate::{Gate, Permit};
use muster_scanner::probe::{Found, ProbeOptions, Prober};
use muster_sweep::{Rates, Transport};
use tokio::time::{interval, timeout};

const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
/// A database that makes itself anew takes some seconds.
const START_MAX: Duration = Duration::from_secs(60);

/// A server, stopped with its children when it is dropped.
struct Server {
    child: Child,
    port: u16,
    folder: tempfile::TempDir,
}

impl Drop for Server {
    fn drop(&mut self) {
        // Its own process group: some fork. Nothing of it is kept, so it need not end in order.
        if let Some(group) = i32::try_from(self.child.id()).ok().and_then(rustix::process::Pid::from_raw) {
            let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
        }
        let _ = self.child.wait();
        // Postfix's master leaves the group, and writes down who it is.
        let master = std::fs::read_to_string(self.folder.path().join("spool/pid/master.pid")).unwrap_or_default();
        if let Some(master) = master.trim().parse().ok().and_then(rustix::process::Pid::from_raw) {
            let _ = rustix::process::kill_process(master, rustix::process::Signal::TERM);
        }
    }
}

/// What a server is started with: its folder and port.
type Start = fn(&Path, u16) -> Command;

fn run(command: &mut Command) {
    let output = command.stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

fn write(folder: &Path, name: &str, text: &str) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, text.replace("{dir}", &folder.display().to_string())).unwrap();
    path
}

fn command(program: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.args(arguments);
    command
}

fn free_port() -> u16 {
    TcpListener::bind((HERE, 0)).unwrap().local_addr().unwrap().port()
}

async fn started(program: &str, start: Start) -> Option<Server> {
    if !Path::new(program).exists() {
        eprintln!("skipped: {program} is not installed");
        return None;
    }
    let folder = tempfile::tempdir().unwrap();
    // Some servers give up their rights and still read what is here.
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    let port = free_port();
    let mut command = start(folder.path(), port);
    let log = std::fs::File::create(folder.path().join("log")).unwrap();
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    let child = command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log).spawn().unwrap();
    let mut server = Server { child, port, folder };
    let mut tick = interval(Duration::from_millis(50));
    let waited = timeout(START_MAX, async {
        while tokio::net::TcpStream::connect((HERE, port)).await.is_err() {
            assert!(server.child.try_wait().unwrap().is_none(), "{program} ended");
            tick.tick().await;
        }
    });
    let waited = waited.await;
    let log = std::fs::read_to_string(server.folder.path().join("log")).unwrap_or_default();
    assert!(waited.is_ok(), "{program} does not listen: {log}");
    Some(server)
}

fn prober() -> Prober {
    let scope = |_: IpAddr, _: Transport, _: u16| Ok(Permit::Payload);
    Prober::new(Arc::new(Gate::new(scope, Rates { site_pps: 10_000, host_pps: 1_000 })), ProbeOptions::default())
}

/// "1:9.2p1-2+deb12u7" is 9.2p1.
fn package_version(package: &str) -> String {
    let output = Command::new("dpkg-query").args(["-W", "-f", "${Version}", package]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let upstream = text.split_once(':').map_or(text.as_str(), |(_, rest)| rest);
    let upstream = upstream.rsplit_once('-').map_or(upstream, |(upstream, _)| upstream);
    upstream.split('+').next().unwrap().to_owned()
}

/// Starts, probes, and holds the label to the package; `package` is empty where the protocol does not say a version.
async fn holds(program: &str, package: &str, service: &str, product: &str, start: Start) -> Option<(Found, Server)> {
    let server = started(program, start).await?;
    let found = prober().probe(HERE, server.port).await;
    let print = found.fingerprint.clone().unwrap_or_else(|| panic!("{program} was not recognised: {found:?}"));
    eprintln!(
        "{product} {} by {} connection(s): {} [{} {}] {:?}",
        print.version, found.connections, print.evidence, print.os_product, print.os_version, found.identifiers
    );
    assert_eq!((print.service.as_str(), print.product.as_str()), (service, product), "{print:?}");
    if package.is_empty() {
        assert_eq!(print.version, "");
    } else {
        let truth = package_version(package);
        assert!(!truth.is_empty() && print.version.starts_with(&truth), "{} is {truth}", print.version);
    }
    assert!(found.connections <= 5, "{}", found.connections);
    Some((found, server))
}

fn nginx(folder: &Path, port: u16) -> Command {
    let text = format!(
        "daemon off; user root; pid {{dir}}/pid; error_log stderr; events {{}} http {{ access_log off; \
         client_body_temp_path {{dir}}/b; proxy_temp_path {{dir}}/p; fastcgi_temp_path {{dir}}/f; \
         uwsgi_temp_path {{dir}}/u; scgi_temp_path {{dir}}/s; server {{ listen 127.0.0.1:{port}; }} }}"
    );
    let file = write(folder, "nginx.conf", &text);
    command("/usr/sbin/nginx", &["-p", folder.to_str().unwrap(), "-c", file.to_str().unwrap()])
}

#[tokio::test]
async fn nginx_is_named() {
    holds("/usr/sbin/nginx", "nginx", "http", "nginx", nginx).await;
}

fn apache(folder: &Path, port: u16) -> Command {
    let text = format!(
        "ServerName localhost\nListen 127.0.0.1:{port}\nPidFile {{dir}}/pid\nDefaultRuntimeDir {{dir}}\n\
         LoadModule mpm_event_module /usr/lib/apache2/modules/mod_mpm_event.so\n\
         LoadModule authz_core_module /usr/lib/apache2/modules/mod_authz_core.so\n\
         User www-data\nGroup www-data\nErrorLog /dev/stderr\n"
    );
    let file = write(folder, "httpd.conf", &text);
    command("/usr/sbin/apache2", &["-DFOREGROUND", "-d", folder.to_str().unwrap(), "-f", file.to_str().unwrap()])
}

#[tokio::test]
async fn apache_is_named() {
    holds("/usr/sbin/apache2", "apache2-bin", "http", "httpd", apache).await;
}

fn sshd(folder: &Path, port: u16) -> Command {
    // Where the server gives up its rights; its package's service makes it.
    std::fs::create_dir_all("/run/sshd").unwrap();
    let key = folder.join("key");
    run(&mut command("ssh-keygen", &["-q", "-t", "ed25519", "-N", "", "-f", key.to_str().unwrap()]));
    let file = write(
        folder,
        "sshd_config",
        &format!("ListenAddress 127.0.0.1:{port}\nHostKey {{dir}}/key\nPidFile none\nUsePAM no\n"),
    );
    command("/usr/sbin/sshd", &["-D", "-e", "-f", file.to_str().unwrap()])
}

#[tokio::test]
async fn openssh_is_named_and_shows_its_host_key() {
    let Some((found, server)) = holds("/usr/sbin/sshd", "openssh-server", "ssh", "OpenSSH", sshd).await else { return };
    // `ssh-keygen -l` prints the same hash in base64.
    let key = server.folder.path().join("key.pub");
    let output = command("ssh-keygen", &["-l", "-f", key.to_str().unwrap()]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let truth = text.split("SHA256:").nth(1).unwrap().split(' ').next().unwrap();
    let identifier = &found.identifiers[0];
    assert_eq!(identifier.kind, IdentifierKind::SshHostKeySha256);
    assert_eq!(base64(&identifier.value), truth);
}

/// Hexadecimal as base64 without padding.
fn base64(hex: &str) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let bits: String = hex.chars().map(|digit| format!("{:04b}", digit.to_digit(16).unwrap())).collect();
    bits.as_bytes()
        .chunks(6)
        .map(|six| {
            let text = format!("{:0<6}", std::str::from_utf8(six).unwrap());
            char::from(LETTERS[usize::from_str_radix(&text, 2).unwrap()])
        })
        .collect()
}

fn vsftpd(folder: &Path, port: u16) -> Command {
    let text = format!(
        "listen=YES\nlisten_address=127.0.0.1\nlisten_port={port}\nbackground=NO\nanonymous_enable=YES\n\
         run_as_launching_user=YES\nsecure_chroot_dir={{dir}}\nanon_root={{dir}}\n"
    );
    let file = write(folder, "vsftpd.conf", &text);
    command("/usr/sbin/vsftpd", &[file.to_str().unwrap()])
}

#[tokio::test]
async fn vsftpd_is_named() {
    holds("/usr/sbin/vsftpd", "vsftpd", "ftp", "vsftpd", vsftpd).await;
}

fn redis(folder: &Path, port: u16) -> Command {
    let (port, folder) = (port.to_string(), folder.to_str().unwrap());
    command("/usr/bin/redis-server", &["--port", &port, "--bind", "127.0.0.1", "--dir", folder, "--save", ""])
}

#[tokio::test]
async fn redis_is_named() {
    holds("/usr/bin/redis-server", "redis-server", "redis", "Redis", redis).await;
}

fn named(folder: &Path, port: u16) -> Command {
    let text = "options { directory \"{dir}\"; listen-on-v6 { none; }; listen-on { 127.0.0.1; }; pid-file none; \
                session-keyfile none; recursion no; dnssec-validation no; }; controls { };";
    let file = write(folder, "named.conf", text);
    command("/usr/sbin/named", &["-g", "-n", "1", "-p", &port.to_string(), "-c", file.to_str().unwrap()])
}

#[tokio::test]
async fn bind_is_named() {
    holds("/usr/sbin/named", "bind9", "dns", "BIND", named).await;
}

fn mariadb(folder: &Path, port: u16) -> Command {
    // Without tables of users, which it takes long to make: it greets all the same.
    std::fs::create_dir(folder.join("data")).unwrap();
    let data = format!("--datadir={}", folder.join("data").display());
    let socket = format!("--socket={}", folder.join("socket").display());
    let port = format!("--port={port}");
    let mut command = command("/usr/sbin/mariadbd", &["--no-defaults", "--user=root", "--skip-grant-tables"]);
    command.args([&data, &socket, &port, "--bind-address=127.0.0.1"]);
    command
}

#[tokio::test]
async fn mariadb_is_named() {
    holds("/usr/sbin/mariadbd", "mariadb-server-core", "mysql", "MariaDB", mariadb).await;
}

const POSTGRES: &str = "/usr/lib/postgresql/15/bin/postgres";

fn postgres(folder: &Path, port: u16) -> Command {
    // It does not run as root.
    let as_postgres = ["--reuid=postgres", "--regid=postgres", "--clear-groups"];
    run(&mut command("chown", &["postgres:", folder.to_str().unwrap()]));
    let data = folder.join("data");
    let initdb = "/usr/lib/postgresql/15/bin/initdb";
    run(command("setpriv", &as_postgres).args([initdb, "-N", "-D", data.to_str().unwrap()]));
    let (port, folder) = (port.to_string(), folder.to_str().unwrap());
    let mut command = command("setpriv", &as_postgres);
    command.args([POSTGRES, "-D", data.to_str().unwrap(), "-p", &port, "-h", "127.0.0.1", "-k", folder]);
    command
}

#[tokio::test]
async fn postgresql_is_named() {
    holds(POSTGRES, "", "postgresql", "PostgreSQL", postgres).await;
}

fn slapd(folder: &Path, port: u16) -> Command {
    std::fs::create_dir(folder.join("db")).unwrap();
    let text = "include /etc/ldap/schema/core.schema\npidfile {dir}/pid\ndatabase ldif\nsuffix \"dc=example\"\n\
                directory {dir}/db\n";
    let file = write(folder, "slapd.conf", text);
    command("/usr/sbin/slapd", &["-d", "0", "-h", &format!("ldap://127.0.0.1:{port}"), "-f", file.to_str().unwrap()])
}

#[tokio::test]
async fn openldap_is_named() {
    holds("/usr/sbin/slapd", "", "ldap", "OpenLDAP", slapd).await;
}

fn smbd(folder: &Path, port: u16) -> Command {
    let mut text = format!(
        "[global]\nserver role = standalone\nsmb ports = {port}\ninterfaces = 127.0.0.1/8\n\
         bind interfaces only = yes\ndisable spoolss = yes\nlog file = {{dir}}/smb.log\n"
    );
    for kind in ["state", "lock", "private", "cache", "pid", "ncalrpc"] {
        std::fs::create_dir(folder.join(kind)).unwrap();
        let name =
            if matches!(kind, "private" | "ncalrpc") { format!("{kind} dir") } else { format!("{kind} directory") };
        text.push_str(&format!("{name} = {{dir}}/{kind}\n"));
    }
    let file = write(folder, "smb.conf", &text);
    command("/usr/sbin/smbd", &["-F", "--no-process-group", "-s", file.to_str().unwrap()])
}

#[tokio::test]
async fn samba_is_named_and_says_its_name() {
    let Some((found, _server)) = holds("/usr/sbin/smbd", "", "smb", "Samba", smbd).await else { return };
    let names: Vec<_> = found.identifiers.iter().filter(|i| i.kind == IdentifierKind::NtlmName).collect();
    assert_eq!(names.len(), 1, "{:?}", found.identifiers);
    // Samba takes its name in DNS from this machine.
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap().to_ascii_lowercase();
    let host = host.trim().split('.').next().unwrap();
    assert!(names[0].value.to_ascii_lowercase().starts_with(host), "{} is not of {host}", names[0].value);
}

fn postfix(folder: &Path, port: u16) -> Command {
    for name in ["spool", "data"] {
        std::fs::create_dir(folder.join(name)).unwrap();
    }
    run(&mut command("chown", &["postfix:", folder.join("data").to_str().unwrap()]));
    write(
        folder,
        "main.cf",
        "compatibility_level = 3.6\nqueue_directory = {dir}/spool\ndata_directory = {dir}/data\nmail_owner = postfix\n\
         setgid_group = postdrop\nmyhostname = mail.example\ninet_interfaces = loopback-only\ninet_protocols = ipv4\n\
         local_recipient_maps =\nalias_maps =\n",
    );
    let names = [("rewrite", "trivial-rewrite"), ("cleanup", "cleanup"), ("anvil", "anvil"), ("postlog", "postlogd")];
    let mut text = format!("127.0.0.1:{port} inet n - n - - smtpd\n");
    for (name, program) in names {
        let kind = if name == "postlog" { "unix-dgram" } else { "unix" };
        text.push_str(&format!("{name} {kind} n - n - 1 {program}\n"));
    }
    write(folder, "master.cf", &text);
    command("/usr/sbin/postfix", &["-c", folder.to_str().unwrap(), "start-fg"])
}

#[tokio::test]
async fn postfix_is_named() {
    holds("/usr/sbin/postfix", "", "smtp", "Postfix", postfix).await;
}

/// OpenSSL as a server of one version of TLS, which its security level of 0 allows.
fn openssl(folder: &Path, port: u16, version: &str) -> Command {
    let (key, certificate) = (folder.join("key.pem"), folder.join("certificate.pem"));
    let (key, certificate) = (key.to_str().unwrap(), certificate.to_str().unwrap());
    let subject = ["-subj", "/CN=old.example", "-days", "2", "-nodes", "-newkey", "rsa:2048"];
    run(command("openssl", &["req", "-x509", "-keyout", key, "-out", certificate]).args(subject));
    let accept = format!("127.0.0.1:{port}");
    let suites = ["-cipher", "ALL:@SECLEVEL=0", "-www", "-quiet"];
    let mut command = command("openssl", &["s_server", "-accept", &accept, "-key", key, "-cert", certificate, version]);
    command.args(suites);
    command
}

async fn tls(start: Start) -> Option<Found> {
    let server = started("/usr/bin/openssl", start).await?;
    Some(prober().probe(HERE, server.port).await)
}

#[tokio::test]
async fn tls_that_rustls_does_not_speak_is_named_with_its_certificate() {
    for (start, name) in [
        ((|folder, port| openssl(folder, port, "-tls1")) as Start, "TLS 1.0"),
        (|folder, port| openssl(folder, port, "-tls1_1"), "TLS 1.1"),
        (|folder, port| openssl(folder, port, "-tls1_2"), "TLS 1.2"),
        (|folder, port| openssl(folder, port, "-tls1_3"), "TLS 1.3"),
    ] {
        let Some(found) = tls(start).await else { return };
        eprintln!("{name}: {:?} by {} connection(s)", found.fingerprint, found.connections);
        assert_eq!(found.fingerprint.as_ref().unwrap().tls_version, name, "{found:?}");
        assert!(found.certificate.is_some_and(|certificate| certificate.der.len() > 500), "{name}");
        assert_eq!(found.identifiers[0].kind, IdentifierKind::TlsSpkiSha256);
        assert!(found.connections <= 5);
    }
}
