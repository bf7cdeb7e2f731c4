"""What compose and the chart tell a service is what the service understands: `muster serve SERVICE --check-config`, with
the variables as they are deployed. Needs a built binary: MUSTER_BIN, or the newer one of Cargo's target folder."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import yaml

import chart
import compose
from report import Report
from tools import ROOT, Refused, run


def binary() -> Path | None:
    if named := os.environ.get("MUSTER_BIN"):
        return Path(named)
    target = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    built = [path for kind in ("debug", "release") if (path := target / kind / "muster").exists()]
    return max(built, key=lambda path: path.stat().st_mtime, default=None)


def deployed() -> Iterator[tuple[str, list[str], dict[str, str]]]:
    """Place, arguments and variables of everything that serves, and of what provisions."""
    for name, service in compose.resolve(compose.FILE)["services"].items():
        if name in compose.SERVICES | {"provision"}:
            yield f"compose: {name}", service["command"], service["environment"]
    for case in ("production", "everything"):
        values = yaml.safe_load((chart.CHART / "ci" / f"{case}.yaml").read_text())
        for name, template in chart.pods(chart.render(values)):
            container = template["spec"]["containers"][0]
            yield f"chart, {case}: {name}", container["args"], {one["name"]: one["value"] for one in container["env"]}


def check_config(program: Path, folder: Path, arguments: list[str], variables: dict[str, str]) -> None:
    """With every path replaced by a file that is there. Provisioning has no such flag: its arguments alone are read."""
    stand_in = folder / "secret"
    stand_in.write_text("0123456789abcdef0123456789abcdef")
    moved = {name: str(stand_in) if value.startswith(("/run/", "/etc/")) else value for name, value in variables.items()}
    only_read = "--check-config" if arguments[0] == "serve" else "--help"
    run(program, *arguments, only_read, env=moved | {"PATH": os.environ["PATH"]})


def problems(program: Path, folder: Path) -> Iterator[str]:
    for place, arguments, variables in deployed():
        try:
            check_config(program, folder, arguments, variables)
        except Refused as refusal:
            yield f"{place}: {refusal}"


def check(report: Report) -> None:
    report.section("settings")
    program = binary()
    if program is None:
        report.skipped("services understand their settings", "no binary; `make build-dev` makes one")
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        report.check(f"services understand their settings ({program})", problems(program, folder))
        _, arguments, variables = next(one for one in deployed() if one[1][0] == "serve")
        wrong = variables | {"MUSTER__BUS__ULR": "tls://nats:4222"}
        report.refused("an unknown setting is refused", lambda: check_config(program, folder, arguments, wrong), "ulr")
        unknown = ["provision", "--nats-monitor", "http://nats:8222"]
        report.refused("an unknown argument is refused", lambda: check_config(program, folder, unknown, {}), "--nats-monitor")
