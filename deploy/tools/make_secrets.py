#!/usr/bin/env python3
"""Makes the passwords and certificates of docker-compose.yml, once, into deploy/secrets.

What is there already stays as it is: delete a file to have it made anew, then restart what reads it. A service gets
its own files and no others. Files can be read by everybody, because a container reads them under its own user; the
folder can be entered by its owner alone.
"""

import hashlib
import secrets
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1] / "secrets"

# The names of crates/bus (`Role::user_name`), and those of crates/store after `muster_`.
NATS_USERS = ["admin", "evaluator", "gateway", "recorder", "scanner", "scheduler", "watcher"]
CLICKHOUSE_USERS = ["admin", "evaluator", "gateway", "grafana", "recorder"]
# Ten years for the authority and two for the rest: renewed by deleting and running this again.
CA_DAYS, LEAF_DAYS = "3650", "730"


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o444)


def password(path: Path) -> str:
    """The password in a file; 32 random bytes when there is none."""
    if not path.exists():
        write(path, secrets.token_urlsafe(32))
    return path.read_text()


def openssl(*arguments: str) -> None:
    subprocess.run(["openssl", *arguments], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def request(key: Path, out: Path, subject: str, *more: str) -> None:
    curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    openssl("req", *curve, "-keyout", str(key), "-out", str(out), "-subj", subject, *more)
    key.chmod(0o444)


def authority(folder: Path) -> None:
    if (folder / "ca.crt").exists():
        return
    constraints = ["-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign"]
    request(folder / "ca.key", folder / "ca.crt", "/CN=muster compose authority", "-x509", "-days", CA_DAYS, *constraints)
    # Nobody but this script signs.
    (folder / "ca.key").chmod(0o400)


def certificate(folder: Path, name: str, use: str, names: str) -> None:
    """A leaf: `use` is serverAuth or clientAuth, `names` what it is called on the network."""
    if (folder / f"{name}.crt").exists():
        return
    pending, extensions = folder / f"{name}.csr", folder / f"{name}.ext"
    request(folder / f"{name}.key", pending, f"/CN={name}")
    extensions.write_text(f"subjectAltName={names}\nextendedKeyUsage={use}\nbasicConstraints=critical,CA:FALSE\n")
    openssl("x509", "-req", "-in", str(pending), "-CA", str(folder / "ca.crt"), "-CAkey", str(folder / "ca.key"),
            "-CAcreateserial", "-days", LEAF_DAYS, "-extfile", str(extensions), "-out", str(folder / f"{name}.crt"))
    pending.unlink()
    extensions.unlink()


def main() -> int:
    ROOT.mkdir(mode=0o700, exist_ok=True)
    bus = {name: password(ROOT / "nats" / name) for name in NATS_USERS}
    variables = "".join(f'{name.upper()}_PASSWORD: "{word}"\n' for name, word in bus.items())
    (ROOT / "nats" / "passwords.conf").unlink(missing_ok=True)
    write(ROOT / "nats" / "passwords.conf", variables)

    store = {name: password(ROOT / "clickhouse" / name) for name in CLICKHOUSE_USERS}
    # ClickHouse needs the hash alone.
    hashes = "".join(
        f"  <{name}_password>{hashlib.sha256(word.encode()).hexdigest()}</{name}_password>\n"
        for name, word in store.items()
    )
    (ROOT / "clickhouse" / "passwords.xml").unlink(missing_ok=True)
    write(ROOT / "clickhouse" / "passwords.xml", f"<clickhouse>\n{hashes}</clickhouse>\n")
    password(ROOT / "grafana" / "admin")
    # Authenticates page tokens; all replicas of the gateway share it.
    page_key = ROOT / "gateway" / "page.key"
    if not page_key.exists():
        page_key.parent.mkdir(exist_ok=True)
        page_key.write_bytes(secrets.token_bytes(32))
        page_key.chmod(0o444)

    tls = ROOT / "tls"
    tls.mkdir(exist_ok=True)
    try:
        authority(tls)
        certificate(tls, "nats", "serverAuth", "DNS:nats,DNS:localhost,IP:127.0.0.1")
        certificate(tls, "gateway", "serverAuth", "DNS:gateway,DNS:localhost,IP:127.0.0.1")
        certificate(tls, "admin", "clientAuth", "DNS:admin")
    except FileNotFoundError:
        print("openssl is missing: apt-get install openssl", file=sys.stderr)
        return 1
    except subprocess.CalledProcessError as error:
        print(f"openssl failed: {error.stderr.decode().strip()}", file=sys.stderr)
        return 1
    print(f"secrets are in {ROOT}; the administrator's certificate is tls/admin.crt")
    return 0


if __name__ == "__main__":
    sys.exit(main())
