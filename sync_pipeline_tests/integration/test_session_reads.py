"""Summaries of large sessions are counted and limited in the store."""

from __future__ import annotations

import pytest

from sync_pipeline.cli import sessions as cli_sessions
from sync_pipeline.model.failure import Failures
from sync_pipeline.model.session import RecordOutcome, RecordStatus, Session, SessionStatus
from sync_pipeline.store.sessions.reads import LONGEST_MESSAGE
from sync_pipeline.store.store import Store
from workbench.benches.command import Command
from workbench.benches.store_bench import DONE, START, StoreBench
from workbench.servers.statements import counted

FLEET = 120


@pytest.fixture
def bench(store: Store) -> StoreBench:
    return StoreBench(store)


def test_the_first_failures_come_with_how_many_there_are(bench: StoreBench) -> None:
    fleet = bench.fleet(*(f"db{number:03}" for number in range(FLEET)))
    session = bench.open(fleet)
    done, failed = bench.claim(session, fleet[0]), bench.claim(session, fleet[1])
    bench.store.sessions.finish(done, DONE, START)
    told = RecordOutcome(RecordStatus.FAILED, error_kind="connect", error_message="x" * 5_000)
    bench.store.sessions.finish(failed, told, START)
    reads, session_id = bench.store.session_reads, session.session_id
    assert reads.failures("none", 5) == Failures()
    bench.store.sessions.close_run(session_id, session_id, SessionStatus.CANCELLED, None, START)
    with counted(bench.store) as sent:
        found = reads.failures(session_id, 50)
    assert len(sent) == 1
    assert (found.total, len(found.first)) == (FLEET - 1, 50)
    assert [item.instance for item in found.first[:2]] == ["db001", "db002"]
    assert (found.first[0].status, found.first[0].kind) == (RecordStatus.FAILED, "connect")
    assert len(found.first[0].message) == LONGEST_MESSAGE + 1
    assert found.first[1].status is RecordStatus.CANCELLED
    records = reads.failed_records(session_id)
    assert [item.instance_name for item in records] == [item.name for item in fleet[1:]]
    assert records[0].error_message == "x" * 5_000
    assert reads.instance_ids(session_id, 3) == [item.id for item in fleet[:3]]


def test_the_names_of_the_catalog_are_limited_in_the_store(bench: StoreBench) -> None:
    bench.fleet("b", "a", "c")
    bench.store.registry.delete_instance("a", START)
    assert bench.store.registry.first_names(1) == ["b"]
    assert bench.store.registry.first_names(9) == ["b", "c"]


def large_session(command: Command, monkeypatch: pytest.MonkeyPatch) -> Session:
    """Leave a session in which one of three instances went well, where two are many."""
    monkeypatch.setattr(cli_sessions, "MOST_RECORDS", 1)
    store = command.store()
    bench = StoreBench(store)
    fleet = bench.fleet("a", "b", "c")
    session = bench.open(fleet)
    bench.store.sessions.finish(bench.claim(session, fleet[0]), DONE, START)
    session_id = session.session_id
    store.sessions.close_run(session_id, session_id, SessionStatus.FAILED, "it died", START)
    found = bench.session(session_id)
    store.close()
    return found


def test_only_what_failed_is_shown_when_asked(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = large_session(command, monkeypatch)
    show = ("sessions", "show", session.session_id, "--json")
    assert len(command.ok(*show).json["records"]) == 3
    failed = command.ok(*show, "--failed").json["records"]
    assert [item["instance_name"] for item in failed] == ["b", "c"]
    assert "it died" in command.ok("sessions", "show", "latest", "--failed").out


def test_a_large_run_ends_with_its_failures_alone(
    command: Command, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    session = large_session(command, monkeypatch)
    store = command.store()
    cli_sessions.show_outcome(store, session)
    store.close()
    first, rest, last = capsys.readouterr().out.splitlines()
    assert first == "b: failed: it died"
    assert rest == f"… and 1 more: sync-pipeline sessions show {session.session_id} --failed"
    assert "is failed: 1 of 3 completed, 2 failed" in last
