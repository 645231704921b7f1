"""The session rules, in the store."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import event

from sync_pipeline.errors import ConfigurationError, StaleClaim
from sync_pipeline.model.instance import Instance
from sync_pipeline.model.session import (
    NO_INSTANCE,
    UNOPENED,
    NewSession,
    RecordAttempt,
    RecordOutcome,
    RecordStatus,
    SessionFilter,
    SessionStatus,
    SyncCategory,
)
from sync_pipeline.model.shard import Shard
from sync_pipeline.store.database import Database
from sync_pipeline.store.store import Store
from workbench.benches.store_bench import (
    CREDENTIAL,
    DONE,
    FAILED,
    START,
    StoreBench,
    an_instance,
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
        bench.store.sessions.release(late, "connect", "refused")
    assert bench.record(session.session_id, instance).status is RecordStatus.RUNNING
    bench.store.sessions.finish(newest, DONE, START)
    with pytest.raises(StaleClaim):
        bench.store.sessions.finish(newest, FAILED, START)
    assert bench.session(session.session_id).status is SessionStatus.COMPLETED


def test_a_retry_waits_as_pending_with_its_reason(bench: StoreBench) -> None:
    (instance,) = bench.fleet("a")
    session = bench.open([instance])
    bench.store.sessions.release(bench.claim(session, instance), "connect", "refused")
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
    bench.store.sessions.release(bench.claim(session, fleet[3]), "connect", "refused.")
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


def test_an_attempt_keeps_all_of_how_its_record_stood(bench: StoreBench) -> None:
    """Where another run begins the record again, and where the same one tries again."""
    (one,) = bench.fleet("one")
    session = bench.open([one])
    session_id = session.session_id
    began = [minutes(1), minutes(3)]
    bench.now = began[0]
    claim = bench.claim(session, one)
    bench.store.sessions.release(claim, "query", "Slow.", minutes(2))
    bench.now = began[1]
    failed = RecordOutcome(RecordStatus.FAILED, error_kind="connect", error_message="Closed.")
    bench.store.sessions.finish(bench.claim(session, one), failed, minutes(4))
    bench.now = minutes(5)
    bench.open([one], session_id, new_id())
    first, second = bench.store.session_reads.attempts(session_id)
    of_both = (session_id, one.id, "one")
    assert first == RecordAttempt(
        *of_both, 1, session_id, RecordStatus.FAILED, began[0], minutes(2), "query", "Slow."
    )
    assert second == RecordAttempt(
        *of_both, 2, session_id, RecordStatus.FAILED, began[1], minutes(4), "connect", "Closed."
    )


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


def test_a_record_that_ended_is_open_again_once_it_begins_again(bench: StoreBench) -> None:
    (one,) = bench.fleet("one")
    session = bench.open([one])

    def is_open() -> bool:
        return bench.store.sessions.is_open(session.session_id, one.id)

    assert is_open()
    bench.store.sessions.finish(bench.claim(session, one), FAILED, START)
    assert not is_open()
    bench.open([one], session.session_id, "second")
    assert is_open()
    bench.store.sessions.finish(bench.claim(session, one, "second"), DONE, START)
    assert not is_open()
    bench.claim(session, one, "third")
    assert is_open()


def test_a_record_whose_end_is_not_written_stays_open(bench: StoreBench) -> None:
    (one,) = bench.fleet("one")
    session = bench.open([one])
    late = bench.claim(session, one)
    bench.claim(session, one)
    with pytest.raises(StaleClaim):
        bench.store.sessions.finish(late, DONE, bench.now)
    assert bench.store.sessions.is_open(session.session_id, one.id)


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
    assert ids(instances=("a",)) == [opened[1], opened[0]]
    assert ids(instances=("b",)) == [opened[0]]
    assert ids(status=SessionStatus.COMPLETED) == [opened[2]]
    assert ids(category=SyncCategory.ACCOUNT) == opened[::-1]
    unfinished = bench.store.sessions.unfinished(SyncCategory.ACCOUNT)
    assert [item.session_id for item in unfinished] == opened[:2]


def test_a_run_at_work_gives_signs_of_life(bench: StoreBench) -> None:
    (instance,) = bench.fleet("a")
    sessions = bench.store.sessions
    sessions.give_sign("nobody", "nobody", START)
    assert sessions.signs() == {}
    session, other = bench.open([instance]), bench.open([instance])
    assert sessions.signs() == {session.run_id: START, other.run_id: START}
    sessions.give_sign(session.session_id, session.run_id, minutes(3))
    assert sessions.signs() == {session.run_id: minutes(3), other.run_id: START}
    sessions.close_run(
        session.session_id, session.run_id, SessionStatus.FAILED, "gone", minutes(4)
    )  # fmt: skip
    sessions.give_sign(session.session_id, session.run_id, minutes(5))
    assert sessions.signs() == {other.run_id: START}


@pytest.mark.parametrize("size", [3, 300])
def test_a_record_costs_the_same_in_a_large_session(store_url: str, size: int) -> None:
    """Two statements to claim, two to finish, however many records there are."""
    database = Database(store_url)
    database.upgrade()
    bench = StoreBench(Store(database))
    fleet = bench.fleet(*[f"db{number}" for number in range(size)])
    session = bench.open(fleet)
    first, second, *_ = fleet
    bench.store.sessions.finish(bench.claim(session, first), DONE, START)
    seen: list[str] = []

    def see(*arguments: Any) -> None:
        if not arguments[2].startswith("BEGIN"):
            seen.append(arguments[2].split()[0])

    event.listen(database.engine, "before_cursor_execute", see)
    claim = bench.claim(session, second)
    assert seen == ["SELECT", "UPDATE"]
    bench.store.sessions.finish(claim, DONE, START)
    assert seen == ["SELECT", "UPDATE", "UPDATE", "UPDATE"]
    database.close()


def sharded(session_id: str, number: int, count: int = 2) -> NewSession:
    """Return what the run of a shard opens; its run is named after it."""
    new = new_session(session_id, f"run-{number}")
    return replace(new, shard=Shard(number, count))


def hosted_fleet(bench: StoreBench, **hosts: str) -> dict[str, Instance]:
    """Register instances by the host that each is on."""
    bench.store.registry.put_credential(CREDENTIAL, START)
    fleet = [replace(an_instance(name), host=host) for name, host in hosts.items()]
    bench.store.registry.put_instances(fleet, START)
    return {item.name: item for item in bench.store.registry.instances()}


def test_the_first_shard_writes_the_records_of_all(bench: StoreBench) -> None:
    fleet = hosted_fleet(bench, a="one", b="one", c="two")
    session_id = new_id()
    sessions = bench.store.sessions
    session = sessions.open(sharded(session_id, 1), [*fleet.values()], START)
    assert (session.status, session.total, session.shards) == (SessionStatus.PENDING, 3, 2)
    assert [name for _, name in sessions.pending_of(session_id, "run-1")] == ["a", "b"]
    assert sessions.pending_of(session_id, "run-2") == []
    # An instance that was removed since still has its record; a new one has to wait.
    late = [*hosted_fleet(bench, new="two", a="one").values()]
    sessions.open(sharded(session_id, 2), [item for item in late if item.name != "c"], START)
    assert [name for _, name in sessions.pending_of(session_id, "run-2")] == ["c"]
    assert set(statuses(bench, session_id)) == {"a", "b", "c"}
    for name, run_id in (("a", "run-1"), ("b", "run-1"), ("c", "run-2")):
        assert not bench.session(session_id).status.is_terminal
        claim = sessions.claim(session_id, fleet[name].id, run_id, START)
        sessions.finish(claim, DONE, minutes(2))
    ended = bench.session(session_id)
    assert (ended.status, ended.completed_at) == (SessionStatus.COMPLETED, minutes(2))


def test_a_shard_that_never_opened_ends_its_own_records(bench: StoreBench) -> None:
    fleet = hosted_fleet(bench, a="one", b="two")
    session_id = new_id()
    sessions = bench.store.sessions
    sessions.open(sharded(session_id, 1), [*fleet.values()], START)
    sessions.close_or_record(sharded(session_id, 2), SessionStatus.CANCELLED, None, START)
    assert statuses(bench, session_id) == {"a": RecordStatus.PENDING, "b": RecordStatus.CANCELLED}
    assert bench.record(session_id, fleet["b"]).error_message == UNOPENED
    sessions.finish(sessions.claim(session_id, fleet["a"].id, "run-1", START), DONE, START)
    assert bench.session(session_id).status is SessionStatus.CANCELLED
    # Executed again, the shard completes the session that it belongs to.
    again = replace(sharded(session_id, 2), run_id="run-3")
    sessions.open(again, [fleet["b"]], START)
    sessions.finish(sessions.claim(session_id, fleet["b"].id, "run-3", START), DONE, START)
    ended = bench.session(session_id)
    assert (ended.status, ended.error) == (SessionStatus.COMPLETED, None)
    assert [(run.shard, run.run_id) for run in sessions.runs(session_id)] == [
        (1, "run-1"),
        (2, "run-2"),
        (2, "run-3"),
    ]


def test_shards_that_ended_before_the_records_were_there(bench: StoreBench) -> None:
    fleet = hosted_fleet(bench, a="one", b="two")
    session_id = new_id()
    sessions = bench.store.sessions
    dead = sessions.close_or_record(sharded(session_id, 2), SessionStatus.FAILED, "gone", START)
    assert (dead.status, dead.total) == (SessionStatus.PENDING, 0)
    sessions.open(sharded(session_id, 1), [*fleet.values()], START)
    assert statuses(bench, session_id) == {"a": RecordStatus.PENDING, "b": RecordStatus.FAILED}
    assert bench.record(session_id, fleet["b"]).error_message == "gone"
    other = new_id()
    for number in (1, 2):
        ended = sessions.close_or_record(sharded(other, number), SessionStatus.FAILED, "x", START)
    assert (ended.status, ended.total, ended.error) == (SessionStatus.FAILED, 0, "x")


def test_a_shard_without_a_run_is_closed_as_such(bench: StoreBench) -> None:
    fleet = hosted_fleet(bench, a="one", b="two")
    session_id = new_id()
    sessions = bench.store.sessions
    sessions.open(sharded(session_id, 1), [*fleet.values()], START)
    sessions.finish(sessions.claim(session_id, fleet["a"].id, "run-1", START), DONE, START)
    ended = sessions.close_run(session_id, None, SessionStatus.FAILED, "never", START, 2)
    assert ended is not None
    assert (ended.status, ended.failed, ended.successful) == (SessionStatus.FAILED, 1, 1)
    assert bench.record(session_id, fleet["b"]).error_message == "never"


def test_a_re_execution_that_never_began_changes_no_outcome(bench: StoreBench) -> None:
    (instance,) = bench.fleet("a")
    session = bench.open([instance])
    bench.store.sessions.finish(bench.claim(session, instance), DONE, START)
    new = new_session(session.session_id, "second")
    ended = bench.store.sessions.close_or_record(new, SessionStatus.CANCELLED, "no", minutes(9))
    assert (ended.status, ended.error) == (SessionStatus.COMPLETED, None)
    assert (ended.run_id, ended.completed_at) == (session.run_id, START)
    second = bench.store.sessions.runs(session.session_id)[1]
    assert (second.run_id, second.status) == ("second", SessionStatus.CANCELLED)


def test_a_session_says_a_few_of_many_reasons(bench: StoreBench) -> None:
    session_id = new_id()
    for number in range(1, 6):
        reason = f"Reason {number}."
        new = sharded(session_id, number, 6)
        bench.store.sessions.close_or_record(new, SessionStatus.FAILED, reason, START)
    last = sharded(session_id, 6, 6)
    bench.store.sessions.close_or_record(last, SessionStatus.FAILED, "Reason 1.", START)
    error = bench.session(session_id).error
    assert error == "Reason 1. Reason 2. Reason 3. And 2 more."


def test_an_older_run_s_worker_takes_nothing_from_a_newer_run(bench: StoreBench) -> None:
    (instance,) = bench.fleet("a")
    session = bench.open([instance])
    bench.open([instance], session.session_id, "second")
    with pytest.raises(StaleClaim, match="newer run second"):
        bench.claim(session, instance)
    bench.claim(session, instance, "second")


def test_what_is_not_there_can_t_be_claimed(bench: StoreBench) -> None:
    (instance,) = bench.fleet("a")
    session = bench.open([])
    with pytest.raises(ConfigurationError, match="no record of instance"):
        bench.claim(session, instance)
    with pytest.raises(ConfigurationError, match="does not exist"):
        bench.store.sessions.claim("none", instance.id, "run", START)
