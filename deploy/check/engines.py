"""The engines' configuration: NATS reads its own with the real server where it was fetched; the users of both are those
whose passwords are made and whose names are used."""

import os
import re
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

from report import Report
from tools import ROOT, Refused, run

sys.path.insert(0, str(ROOT / "deploy" / "tools"))
import make_secrets  # noqa: E402

NATS = ROOT / "deploy" / "nats"
CLICKHOUSE = ROOT / "deploy" / "clickhouse"


def nats_server() -> Path:
    return Path(os.environ.get("ENGINES", ROOT / ".muster" / "engines")) / "nats-server"


def read_by_nats(users: str) -> None:
    """Has the server check the configuration, with passwords and a key that are made for it."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        secrets = folder / "secrets"
        secrets.mkdir()
        make_secrets.authority(secrets)
        make_secrets.certificate(secrets, "nats", "serverAuth", "DNS:nats")
        passwords = "".join(f'{user.upper()}_PASSWORD: "a long password"\n' for user in make_secrets.NATS_USERS)
        (folder / "passwords.conf").write_text(passwords)
        (folder / "users.conf").write_text(users)
        text = (NATS / "nats.conf").read_text()
        text = text.replace("/run/secrets", str(secrets)).replace('"/data"', f'"{folder}/data"')
        (folder / "nats.conf").write_text(text)
        run(nats_server(), "-t", "-c", folder / "nats.conf")


def nats_problems(users: str) -> Iterator[str]:
    try:
        read_by_nats(users)
    except Refused as refusal:
        yield str(refusal)


def name_problems() -> Iterator[str]:
    nats = sorted(re.findall(r'user: "([^"]+)"', (NATS / "users.conf").read_text()))
    if nats != make_secrets.NATS_USERS:
        yield f"users.conf has {nats}, passwords are made for {make_secrets.NATS_USERS}"
    root = ElementTree.parse(CLICKHOUSE / "users.xml").getroot()
    store = sorted(user.tag.removeprefix("muster_") for user in root.find("users") if "remove" not in user.attrib)
    if store != make_secrets.CLICKHOUSE_USERS:
        yield f"users.xml has {store}, passwords are made for {make_secrets.CLICKHOUSE_USERS}"


# Everything of its own database, and of the server what it is asked itself: to end a query a user must see it.
READABLE = {"GRANT SELECT ON muster.*", "GRANT SELECT ON system.processes"}


def clickhouse_problems() -> Iterator[str]:
    root = ElementTree.parse(CLICKHOUSE / "users.xml").getroot()
    profiles = {profile.tag: profile for profile in root.find("profiles")}
    for user in root.find("users"):
        if user.attrib.get("remove"):
            continue
        profile = profiles.get(user.find("profile").text)
        if profile is None:
            yield f"{user.tag}: no profile {user.find('profile').text}"
            continue
        included = user.find("password_sha256_hex")
        if included is None or included.text or not included.attrib.get("incl"):
            yield f"{user.tag}: its password is not the included hash"
        reader = profile.findtext("readonly") in ("1", "2")
        if not reader and user.tag not in ("muster_admin", "muster_recorder"):
            yield f"{user.tag}: may write"
        for grant in user.iter("query"):
            if reader and grant.text not in READABLE:
                yield f"{user.tag}: a reader with {grant.text}"
    if root.find("users/default") is None or "remove" not in root.find("users/default").attrib:
        yield "the user `default` is still there"
    ElementTree.parse(CLICKHOUSE / "server.xml")


def check(report: Report) -> None:
    report.section("deploy/nats, deploy/clickhouse")
    report.check("users, names and passwords agree", name_problems())
    report.check("ClickHouse users", clickhouse_problems())
    if not nats_server().exists():
        report.skipped("NATS reads its configuration", "no nats-server; `make engines` fetches it")
        return
    users = (NATS / "users.conf").read_text()
    report.check("NATS reads its configuration", nats_problems(users))
    report.refused("NATS refuses a misspelt permission", lambda: read_by_nats(users.replace("publish {", "publsh {", 1)), "publsh")
