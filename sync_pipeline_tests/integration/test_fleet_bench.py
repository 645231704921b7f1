"""The endpoints of the fleet benchmark are what they stand for, and the benchmark runs."""

from __future__ import annotations

import json
import struct
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_pipeline.errors import ConnectError, ConnectReason, SyncError
from sync_pipeline.model.session import (
    InstanceRecord,
    RecordStatus,
    SyncCategory,
    SyncCounters,
)
from sync_pipeline.settings import project_root
from workbench.fleet.addresses import EndpointKind, Mix, host_of, is_changed, number_of
from workbench.fleet.endpoints import Endpoints, handed_through, replayed
from workbench.fleet.homes import FleetPlan
from workbench.fleet.recording import Recording
from workbench.fleet.responder import Latency
from workbench.fleet.runners import LostRecords, Runner, counted
from workbench.fleet.server import MONITOR, Contents, change, collect, real_server, recorded
from workbench.fleet.wire import RequestKind, RequestReader
from workbench.servers.running import RunningServer

NEAR = Latency(0.0, 0.0)
MIX = Mix(silent=0.1, refusing=0.2)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with real_server(tmp_path_factory.mktemp("fleet") / "server", Contents(6, 1, 3)) as server:
        yield server


@pytest.fixture(scope="module")
def endpoints(
    server: RunningServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Endpoints]:
    with replayed(recorded(server), NEAR, tmp_path_factory.mktemp("replay")) as endpoints:
        yield endpoints


def test_a_replayed_server_is_collected_like_the_real_one(
    server: RunningServer, endpoints: Endpoints
) -> None:
    real = collect(server.host, server.port)
    for number in (0, 7, 12_345):
        found = collect(host_of(EndpointKind.LIVE, number), endpoints.port)
        assert found.accounts == real.accounts
        assert found.sections == real.sections
        assert (found.server, found.databases) == (real.server, real.databases)
        assert found.warnings == ()
    assert {"person_000", "team_0", MONITOR} <= {account.name for account in real.accounts}
    assert "shop_0" in real.databases


def test_a_server_behind_the_proxy_is_collected_like_the_real_one(server: RunningServer) -> None:
    real = collect(server.host, server.port)
    with handed_through(server.port, Latency(0.05, 0.001)) as endpoints:
        found = collect(host_of(EndpointKind.LIVE, 3), endpoints.port)
        refusal = failure(EndpointKind.FATAL, endpoints.port)
    assert (found.accounts, found.sections) == (real.accounts, real.sections)
    assert found.timings["connect_seconds"] >= 0.05
    assert "starting up" in str(refusal)


def failure(kind: EndpointKind, port: int) -> SyncError:
    with pytest.raises(SyncError) as caught:
        collect(host_of(kind, 1), port, connect_seconds=2)
    return caught.value


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        (EndpointKind.SILENT, ConnectReason.TIMEOUT),
        (EndpointKind.FATAL, ConnectReason.REFUSED),
        (EndpointKind.REFUSED, ConnectReason.REFUSED),
    ],
)
def test_an_endpoint_that_is_not_live_fails_as_such(
    endpoints: Endpoints, kind: EndpointKind, reason: ConnectReason
) -> None:
    error = failure(kind, 1 if kind is EndpointKind.REFUSED else endpoints.port)
    assert isinstance(error, ConnectError)
    assert (error.reason, error.retryable) == (reason, True)


def test_a_share_of_the_endpoints_answers_as_after_a_change(
    server: RunningServer, tmp_path: Path
) -> None:
    before, real = recorded(server), collect(server.host, server.port)
    change(server, granted=True)
    after, really = recorded(server), collect(server.host, server.port)
    change(server, granted=False)
    assert real.accounts != really.accounts
    with replayed(before, NEAR, tmp_path, after) as endpoints:
        for share, wanted in ((0, []), (0.5, [1, 3]), (1, [0, 1, 2, 3]), (0, [])):
            endpoints.change(share)
            for number in range(4):
                assert is_changed(number, share) == (number in wanted)
                found = collect(host_of(EndpointKind.LIVE, number), endpoints.port)
                assert found.accounts == (really if number in wanted else real).accounts


@given(st.integers(1, 20_000), st.sampled_from([0.01, 0.02, 0.07, 0.1, 1 / 3, 0.5]))
def test_the_changed_share_is_what_was_asked_for(count: int, share: float) -> None:
    changed = sum(is_changed(number, share) for number in range(count))
    assert abs(changed - count * share) < 1


def test_an_address_tells_the_number_of_its_endpoint() -> None:
    for number in (0, 249, 250, 62_499):
        assert number_of(host_of(EndpointKind.LIVE, number)) == number


def test_what_was_not_recorded_is_an_error_that_names_it(
    server: RunningServer, tmp_path: Path
) -> None:
    complete = recorded(server)
    known = {
        question: answer
        for question, answer in complete.answers.items()
        if b"FROM pg_catalog.pg_auth_members" not in question.content
    }
    assert len(known) < len(complete.answers)
    with replayed(Recording(complete.starts, known), NEAR, tmp_path) as endpoints:
        found = collect(host_of(EndpointKind.LIVE, 0), endpoints.port)
    (warning,) = found.warnings
    assert "no recorded answer" in warning
    assert "pg_auth_members" in warning


def message(kind: bytes, content: bytes) -> bytes:
    return kind + struct.pack("!I", len(content) + 4) + content


START = struct.pack("!II", 8 + 26, 196608) + b"user\0monitor\0database\0shop\0"
START = struct.pack("!I", len(START)) + START[4:]
TLS = struct.pack("!II", 8, 80877103)
ASKED = [
    message(b"Q", b"SELECT 1\0"),
    message(b"P", b"\0SELECT $1\0\0\0") + message(b"B", b"\0\0") + message(b"S", b""),
    message(b"Q", b"\0"),
    message(b"X", b""),
]


@given(st.lists(st.integers(0, 200), max_size=20))
def test_requests_are_the_same_however_the_bytes_arrive(cuts: list[int]) -> None:
    sent = TLS + START + b"".join(ASKED)
    edges = [0, *sorted(min(cut, len(sent)) for cut in cuts), len(sent)]
    reader = RequestReader()
    found = [
        request for first, last in pairwise(edges) for request in reader.feed(sent[first:last])
    ]
    assert [request.content for request in found] == [TLS, START, *ASKED]
    assert [request.kind for request in found] == [
        RequestKind.ENCRYPT, RequestKind.START, *[RequestKind.ASK] * 3, RequestKind.LEAVE,
    ]  # fmt: skip
    assert found[1].database == "shop"


def plan(count: int) -> FleetPlan:
    return FleetPlan(count, 5432, MIX, 2)


def record(name: str, status: RecordStatus) -> InstanceRecord:
    return InstanceRecord("session", 1, name, SyncCategory.ACCOUNT, status, 1)


def records_of(fleet: FleetPlan) -> list[InstanceRecord]:
    return [
        record(
            item.name,
            RecordStatus.COMPLETED if item.name.endswith("live") else RecordStatus.FAILED,
        )
        for item in fleet.instances()
    ]


def test_a_run_that_loses_a_record_counts_for_nothing() -> None:
    fleet = plan(20)
    records = records_of(fleet)
    assert counted(records, fleet, Runner.THREADED) == {"completed": 14, "failed": 6}
    with pytest.raises(LostRecords, match="19 records for 20 instances"):
        counted(records[1:], fleet, Runner.THREADED)
    name = records[0].instance_name
    for status in (RecordStatus.PENDING, RecordStatus.RUNNING, RecordStatus.CANCELLED):
        with pytest.raises(LostRecords, match=f"{name} as {status}"):
            counted([record(name, status), *records[1:]], fleet, Runner.THREADED)


def test_a_run_that_misses_a_change_counts_for_nothing() -> None:
    fleet = replace(plan(20), is_synced_before=True, changed=0.5)
    assert fleet.updated is not None
    assert 0 < fleet.updated < 14
    updated = SyncCounters(items_updated=1)
    records = [
        replace(item, counters=updated) if instance.name.endswith("live") and number % 2 else item
        for number, (item, instance) in enumerate(
            zip(records_of(fleet), fleet.instances(), strict=True)
        )
    ]
    assert counted(records, fleet, Runner.THREADED).total() == 20
    unchanged = replace(fleet, changed=0)
    with pytest.raises(LostRecords, match="0 had changed"):
        counted(records, unchanged, Runner.THREADED)
    with pytest.raises(LostRecords, match=f"updated 0 instances; {fleet.updated} had"):
        counted(records_of(fleet), fleet, Runner.THREADED)


def test_a_run_that_read_less_of_an_instance_counts_for_nothing() -> None:
    fleet = plan(20)
    records = records_of(fleet)
    live = next(n for n, item in enumerate(records) if item.status is RecordStatus.COMPLETED)
    short = {"unread_sections": {"grants/app": {"status": "failed", "reason": "timed out"}}}
    records[live] = replace(records[live], details=short)
    name = records[live].instance_name
    with pytest.raises(LostRecords, match=f"did not read all of {name}.*timed out"):
        counted(records, fleet, Runner.BARE_STORE)


def test_a_tiny_fleet_of_which_a_part_has_changed() -> None:
    command = [
        sys.executable, "-m", "benchmarks.fleet", "--instances", "4", "--silent", "0",
        "--refusing", "0", "--accounts", "5", "--runners", "bare-store", "--start-included",
        "--concurrency", "4", "--synced-before", "--changed", "0,0.5",
    ]  # fmt: skip
    done = subprocess.run(command, cwd=project_root(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    shown = json.loads(done.stdout)
    assert shown["instances 4"]["bare-store"]["records"] == {"completed": 4}
    changed = shown["instances 4, 50% changed"]["bare-store"]
    assert changed["records"] == {"completed": 4}
    assert len(changed["targets"]) == 2


def test_a_small_fleet_from_start_to_finish() -> None:
    command = [
        sys.executable, "-m", "benchmarks.fleet", "--instances", "10", "--silent", "0.1",
        "--refusing", "0.2", "--connect-timeout", "2", "--retry-limit", "0", "--accounts", "5",
        "--runners", "bare-store,threaded", "--concurrency", "4", "--start-included",
    ]  # fmt: skip
    done = subprocess.run(command, cwd=project_root(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    shown = json.loads(done.stdout)["instances 10"]
    for runner in ("bare-store", "threaded"):
        assert shown[runner]["records"] == {"completed": 7, "failed": 3}
        assert shown[runner]["CPU seconds"] > 0
        assert shown[runner]["peak memory MB"] > 10
    assert shown["threaded"]["event rows an instance"] > 5
    (share,) = [text for name, text in shown["threaded"]["targets"].items() if "share" in name]
    assert share.endswith((": yes", ": no"))
