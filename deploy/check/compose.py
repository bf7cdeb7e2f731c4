"""docker-compose.yml: resolved by Compose itself, and held to what it promises."""

import json
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

from report import Report
from tools import BIN, ROOT, run

FILE = ROOT / "docker-compose.yml"
NATS = ROOT / "deploy" / "nats" / "nats.conf"
SERVICES = {"scanner", "scheduler", "watcher", "evaluator", "recorder", "gateway"}
# Who may leave the host; who is published.
OUTSIDE = {"scanner", "watcher"}
EDGE = {"gateway", "grafana"}
# What runs once, and the one image that has nothing to ask with.
WITHOUT_HEALTH = {"provision", "nats-volume", "otel"}


def resolve(file: Path) -> dict:
    text = run(BIN / "docker-compose", "--project-directory", ROOT, "--file", file, "config", "--format", "json")
    return json.loads(text)


def hardening_problems(model: dict) -> Iterator[str]:
    for name, service in model["services"].items():
        wanted = {
            "read-only": service.get("read_only"),
            "without capabilities": service.get("cap_drop") == ["ALL"],
            "no-new-privileges": "no-new-privileges:true" in service.get("security_opt", []),
            "unprivileged": not service.get("privileged"),
            "image pinned": re.search(r":[0-9]", service["image"]) is not None,
            "published on 127.0.0.1 alone": all(port["host_ip"] == "127.0.0.1" for port in service.get("ports", [])),
            "has a health check": name in WITHOUT_HEALTH or "healthcheck" in service,
            "has a memory limit": name == "nats-volume" or "mem_limit" in service,
            "passwords come from files": not any(
                "PASSWORD" in key and not key.endswith("__FILE") for key in service.get("environment", {})),
        }
        yield from (f"{name}: not {rule}" for rule, holds in wanted.items() if not holds)
        if name in SERVICES | {"provision"} and service.get("cap_add"):
            yield f"{name}: adds capabilities"


def network_problems(model: dict) -> Iterator[str]:
    if not model["networks"]["core"].get("internal"):
        yield "core is not internal"
    for name, service in model["services"].items():
        networks = set(service.get("networks", {}))
        if "outside" in networks and name not in OUTSIDE:
            yield f"{name} reaches out"
        if "edge" in networks and name not in EDGE:
            yield f"{name} is at the edge"
        if service.get("ports") and name not in EDGE:
            yield f"{name} is published"


def secret_problems(model: dict) -> Iterator[str]:
    """A service reads what it is given, and is given its own passwords alone."""
    for name in SERVICES | {"provision"}:
        service = model["services"][name]
        environment = service["environment"]
        given = {secret["target"] for secret in service["secrets"]}
        read = {value for value in environment.values() if value.startswith("/run/secrets/")}
        if given != read:
            yield f"{name}: given {sorted(given)}, reads {sorted(read)}"
        user = "admin" if name == "provision" else name
        foreign = [path for path in given if re.search(r"/(nats|clickhouse)-", path) and not path.endswith(f"-{user}")]
        if foreign or environment["MUSTER__BUS__USER"] != user:
            yield f"{name}: is {environment['MUSTER__BUS__USER']}, sees {foreign}"


def durability_problems(model: dict) -> Iterator[str]:
    """Provisioning asks NATS whether it syncs, at an address that nothing else can reach."""
    conf = NATS.read_text()
    address = re.search(r'^http: "(.+)"$', conf, re.MULTILINE).group(1)
    provision = model["services"]["provision"]
    command = provision["command"]
    asked = command[command.index("--nats-monitoring") + 1] if "--nats-monitoring" in command else "nothing"
    if asked != f"http://{address}":
        yield f"provision asks {asked}, NATS says it at {address}"
    if "--accept-weak-durability" in command:
        yield "provision accepts weak durability"
    if not address.startswith("127.0.0.1:"):
        yield f"monitoring is served at {address}"
    inside = {name for name, service in model["services"].items() if service.get("network_mode") == "service:nats"}
    if inside != {"provision"}:
        yield f"{sorted(inside)} share the loopback of NATS"
    if not re.search(r"^  sync_interval: always$", conf, re.MULTILINE):
        yield "NATS answers before it syncs"


def check(report: Report) -> None:
    report.section("docker-compose.yml")
    model = resolve(FILE)
    missing = (SERVICES | {"provision", "nats", "clickhouse", "otel", "grafana"}) - model["services"].keys()
    report.check("every service is there", sorted(missing))
    report.check("hardened", hardening_problems(model))
    report.check("networks", network_problems(model))
    report.check("secrets", secret_problems(model))
    report.check("durability is asked for", durability_problems(model))
    binds = [volume["source"] for service in model["services"].values() for volume in service.get("volumes", [])
             if volume["type"] == "bind"]
    report.check("what is mounted exists", [path for path in binds if not Path(path).exists()])

    broken = FILE.read_text().replace("    command: [serve, scanner]", "    comand: [serve, scanner]")
    with tempfile.NamedTemporaryFile("w", suffix=".yml") as file:
        file.write(broken)
        file.flush()
        report.refused("Compose refuses an unknown key", lambda: resolve(Path(file.name)), "comand")
    model["services"]["scanner"]["read_only"] = False
    report.check("the rules refuse a writable root", [] if list(hardening_problems(model)) else ["was accepted"])
    model["services"]["provision"]["command"] = ["provision"]
    report.check("the rules refuse NATS that is not asked", [] if list(durability_problems(model)) else ["was accepted"])
