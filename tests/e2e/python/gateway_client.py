#!/usr/bin/env python3
"""Drives the gateway of a running stack with a client generated from proto/, as somebody else's program would.

    gateway_client.py --address 127.0.0.1:7420 [--proto DIR] [--token TOKEN --ca FILE]

It declares a site of its own (network 127.77.0.0/24, realm e2e-python), so it may run beside others; the site is taken
out again at the end. The stack's scanner has to be on this machine. Every step is one line on standard output; the first that fails ends it with status 1.
"""

import argparse
import importlib
import pathlib
import sys
import tempfile
import time
import traceback

import grpc
from google.rpc import error_details_pb2, status_pb2
from grpc_tools import protoc

import sweeps

SITE = "e2e-python"
DEFAULT_PROTO = pathlib.Path(__file__).resolve().parents[3] / "proto"
# A stack that has just started: the recorder and the evaluator take up their work within this.
SETTLED_S = 60


def generate(proto: pathlib.Path, out: str) -> None:
    """Generates muster.v1 into a folder and puts it on the path."""
    files = sorted(str(file) for file in (proto / "muster" / "v1").glob("*.proto"))
    well_known = pathlib.Path(protoc.__file__).parent / "_proto"
    arguments = ["protoc", f"-I{proto}", f"-I{well_known}", f"--python_out={out}", f"--grpc_python_out={out}"]
    if protoc.main(arguments + files) != 0:
        raise SystemExit("failed to generate a client from proto/")
    sys.path.insert(0, out)


def details(error: grpc.RpcError) -> dict:
    """The google.rpc details of an error, by their type's name."""
    found = {}
    for key, value in error.trailing_metadata() or ():
        if key != "grpc-status-details-bin":
            continue
        for any_message in status_pb2.Status.FromString(value).details:
            name = any_message.TypeName().rsplit(".", 1)[-1]
            message = getattr(error_details_pb2, name)()
            any_message.Unpack(message)
            found[name] = message
    return found


class Client:
    """Stubs of every service, and the token of the caller."""

    def __init__(self, channel: grpc.Channel, token: str | None):
        self.channel = channel
        self.metadata = [("authorization", f"Bearer {token}")] if token else None
        services = [
            ("estate_service", ["Estate", "Inventory"]),
            ("sweep_service", ["Sweep", "Audit"]),
            ("finding_service", ["Host", "Verdict", "Finding"]),
            ("bulletin_service", ["Bulletin"]),
            ("ledger_service", ["Ledger"]),
        ]
        for module, names in services:
            stubs = importlib.import_module(f"muster.v1.{module}_pb2_grpc")
            for name in names:
                setattr(self, name.lower(), getattr(stubs, f"{name}ServiceStub")(channel))

    def call(self, method, request, timeout=30.0):
        return method(request, timeout=timeout, metadata=self.metadata)

    def unless_missing(self, method, request):
        """The answer, or None where the thing is not there (yet)."""
        try:
            return self.call(method, request)
        except grpc.RpcError as error:
            if error.code() != grpc.StatusCode.NOT_FOUND:
                raise
            return None

    def refused(self, method, request, code: grpc.StatusCode, reason: str, timeout=30.0) -> dict:
        """Calls what must be refused, and returns the details of the refusal."""
        try:
            self.call(method, request, timeout)
        except grpc.RpcError as error:
            found = details(error)
            got = found["ErrorInfo"].reason if "ErrorInfo" in found else None
            assert (error.code(), got) == (code, reason), (error.code(), got, error.details())
            found["message"] = error.details()
            return found
        raise AssertionError(f"was accepted, {code} {reason} was expected")


def document(pb, revision_note="", network=bytes([127, 77, 0, 0])):
    estate, order = pb["estate"], pb["order"]
    block = order.Block(address=network, prefix_length=24)
    ports = [order.PortRange(transport=1, first=8000, last=8010)]
    site = estate.EstateDocument(
        site=SITE,
        realm="e2e-python",
        time_zone="UTC",
        ranges=[estate.Range(block=block, kind=estate.RANGE_KIND_STATIC)],
        zones=[
            estate.Zone(
                name="web",
                blocks=[block],
                # `class` is a word of Python.
                **{"class": estate.ZONE_CLASS_PRODUCTION},
                exposure=estate.EXPOSURE_INTRANET,
                scan_policy=estate.SCAN_POLICY_FULL,
                approvals=[estate.Approval(ports=ports[0], reason="web" + revision_note)],
            )
        ],
        scope=estate.ScanScope(include=[block], rate_site_pps=1000, rate_host_pps=40),
        alive_by=estate.ALIVE_BY_OPEN_PORT,
        absent_after_sweeps=3,
        managed_requires=["owner"],
    )
    site.seen_within.FromSeconds(7 * 24 * 3600)
    return site


def health_is_told_without_a_credential(client, pb):
    check = client.channel.unary_unary("/grpc.health.v1.Health/Check")
    # HealthCheckResponse {status: SERVING}
    assert check(b"", timeout=10) == b"\x08\x01"


def reflection_names_every_service(client, pb):
    # ServerReflectionRequest {list_services: "*"} and, in the answer, the names as they stand.
    ask = client.channel.stream_stream("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo")
    answer = next(iter(ask(iter([b"\x3a\x01*"]), timeout=10, metadata=client.metadata)))
    for name in ["Estate", "Inventory", "Sweep", "Audit", "Host", "Verdict", "Finding", "Bulletin", "Ledger"]:
        assert f"muster.v1.{name}Service".encode() in answer, name


def an_estate_is_compared_then_applied(client, pb):
    service = pb["estate_service"]
    request = service.ApplyEstateRequest(documents=[document(pb)], validate_only=True)
    dry = client.call(client.estate.ApplyEstate, request)
    assert [change.action for change in dry.changes] == ["create"], dry
    assert not dry.HasField("mutation")
    request.validate_only = False
    applied = client.call(client.estate.ApplyEstate, request)
    assert applied.mutation.sequence > 0 and applied.changes[0].revision >= 1, applied
    again = client.call(client.estate.ApplyEstate, request)
    assert [change.action for change in again.changes] == ["unchanged"], again
    request.documents[0].CopyFrom(document(pb, revision_note=" servers"))
    changed = client.call(client.estate.ApplyEstate, request)
    assert changed.changes[0].action == "update" and changed.changes[0].differences, changed
    assert changed.changes[0].revision == applied.changes[0].revision + 1
    stands = client.call(client.estate.GetSite, service.GetSiteRequest(site=SITE))
    assert stands.zones[0].approvals[0].reason == "web servers"


def ranges_that_overlap_are_refused(client, pb):
    other = document(pb)
    other.site = "e2e-python-2"
    request = pb["estate_service"].ApplyEstateRequest(documents=[other])
    found = client.refused(client.estate.ApplyEstate, request, grpc.StatusCode.INVALID_ARGUMENT, "MUS-1005")
    assert found["BadRequest"].field_violations and SITE in found["message"], found


def a_page_token_is_of_its_list_alone(client, pb):
    service = pb["estate_service"]
    first = client.call(client.inventory.ListAssets, service.ListAssetsRequest(site=SITE, page_size=1))
    token = first.next_page_token
    assert token and len(first.assets) == 1, first
    second = service.ListAssetsRequest(site=SITE, page_size=1, page_token=token)
    rest = client.call(client.inventory.ListAssets, second)
    assert rest.assets[0].asset.key > first.assets[0].asset.key
    for wrong in [
        service.ListAssetsRequest(site=SITE, page_token=token[:-2] + ("AA" if token[-2:] != "AA" else "BB")),
        service.ListAssetsRequest(site=SITE, page_token=token, filter="owner = x"),
    ]:
        client.refused(client.inventory.ListAssets, wrong, grpc.StatusCode.INVALID_ARGUMENT, "MUS-1003")


def imports(pb, assets, **header):
    """The messages of an import, in chunks of four assets."""
    service, estate = pb["estate_service"], pb["estate"]
    message = service.ImportInventoryRequest
    yield message(header=message.Header(site=SITE, source="gateway_client.py", **header))
    for index, first in enumerate(range(0, len(assets), 4)):
        yield message(chunk=estate.InventoryChunk(index=index, assets=assets[first : first + 4]))


def asset(pb, number):
    estate = pb["estate"]
    address = estate.Identifier(kind="address", value=f"127.77.0.{number}")
    return estate.Asset(key=f"web-{number:02}", name=f"web-{number:02}", owner="ada", zone="web", identifiers=[address])


def an_inventory_is_imported_as_a_whole(client, pb):
    service = pb["estate_service"]
    assets = [asset(pb, number) for number in range(1, 21)]
    dry = client.call(client.inventory.ImportInventory, imports(pb, assets, validate_only=True))
    assert (dry.added, dry.removed) == (20, 0) and not dry.HasField("mutation"), dry
    done = client.call(client.inventory.ImportInventory, imports(pb, assets), SETTLED_S)
    assert done.added == 20 and done.revision == dry.revision + 1, done
    request = service.ListAssetsRequest(site=SITE, at_least_sequence=done.mutation.sequence)
    listed = client.call(client.inventory.ListAssets, request, SETTLED_S)
    assert [row.asset.key for row in listed.assets] == [row.key for row in assets]
    request.filter = 'owner = "ada" AND key:WEB-01'
    assert [row.asset.key for row in client.call(client.inventory.ListAssets, request).assets] == ["web-01"]


def a_truncated_inventory_needs_force(client, pb):
    few = [asset(pb, number) for number in range(1, 11)]
    method = client.inventory.ImportInventory
    client.refused(method, imports(pb, few), grpc.StatusCode.FAILED_PRECONDITION, "MUS-4002", SETTLED_S)
    done = client.call(method, imports(pb, few, force=True), SETTLED_S)
    assert done.removed == 10, done
    twice = few[:1] * 2
    client.refused(method, imports(pb, twice), grpc.StatusCode.INVALID_ARGUMENT, "MUS-1006")


def an_update_at_another_revision_is_refused(client, pb):
    request = pb["estate_service"].UpdateAssetsRequest(site=SITE, upserts=[asset(pb, 30)])
    done = client.call(client.inventory.UpdateAssets, request)
    request.expected_revision = done.revision - 1
    client.refused(client.inventory.UpdateAssets, request, grpc.StatusCode.ABORTED, "MUS-4001")


def a_wrong_filter_names_column_and_field(client, pb):
    request = pb["finding_service"].ListFindingsRequest(filter="state = open AND sites = dublin")
    found = client.refused(client.finding.ListFindings, request, grpc.StatusCode.INVALID_ARGUMENT, "MUS-1002")
    assert "column 18" in found["message"] and '"site"' in found["message"], found
    assert found["BadRequest"].field_violations[0].field == "filter"
    request.filter = 'reason = "rogue" AND (state = open OR state = suppressed) AND address:127.0.0.0/8'
    client.call(client.finding.ListFindings, request)


def what_is_not_there_is_named(client, pb):
    request = pb["estate_service"].GetSiteRequest(site="nowhere")
    found = client.refused(client.estate.GetSite, request, grpc.StatusCode.NOT_FOUND, "MUS-3001")
    assert found["ResourceInfo"].resource_name == "nowhere"
    request = pb["finding_service"].GetFindingRequest(finding_id=bytes(15))
    client.refused(client.finding.GetFinding, request, grpc.StatusCode.INVALID_ARGUMENT, "MUS-1001")


def a_sequence_that_never_comes_ends_with_the_deadline(client, pb):
    request = pb["finding_service"].ListFindingsRequest(at_least_sequence=2**62)
    started = time.monotonic()
    try:
        client.call(client.finding.ListFindings, request, timeout=1.0)
        raise AssertionError("was answered")
    except grpc.RpcError as error:
        assert error.code() == grpc.StatusCode.DEADLINE_EXCEEDED, error
    assert time.monotonic() - started < 5


def a_watch_resumes_where_it_was(client, pb):
    service = pb["finding_service"]
    snapshot = {}
    request = service.WatchFindingsRequest(filter="state = open")
    watching = client.finding.WatchFindings(request, timeout=SETTLED_S, metadata=client.metadata)
    for change in watching:
        if change.HasField("bookmark"):
            assert change.bookmark.snapshot_complete
            token = change.resume_token
            break
        snapshot[change.finding.finding.finding_id] = change.finding
    watching.cancel()
    listed = client.call(client.finding.ListFindings, service.ListFindingsRequest(filter="state = open", page_size=1000))
    missing = {row.finding.finding_id for row in listed.findings} - set(snapshot)
    request.resume_token = token
    resumed = client.finding.WatchFindings(request, timeout=SETTLED_S, metadata=client.metadata)
    # What stood is in the snapshot; what has come since comes after its bookmark. The deadline ends a wait in vain.
    for change in resumed:
        assert change.resume_token and not (change.HasField("bookmark") and change.bookmark.snapshot_complete), change
        if change.HasField("finding"):
            missing.discard(change.finding.finding.finding_id)
        if not missing:
            break
    assert not missing, missing
    resumed.cancel()
    request.filter = "state = resolved"
    wrong = client.finding.WatchFindings(request, timeout=10, metadata=client.metadata)
    try:
        next(iter(wrong))
        raise AssertionError("a token of another filter was taken")
    except grpc.RpcError as error:
        assert details(error)["ErrorInfo"].reason == "MUS-1004", error


def a_sweep_outside_the_scope_is_refused(client, pb):
    service, order = pb["sweep_service"], pb["order"]
    outside = order.Block(address=bytes([10, 0, 0, 0]), prefix_length=24)
    request = service.RequestSweepRequest(site=SITE, blocks=[outside])
    client.refused(client.sweep.RequestSweep, request, grpc.StatusCode.INVALID_ARGUMENT, "MUS-1007")
    request = service.RequestSweepRequest(
        site=SITE,
        blocks=[order.Block(address=bytes([127, 77, 0, 0]), prefix_length=30)],
        ports=[order.PortRange(transport=1, first=8000, last=8001)],
        request_id=bytes(range(16)),
    )
    first = client.call(client.sweep.RequestSweep, request)
    assert first.sweep_id == client.call(client.sweep.RequestSweep, request).sweep_id


def a_halt_is_set_and_lifted(client, pb):
    service = pb["estate_service"]
    for halted in [True, False]:
        request = service.SetHaltRequest(site=SITE, halted=halted, reason="gateway_client.py")
        assert client.call(client.estate.SetHalt, request).mutation.sequence > 0


def a_rogue_is_found_adopted_and_resolved(client, pb):
    sweeps.a_rogue_is_found_adopted_and_resolved(client, pb, SITE)


def the_books_balance(client, pb):
    books = client.call(client.ledger.Verify, pb["ledger_service"].VerifyRequest(), SETTLED_S)
    assert books.balanced, books.problems


def the_other_lists_answer(client, pb):
    finding, sweep = pb["finding_service"], pb["sweep_service"]
    client.call(client.host.ListHosts, finding.ListHostsRequest(filter=f"site = {SITE}"))
    client.call(client.verdict.ListVerdicts, finding.ListVerdictsRequest(filter="outcome = unknown"))
    client.call(client.host.SummarizeSites, finding.SummarizeSitesRequest())
    client.call(client.sweep.ListSweeps, sweep.ListSweepsRequest())
    client.call(client.audit.ListAudits, sweep.ListSweepsRequest())
    client.call(client.bulletin.ListBulletins, pb["bulletin_service"].ListBulletinsRequest(filter="ransomware = true"))


def a_site_is_taken_out(client, pb):
    service = pb["estate_service"]
    gone = document(pb)
    gone.removed = True
    request = service.ApplyEstateRequest(documents=[gone])
    assert client.call(client.estate.ApplyEstate, request).changes[0].action == "remove"
    client.refused(client.estate.GetSite, service.GetSiteRequest(site=SITE), grpc.StatusCode.NOT_FOUND, "MUS-3001")


STEPS = [
    health_is_told_without_a_credential,
    reflection_names_every_service,
    an_estate_is_compared_then_applied,
    ranges_that_overlap_are_refused,
    an_inventory_is_imported_as_a_whole,
    a_page_token_is_of_its_list_alone,
    a_truncated_inventory_needs_force,
    an_update_at_another_revision_is_refused,
    a_wrong_filter_names_column_and_field,
    what_is_not_there_is_named,
    a_sequence_that_never_comes_ends_with_the_deadline,
    a_watch_resumes_where_it_was,
    a_sweep_outside_the_scope_is_refused,
    a_halt_is_set_and_lifted,
    a_rogue_is_found_adopted_and_resolved,
    the_other_lists_answer,
    the_books_balance,
    a_site_is_taken_out,
]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--address", required=True, help="host:port of the gateway")
    parser.add_argument("--proto", type=pathlib.Path, default=DEFAULT_PROTO, help="folder with muster/v1/*.proto")
    parser.add_argument("--token", help="bearer token")
    parser.add_argument("--ca", type=pathlib.Path, help="PEM of the authority that signed the gateway's certificate")
    parser.add_argument("--step", action="append", help="only this step; may be repeated")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as out:
        generate(arguments.proto, out)
        names = ["estate", "order", "verdict", "estate_service", "sweep_service", "finding_service", "bulletin_service"]
        pb = {name: importlib.import_module(f"muster.v1.{name}_pb2") for name in [*names, "ledger_service"]}
        if arguments.ca:
            credentials = grpc.ssl_channel_credentials(arguments.ca.read_bytes())
            channel = grpc.secure_channel(arguments.address, credentials)
        else:
            channel = grpc.insecure_channel(arguments.address)
        with channel:
            client = Client(channel, arguments.token)
            for step in STEPS:
                if arguments.step and step.__name__ not in arguments.step:
                    continue
                try:
                    step(client, pb)
                except (AssertionError, grpc.RpcError):
                    print(f"FAILED {step.__name__}\n{traceback.format_exc()}", flush=True)
                    return 1
                print(f"ok {step.__name__}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
