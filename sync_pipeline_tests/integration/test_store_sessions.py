"""The session rules, in the store."""

from __future__ import annotations

import pytest

from sync_pipeline.errors import ConfigurationError, StaleClaim
from sync_pipeline.model.session import (
    RecordOutcome,
    RecordStatus,
    SessionFilter,
    SessionStatus,
    SyncCategory,
)
from sync_pipeline.store.sessions import NO_INSTANCE, UNOPENED
from sync_pipeline.store.store import Store
from sync_pipeline_tests.integration.store_bench import (
    DONE,
    FAILED,
    START,
    StoreBench,
    minutes,
    new_id,
    new_session,
)

SKIPPED = RecordOutcome(RecordStatus.SKIPPED, error_kind="lease_held", error_message="held")
CANCELLED = RecordOutcome(RecordStatus.CANCELLED, error_kind="cancelled", error_message="stopped")


@pytest.fixture
def bench(store: Store) -> StoreBench:
    return StoreBench(store)


def statuses(bench: StoreBench, session_id: str) -> dict[str, RecordStatus]:
    return {item.instance_name: item.status for item in bench.store.sessions.records(session_id)}


def test_every_instance_is_pending_before_any_is_touched(bench: StoreBench) -> None:
    session = bench.open(bench.fleet("b", "a"))
    assert (session.status, session.total, session.started_at) == (SessionStatus.PENDING, 2, START)
    records = bench.store.sessions.records(session.session_id)
    assert [(item.instance_name, item.status, item.attempt) for item in records] == [
        ("a", RecordStatus.PENDING, 0),
        ("b", RecordStatus.PENDING, 0),
    ]


def test_no_instance_is_a_completed_session_with_a_note(bench: StoreBench) -> None:
    session = bench.open([])
    assert (session.status, session.total, session.error) == (
        SessionStatus.COMPLETED,
        0,
        NO_INSTANCE,
    )
    assert session.completed_at == START


@pytest.mark.parametrize(
    ("outcomes", "status"),
    [
        ((DONE, DONE), SessionStatus.COMPLETED),
        ((DONE, SKIPPED), SessionStatus.COMPLETED),
        ((SKIPPED, SKIPPED), SessionStatus.COMPLETED),
        ((DONE, FAILED), SessionStatus.FAILED),
        ((CANCELLED, FAILED), SessionStatus.FAILED),
        ((DONE, CANCELLED), SessionStatus.CANCELLED),
    ],
)
def test_the_last_record_closes_the_session(
    bench: StoreBench, outcomes: tuple[RecordOutcome, ...], status: SessionStatus
) -> None:
    fleet = bench.fleet("a", "b")
    session = bench.open(fleet)
    for minute, (instance, outcome) in enumerate(zip(fleet, outcomes, strict=True), start=1):
        assert bench.session(session.session_id).completed_at is None
        claim = bench.claim(session, instance)
        assert bench.session(session.session_id).status is SessionStatus.RUNNING
        bench.store.sessions.finish(claim, outcome, minutes(minute))
    ended = bench.session(session.session_id)
    assert (ended.status, ended.completed_at) == (status, minutes(2))
    kinds = [outcome.status for outcome in outcomes]
    assert (ended.successful, ended.failed, ended.skipped, ended.cancelled) == (
        kinds.count(RecordStatus.COMPLETED),
        kinds.count(RecordStatus.FAILED),
        kinds.count(RecordStatus.SKIPPED),
        kinds.count(RecordStatus.CANCELLED),
    )


def test_a_record_keeps_its_outcome(bench: StoreBench) -> None:
    (instance,) = bench.fleet("a")
    session = bench.open([instance])
    bench.store.sessions.finish(bench.claim(session, instance), DONE, minutes(1))
    record = bench.record(session.session_id, instance)
    assert (record.counters, record.details) == (DONE.counters, DONE.details)
    assert (record.started_at, record.completed_at) == (START, minutes(1))


def test_an_older_attempt_writes_nothing(bench: StoreBench) -> None:
    (instance,) = bench.fleet("a")
    session = bench.open([instance])
    late = bench.claim(session, instance)
    newest = bench.claim(session, instance)
    assert (late.attempt, newest.attempt) == (1, 2)
    with pytest.raises(StaleClaim, match="Attempt 1"):
        bench.store.sessions.finish(late, FAILED, START)
    with pytest.raises(StaleClaim):
        bench.store.sessions.release(late, "connect", "refused", START)
    assert bench.record(session.session_id, instance).status is RecordStatus.RUNNING
    bench.store.sessions.finish(newest, DONE, START)
    with pytest.raises(StaleClaim):
        bench.store.sessions.finish(newest, FAILED, START)
    assert bench.session(session.session_id).status is SessionStatus.COMPLETED


def test_a_retry_waits_as_pending_with_its_reason(bench: StoreBench) -> None:
    (instance,) = bench.fleet("a")
    session = bench.open([instance])
    bench.store.sessions.release(bench.claim(session, instance), "connect", "refused", START)
    waiting = bench.record(session.session_id, instance)
    assert (waiting.status, waiting.error_message) == (RecordStatus.PENDING, "refused")
    assert not bench.session(session.session_id).status.is_terminal
    again = bench.claim(session, instance)
    assert bench.record(session.session_id, instance).error_message is None
    bench.store.sessions.finish(again, DONE, START)
    assert bench.record(session.session_id, instance).attempt == 2


@pytest.mark.parametrize(
    ("run_status", "record_status"),
    [
        (SessionStatus.FAILED, RecordStatus.FAILED),
        (SessionStatus.CANCELLED, RecordStatus.CANCELLED),
        (SessionStatus.COMPLETED, RecordStatus.FAILED),
    ],
)
def test_the_end_of_a_run_ends_what_it_left_open(
    bench: StoreBench, run_status: SessionStatus, record_status: RecordStatus
) -> None:
    fleet = bench.fleet("done", "pending", "running", "waiting")
    session = bench.open(fleet)
    bench.store.sessions.finish(bench.claim(session, fleet[0]), DONE, START)
    bench.claim(session, fleet[2])
    bench.store.sessions.release(bench.claim(session, fleet[3]), "connect", "refused.", START)
    close = bench.store.sessions.close_run
    ended = close(session.session_id, session.run_id, run_status, "The run died.", minutes(1))
    assert ended is not None
    assert ended == close(
        session.session_id, session.run_id, SessionStatus.FAILED, "again", minutes(9)
    )
    expected = SessionStatus.CANCELLED if run_status is SessionStatus.CANCELLED else None
    assert ended.status is (expected or SessionStatus.FAILED)
    assert statuses(bench, session.session_id) == {
        "done": RecordStatus.COMPLETED,
        "pending": record_status,
        "running": record_status,
        "waiting": record_status,
    }
    waiting = bench.record(session.session_id, fleet[3])
    assert waiting.error_message == "refused. The run died."
    assert bench.record(session.session_id, fleet[0]).error_message is None


def test_no_worker_of_a_run_that_is_over_writes(bench: StoreBench) -> None:
    fleet = bench.fleet("a", "b")
    session = bench.open(fleet)
    orphan = bench.claim(session, fleet[0])
    close = bench.store.sessions.close_run
    close(session.session_id, session.run_id, SessionStatus.FAILED, "killed", START)
    before = bench.store.sessions.records(session.session_id)
    with pytest.raises(StaleClaim):
        bench.store.sessions.finish(orphan, DONE, START)
    with pytest.raises(StaleClaim, match="is over"):
        bench.claim(session, fleet[1])
    with pytest.raises(StaleClaim, match="is over"):
        bench.open(fleet, session.session_id)
    assert bench.store.sessions.records(session.session_id) == before


def test_a_re_execution_reopens_exactly_what_it_runs_again(bench: StoreBench) -> None:
    fleet = bench.fleet("a", "b", "c")
    session = bench.open(fleet)
    for instance, outcome in zip(fleet, (DONE, FAILED, FAILED), strict=True):
        bench.store.sessions.finish(bench.claim(session, instance), outcome, START)
    bench.store.sessions.close_run(
        session.session_id, session.run_id, SessionStatus.FAILED, None, START
    )
    again = bench.open(fleet[1:2], session.session_id, "second")
    assert again.status is SessionStatus.RUNNING
    assert again.completed_at is None
    claim = bench.claim(session, fleet[1], "second")
    bench.store.sessions.finish(claim, DONE, minutes(5))
    ended = bench.session(session.session_id)
    assert (ended.status, ended.successful, ended.failed) == (SessionStatus.FAILED, 2, 1)
    # A re-execution from failure opens nothing: its steps claim what they run again.
    third = bench.claim(session, fleet[2], "third")
    assert bench.session(session.session_id).run_id == "third"
    bench.store.sessions.finish(third, DONE, minutes(6))
    assert bench.session(session.session_id).status is SessionStatus.COMPLETED


def test_an_older_run_s_end_and_hooks_leave_a_newer_run_alone(bench: StoreBench) -> None:
    (instance,) = bench.fleet("a")
    session = bench.open([instance])
    bench.open([instance], session.session_id, "second")
    bench.claim(session, instance, "second")
    sessions, session_id = bench.store.sessions, session.session_id
    sessions.close_run(session_id, session.run_id, SessionStatus.FAILED, "late", START)
    assert not sessions.fail_unfinished(
        session_id, instance.id, session.run_id, "unexpected", "late", START
    )
    assert bench.record(session_id, instance).status is RecordStatus.RUNNING


def test_the_hook_fails_only_what_is_still_open(bench: StoreBench) -> None:
    fleet = bench.fleet("open", "done")
    session = bench.open(fleet)
    bench.store.sessions.finish(bench.claim(session, fleet[1]), DONE, START)

    def fail(instance_id: int) -> bool:
        return bench.store.sessions.fail_unfinished(
            session.session_id, instance_id, session.run_id, "unexpected", "why", minutes(1)
        )

    assert not fail(fleet[1].id)
    assert not fail(12345)
    assert bench.session(session.session_id).completed_at is None
    assert fail(fleet[0].id)
    assert not fail(fleet[0].id)
    record = bench.record(session.session_id, fleet[0])
    assert (record.status, record.error_kind) == (RecordStatus.FAILED, "unexpected")
    assert bench.session(session.session_id).completed_at == minutes(1)
    assert not bench.store.sessions.fail_unfinished("none", 1, "run", "unexpected", "why", START)


def test_a_run_that_ended_before_its_session_leaves_one(bench: StoreBench) -> None:
    fleet = bench.fleet("a")
    session_id = new_id()
    new, sessions = new_session(session_id), bench.store.sessions
    assert sessions.close_run(session_id, session_id, SessionStatus.FAILED, None, START) is None
    for _ in range(2):
        ended = sessions.close_or_record(new, SessionStatus.CANCELLED, None, START)
        assert (ended.status, ended.total, ended.error) == (SessionStatus.CANCELLED, 0, UNOPENED)
    with pytest.raises(StaleClaim, match="is over"):
        bench.open(fleet, session_id)
    again = bench.open(fleet, session_id, "second")
    assert (again.status, again.total) == (SessionStatus.PENDING, 1)


def test_an_opened_session_is_closed_not_recorded_again(bench: StoreBench) -> None:
    session = bench.open(bench.fleet("a"))
    new = new_session(session.session_id)
    ended = bench.store.sessions.close_or_record(new, SessionStatus.FAILED, "died", START)
    assert (ended.status, ended.total, ended.failed, ended.error) == (
        SessionStatus.FAILED,
        1,
        1,
        "died",
    )


def test_a_session_is_found_by_a_prefix_that_only_one_has(bench: StoreBench) -> None:
    for session_id in ("abc1" + "0" * 32, "abc2" + "0" * 32, "a%c3" + "0" * 32):
        bench.open([], session_id)
    get = bench.store.sessions.get
    assert get("abc") is None
    assert get("nothing") is None
    found = get("abc2")
    assert found is not None
    assert found.session_id.startswith("abc2")
    escaped = get("a%c")
    assert escaped is not None
    assert escaped.session_id.startswith("a%c3")
    assert get("a_c") is None


def test_sessions_are_listed_newest_first_and_filtered(bench: StoreBench) -> None:
    fleet = bench.fleet("a", "b")
    opened = []
    for minute, chosen in enumerate((fleet, fleet[:1], [])):
        bench.now = minutes(minute)
        opened.append(bench.open(chosen).session_id)
    listed = bench.store.sessions.list

    def ids(**fields: object) -> list[str]:
        return [item.session_id for item in listed(SessionFilter(**fields))]  # type: ignore[arg-type]

    assert ids() == opened[::-1]
    assert ids(limit=2) == opened[:0:-1]
    assert ids(instance="a") == [opened[1], opened[0]]
    assert ids(instance="b") == [opened[0]]
    assert ids(status=SessionStatus.COMPLETED) == [opened[2]]
    assert ids(category=SyncCategory.ACCOUNT) == opened[::-1]
    unfinished = bench.store.sessions.unfinished(SyncCategory.ACCOUNT)
    assert [item.session_id for item in unfinished] == opened[:2]


def test_every_step_of_a_worker_is_a_sign_of_life(bench: StoreBench) -> None:
    (instance,) = bench.fleet("a")
    session = bench.open([instance])
    assert session.heartbeat_at == START
    bench.now = minutes(3)
    claim = bench.claim(session, instance)
    assert bench.session(session.session_id).heartbeat_at == minutes(3)
    bench.store.sessions.release(claim, "connect", "refused", minutes(7))
    assert bench.session(session.session_id).heartbeat_at == minutes(7)


def test_what_is_not_there_can_t_be_claimed(bench: StoreBench) -> None:
    (instance,) = bench.fleet("a")
    session = bench.open([])
    with pytest.raises(ConfigurationError, match="no record of instance"):
        bench.claim(session, instance)
    with pytest.raises(ConfigurationError, match="does not exist"):
        bench.store.sessions.claim("none", instance.id, "run", START)
