"""The chart: linted and rendered by Helm, validated against the schemas of Kubernetes, and held to what SECURITY.md
promises of every pod."""

import copy
import functools
from collections.abc import Iterator
from urllib.parse import urlsplit

import kubernetes_validate
import yaml
from helm_python import Chart
from helm_python.chart import lint
from kubernetes_validate import utils

from report import Report
from tools import ROOT

CHART = ROOT / "charts" / "muster"
VERSIONS = [f"1.{minor}" for minor in range(29, 38)]

# Kubernetes has no schema for what an operator brings.
FOREIGN = {"ServiceMonitor"}

# It reads a megabyte of definitions for each manifest; they do not change in between.
utils.schema_contents = functools.lru_cache(maxsize=None)(utils.schema_contents)

# Path of a value, a wrong one, and what the refusal has to name.
WRONG_VALUES = [
    ("bus.url", "http://nats:4222", "bus"),
    ("bus.url", "tls://user:password@nats:4222", "bus"),
    ("bus.existingSecret", "Not A Name", "existingSecret"),
    ("store.url", "clickhouse:8123", "store"),
    ("store.caSecret", "Not A Name", "caSecret"),
    ("store.database", "muster; DROP TABLE x", "database"),
    ("nats.monitoringUrl", "nats:8222", "monitoringUrl"),
    ("nats.monitoringUrl", "http://user:password@nats:8222", "monitoringUrl"),
    ("image.tag", "latest", "tag"),
    ("image.digest", "sha256:short", "digest"),
    ("scanners", [{"site": "all", "egressCIDRs": ["10.0.0.0/8"]}], "site"),
    ("scanners", [{"site": "Dublin", "egressCIDRs": ["10.0.0.0/8"]}], "site"),
    ("scanners", [{"site": "a.b", "egressCIDRs": ["10.0.0.0/8"]}], "site"),
    ("scanners", [{"site": "dublin", "egressCIDRs": []}], "egressCIDRs"),
    ("scanners", [{"site": "dublin", "egressCIDRs": ["everywhere"]}], "egressCIDRs"),
    ("services.recorder.replicas", -1, "replicas"),
    ("services.recorder.replica", 2, "replica"),
    ("services.sensor", {"replicas": 1}, "sensor"),
    ("gateway.port", 443, "port"),
    ("networkPolicy.enabled", "yes", "enabled"),
    ("podDisruptionBudget.maxUnavailable", 0, "maxUnavailable"),
    ("extraEnv", {"lower": "x"}, "lower"),
    ("tls", {}, "tls"),
]

# What the templates ask for, since an empty default cannot.
MISSING_VALUES = [("bus.url", "bus.url is required"), ("store.url", "store.url is required"),
                  ("gateway.tls.secretName", "gateway.tls.secretName is required")]


def files(values: dict) -> dict[str, str]:
    with Chart.load(CHART) as chart:
        chart.validate_schema(values)
        return chart.render(values=values, name="muster", namespace="audit")


def render(values: dict) -> list[dict]:
    texts = (text for name, text in files(values).items() if not name.endswith("NOTES.txt"))
    return [document for text in texts for document in yaml.safe_load_all(text) if document]


def notes(values: dict) -> str:
    return next(text for name, text in files(values).items() if name.endswith("NOTES.txt"))


def changed(values: dict, path: str, value: object) -> dict:
    result = copy.deepcopy(values)
    *parents, last = path.split(".")
    place = result
    for key in parents:
        place = place.setdefault(key, {})
    place[last] = value
    return result


def name_of(document: dict) -> str:
    return f"{document['kind']}/{document['metadata']['name']}"


def schema_problems(documents: list[dict], version: str) -> Iterator[str]:
    for document in documents:
        if document["kind"] in FOREIGN:
            continue
        try:
            kubernetes_validate.validate(document, version, strict=True)
        except kubernetes_validate.ValidationError as error:
            yield f"{name_of(document)}: {'/'.join(str(part) for part in error.path)}: {error.message}"


def pods(documents: list[dict]) -> Iterator[tuple[str, dict]]:
    for document in documents:
        template = document.get("spec", {}).get("template")
        if template:
            yield name_of(document), template


def pod_problems(documents: list[dict]) -> Iterator[str]:
    """The restricted profile of the pod security standards, and a little more."""
    for name, template in pods(documents):
        spec = template["spec"]
        wanted = {
            "token not mounted": spec.get("automountServiceAccountToken") is False,
            "not root": spec["securityContext"]["runAsNonRoot"] and spec["securityContext"]["runAsUser"] > 0,
            "seccomp": spec["securityContext"]["seccompProfile"]["type"] == "RuntimeDefault",
            "own network and processes": not {"hostNetwork", "hostPID", "hostIPC"} & spec.keys(),
            "no host path": all({"secret", "configMap", "emptyDir"} & volume.keys() for volume in spec["volumes"]),
        }
        for container in spec["containers"]:
            context = container["securityContext"]
            wanted |= {
                "no escalation": context["allowPrivilegeEscalation"] is False,
                "read-only root": context["readOnlyRootFilesystem"] is True,
                "no capability": context["capabilities"] == {"drop": ["ALL"]},
                "memory limited": "memory" in container["resources"].get("limits", {}),
                "pinned image": not container["image"].endswith(":latest"),
                "no password in the environment": not any(
                    "PASSWORD" in item["name"] and not item["name"].endswith("__FILE") for item in container["env"]),
                "variables once": len({item["name"] for item in container["env"]}) == len(container["env"]),
                "mounts have volumes": {mount["name"] for mount in container["volumeMounts"]}
                == {volume["name"] for volume in spec["volumes"]},
            }
            if name.startswith("Deployment/"):
                wanted["probes"] = {"startupProbe", "livenessProbe", "readinessProbe"} <= container.keys()
        yield from (f"{name}: not {rule}" for rule, holds in wanted.items() if not holds)


def secret_problems(documents: list[dict]) -> Iterator[str]:
    """A pod sees the password of its own user and no other."""
    for name, template in pods(documents):
        spec = template["spec"]
        environment = {item["name"]: item["value"] for item in spec["containers"][0]["env"]}
        for volume in spec["volumes"]:
            if volume["name"] in ("bus", "store"):
                keys = [item["key"] for item in volume["secret"].get("items", [])]
                if keys != [environment["MUSTER__BUS__USER"]]:
                    yield f"{name}: {volume['name']} shows {keys}"


def authority_problems(values: dict, documents: list[dict]) -> Iterator[str]:
    """Every pod that speaks to an engine is told of its authority, read-only, where there is one."""
    for name, template in pods(documents):
        spec = template["spec"]
        container = spec["containers"][0]
        environment = {item["name"]: item["value"] for item in container["env"]}
        secrets = {volume["name"]: volume["secret"] for volume in spec["volumes"]}
        for engine in ("bus", "store"):
            named = values[engine].get("caSecret") if f"MUSTER__{engine.upper()}__URL" in environment else None
            told = environment.get(f"MUSTER__{engine.upper()}__CA_FILE")
            found = [secrets[mount["name"]]["secretName"] for mount in container["volumeMounts"]
                     if mount["readOnly"] and f"{mount['mountPath']}/ca.crt" == told]
            if found != ([named] if named else []) or bool(told) != bool(named):
                yield f"{name}: {engine} is of {named}, trusts {told} from {found}"


def durability_problems(values: dict, documents: list[dict]) -> Iterator[str]:
    """Provisioning asks NATS whether it syncs where it is told where, and may reach it; else the notes say that nobody did."""
    url = values.get("nats", {}).get("monitoringUrl")
    jobs = [template for name, template in pods(documents) if name.startswith("Job/")]
    for template in jobs:
        arguments = template["spec"]["containers"][0]["args"]
        asked = arguments[arguments.index("--nats-monitoring") + 1] if "--nats-monitoring" in arguments else None
        if asked != url:
            yield f"provision asks {asked} instead of {url}"
    if jobs and bool(url) == ("nats.monitoringUrl is empty" in notes(values)):
        yield f"the notes are wrong about {url}"
    if not (jobs and url and values.get("networkPolicy", {}).get("enabled", True)):
        return
    address = urlsplit(url)
    port = address.port or {"http": 80, "https": 443}[address.scheme]
    peers = values.get("networkPolicy", {}).get("busPeers")
    labels = jobs[0]["metadata"]["labels"]
    doors = [policy for policy in documents if policy["kind"] == "NetworkPolicy"
             and matches(policy["spec"]["podSelector"], labels)
             and any({"port": port, "protocol": "TCP"} in rule.get("ports", []) and rule.get("to") == peers
                     for rule in policy["spec"].get("egress", []))]
    if not any("pre-upgrade" in policy["metadata"].get("annotations", {}).get("helm.sh/hook", "") for policy in doors):
        yield f"no policy that is there before the job lets it reach {url}"


def matches(selector: dict, labels: dict) -> bool:
    simple = selector.get("matchLabels", {}).items() <= labels.items()
    return simple and all(labels.get(one["key"]) in one["values"] for one in selector.get("matchExpressions", []))


def network_problems(documents: list[dict]) -> Iterator[str]:
    """Default deny for every pod; addresses for scanners and the watcher alone; one door."""
    policies = [document["spec"] for document in documents if document["kind"] == "NetworkPolicy"]
    for name, template in pods(documents):
        labels = template["metadata"]["labels"]
        own = [policy for policy in policies if matches(policy["podSelector"], labels)]
        component = labels["app.kubernetes.io/component"]
        if not any(set(policy["policyTypes"]) == {"Ingress", "Egress"} and not policy.get("egress") for policy in own):
            yield f"{name}: no default deny"
        blocks = any("ipBlock" in peer for policy in own for rule in policy.get("egress", []) for peer in rule.get("to", []))
        if blocks and component not in ("scanner", "watcher"):
            yield f"{name}: may reach addresses"
        if component == "scanner" and not blocks:
            yield f"{name}: may reach nothing"
        open_ports = any(not rule.get("ports") for policy in own for rule in policy.get("egress", []))
        if open_ports and component != "scanner":
            yield f"{name}: may reach every port"
        doors = {port["port"] for policy in own for rule in policy.get("ingress", []) for port in rule["ports"]}
        if (doors - {9090}) and component != "gateway":
            yield f"{name}: reached at {sorted(doors)}"


def selector_problems(documents: list[dict]) -> Iterator[str]:
    """Services, budgets and deployments select at least one pod, and names are unique."""
    labels = [template["metadata"]["labels"] for _, template in pods(documents)]
    for document in documents:
        if document["kind"] in ("Service", "PodDisruptionBudget"):
            selector = document["spec"]["selector"]
            selector = selector if "matchLabels" in selector else {"matchLabels": selector}
            if not any(matches(selector, one) for one in labels):
                yield f"{name_of(document)}: selects nothing"
        if len(document["metadata"]["name"]) > 63:
            yield f"{name_of(document)}: longer than 63 characters"
    names = [name_of(document) for document in documents]
    yield from (f"{name}: twice" for name in sorted({name for name in names if names.count(name) > 1}))


def check(report: Report) -> None:
    report.section("charts/muster")
    cases = {path.stem: yaml.safe_load(path.read_text()) for path in sorted((CHART / "ci").glob("*.yaml"))}
    for case, values in cases.items():
        messages = lint(CHART, values, strict=True, kube_version="1.37.0")
        report.check(f"{case}: helm lint", messages["errors"])
        documents = render(values)
        report.check(f"{case}: {len(documents)} manifests are valid in Kubernetes {VERSIONS[0]} to {VERSIONS[-1]}",
                     (f"{version}: {problem}" for version in VERSIONS for problem in schema_problems(documents, version)))
        report.check(f"{case}: restricted pods", pod_problems(documents))
        report.check(f"{case}: a pod sees its own secrets", secret_problems(documents))
        report.check(f"{case}: authorities of the engines", authority_problems(values, documents))
        report.check(f"{case}: durability is asked for, or said not to be", durability_problems(values, documents))
        report.check(f"{case}: selectors and names", selector_problems(documents))
        if values.get("networkPolicy", {}).get("enabled", True):
            report.check(f"{case}: network", network_problems(documents))
    negative_controls(report, cases["minimal"], cases["production"])


def negative_controls(report: Report, minimal: dict, production: dict) -> None:
    for path, wrong, because in WRONG_VALUES:
        report.refused(f"refused: {path}={wrong}", lambda: render(changed(minimal, path, wrong)), because)
    for path, because in MISSING_VALUES:
        report.refused(f"refused: without {path}", lambda: render(changed(minimal, path, "")), because)

    deployment = next(one for one in render(minimal) if one["kind"] == "Deployment")
    deployment["spec"]["replica"] = 1
    report.check("the validator refuses an unknown field",
                 [] if list(schema_problems([deployment], VERSIONS[0])) else ["was accepted"])
    root = copy.deepcopy(deployment)
    root["spec"]["template"]["spec"]["containers"][0]["securityContext"]["readOnlyRootFilesystem"] = False
    report.check("the pod rules refuse a writable root", [] if list(pod_problems([root])) else ["was accepted"])
    report.check("the network rules refuse a pod without a policy",
                 [] if list(network_problems([deployment])) else ["was accepted"])

    # What is rendered without a value is refused where the value is named.
    silent = render(minimal)
    trusting = changed(minimal, "store.caSecret", "clickhouse-ca")
    report.check("the rules refuse a store whose authority is named and not trusted",
                 [] if list(authority_problems(trusting, silent)) else ["was accepted"])
    asking = changed(minimal, "nats.monitoringUrl", "http://nats:8222")
    report.check("the rules refuse a provision job that does not ask NATS",
                 [] if any("asks None" in one for one in durability_problems(asking, silent)) else ["was accepted"])
    closed = [one for one in render(production) if name_of(one) != "NetworkPolicy/muster-provision"]
    report.check("the rules refuse a provision job that cannot reach NATS' monitoring",
                 [] if list(durability_problems(production, closed)) else ["was accepted"])
