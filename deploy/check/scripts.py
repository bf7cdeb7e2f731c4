"""Shell scripts, the Dockerfile, the unit and every small file: by their linters."""

import ast
import json
import shutil
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path

import yaml

from report import Report
from tools import BIN, ROOT, problems_of, run

SHELL = [ROOT / ".ci" / "run", *sorted((ROOT / "deploy").rglob("*.sh"))]
PARSERS: dict[str, Callable[[str], object]] = {
    ".json": json.loads,
    ".yaml": lambda text: list(yaml.safe_load_all(text)),
    ".yml": lambda text: list(yaml.safe_load_all(text)),
    ".toml": tomllib.loads,
    ".py": ast.parse,
}


def tracked() -> list[Path]:
    listed = run("git", "ls-files", "-z", "deploy", "charts", "docker-compose.yml", "deny.toml", ".ci")
    return [ROOT / name for name in listed.split("\0") if name and (ROOT / name).exists()]


def unreadable(files: list[Path]) -> Iterator[str]:
    for file in files:
        # A chart's templates become YAML only when they are rendered.
        if "templates" in file.parts or file.suffix not in PARSERS:
            continue
        try:
            PARSERS[file.suffix](file.read_text())
        except (ValueError, SyntaxError, yaml.YAMLError) as error:
            yield f"{file.relative_to(ROOT)}: {error}"


def unit_problems() -> Iterator[str]:
    unit = ROOT / "deploy" / "systemd" / "muster.service"
    for line in problems_of("systemd-analyze", "verify", "--man=no", unit):
        # The binary is installed later than this is checked.
        if "/usr/local/bin/muster is not executable" not in line:
            yield line


def check(report: Report) -> None:
    report.section("scripts and files")
    report.check("shellcheck", problems_of(BIN / "shellcheck", *SHELL))
    report.check("hadolint", problems_of(BIN / "hadolint", ROOT / "deploy" / "Dockerfile"))
    files = tracked()
    report.check(f"{len(files)} files can be read", unreadable(files))
    if shutil.which("systemd-analyze"):
        report.check("systemd-analyze verify", unit_problems())
    else:
        report.skipped("systemd-analyze verify", "no systemd here")
