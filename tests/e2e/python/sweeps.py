"""The main job, seen from outside: a sweep is asked for, runs, and ends; what it found is watched, listed and decided on.

Needs a scanner on the machine that this runs on: the listeners are this program's own, on loopback.
"""

import contextlib
import ipaddress
import socket
import time

# The inventory of gateway_client.py has the first; of the second nobody knows.
KNOWN, ROGUE = ("127.77.0.1", 8000), ("127.77.0.40", 8001)
# A sweep of 64 addresses and two ports takes a second; then the evaluator and the recorder follow.
DONE_S = 60
POLL_S = 0.1


@contextlib.contextmanager
def listening(*places):
    """Opens listeners, and closes them again."""
    with contextlib.ExitStack() as stack:
        for place in places:
            stack.enter_context(socket.create_server(place))
        yield


def finished(client, pb, sweep_id, sequence):
    """Waits for the end of a sweep."""
    deadline = time.monotonic() + DONE_S
    request = pb["sweep_service"].GetSweepRequest(sweep_id=sweep_id, at_least_sequence=sequence)
    while time.monotonic() < deadline:
        found = client.unless_missing(client.sweep.GetSweep, request)
        if found is not None and found.HasField("finished_at"):
            return found
        time.sleep(POLL_S)
    raise AssertionError(f"the sweep has not ended within {DONE_S} s: {found}")


def listed_as(client, request, expected):
    """Waits until a list has these findings and no others: a watch tells of a change before the store has it."""
    deadline = time.monotonic() + DONE_S
    while time.monotonic() < deadline:
        listed = [row.finding.finding_id for row in client.call(client.finding.ListFindings, request).findings]
        if listed == expected:
            return
        time.sleep(POLL_S)
    raise AssertionError(f"{request.filter} lists {listed}, not {expected}")


def until(client, request, is_it):
    """Watches until a change is the one, and returns it with the token behind it."""
    watching = client.finding.WatchFindings(request, timeout=DONE_S, metadata=client.metadata)
    try:
        for change in watching:
            if is_it(change):
                return change, change.resume_token
    finally:
        watching.cancel()
    raise AssertionError("the watch ended")


def finding_of(address, **fields):
    """A test for a change of a finding of a host."""
    packed = ipaddress.ip_address(address).packed

    def is_it(change):
        listed = change.finding
        return listed.address == packed and all(getattr(listed.finding, key) == fields[key] for key in fields)

    return is_it


def a_rogue_is_found_adopted_and_resolved(client, pb, site):
    sweeps, findings, verdict = pb["sweep_service"], pb["finding_service"], pb["verdict"]
    order, estate = pb["order"], pb["estate"]
    watch = findings.WatchFindingsRequest(filter=f'site = "{site}" AND subject = "known"')
    _, watch.resume_token = until(client, watch, lambda change: change.bookmark.snapshot_complete)

    request = sweeps.RequestSweepRequest(
        site=site,
        blocks=[order.Block(address=ipaddress.ip_address("127.77.0.0").packed, prefix_length=26)],
        ports=[order.PortRange(transport=1, first=8000, last=8001)],
        request_id=bytes(range(1, 17)),
    )
    with listening(KNOWN, ROGUE):
        asked = client.call(client.sweep.RequestSweep, request)
        sweep = finished(client, pb, asked.sweep_id, asked.mutation.sequence)
    coverage = sweep.coverage
    assert not sweep.void and coverage.planned == 64 * 2 and coverage.open == 2, sweep
    assert sweep.leases == sweep.leases_finished and sweep.leases_failed == 0, sweep

    # Nothing was read from the watch while it was found: it has to be there when somebody comes back.
    is_rogue = finding_of(ROGUE[0], state=verdict.FINDING_STATE_OPEN)
    change, watch.resume_token = until(client, watch, is_rogue)
    rogue = change.finding
    assert rogue.verdict.reason == "rogue" and rogue.verdict.evidence, rogue
    listing = findings.ListFindingsRequest(filter=f'site = "{site}" AND reason = "rogue" AND state = open')
    listed_as(client, listing, [rogue.finding.finding_id])
    place = findings.GetHostRequest(site_address=findings.SiteAddress(site=site, address=KNOWN[0]))
    known = client.call(client.host.GetHost, place)
    assert known.asset.key == "web-01" and [service.port for service in known.services] == [KNOWN[1]], known

    address = estate.Identifier(kind="address", value=ROGUE[0])
    adopted = estate.Asset(key="web-40", name="web-40", owner="ada", zone="web", identifiers=[address])
    decision = findings.SetDispositionRequest(
        finding_id=rogue.finding.finding_id, disposition=estate.DISPOSITION_ADOPTED, reason="ours", asset=adopted
    )
    assert client.call(client.finding.SetDisposition, decision).mutation.sequence > 0
    resolved = finding_of(ROGUE[0], state=verdict.FINDING_STATE_RESOLVED)
    change, _ = until(client, watch, resolved)
    assert change.finding.finding.finding_id == rogue.finding.finding_id, change
    listed_as(client, listing, [])
