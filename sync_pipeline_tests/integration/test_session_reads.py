"""Summaries of large sessions are counted and limited in the store."""

from __future__ import annotations

import pytest

from sync_pipeline.model.failure import Failures
from sync_pipeline.model.session import RecordOutcome, RecordStatus, SessionStatus
from sync_pipeline.store.session_reads import LONGEST_MESSAGE
from sync_pipeline.store.store import Store
from sync_pipeline_tests.integration.store_bench import DONE, START, StoreBench
from sync_pipeline_tests.servers.statements import counted

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
