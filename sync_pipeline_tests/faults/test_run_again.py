"""Whatever dies and whatever is executed again: what was asked for is done, history stays."""

from __future__ import annotations

import os
import random
import signal
import time
import urllib.error
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest

from sync_pipeline.model.session import (
    InstanceRecord,
    RecordAttempt,
    RecordStatus,
    Session,
    SessionRun,
    SessionStatus,
    SyncType,
)
from sync_pipeline.orchestration.instance import open_instance
from workbench.running.system import (
    System,
    held,
    quick_up,
    running_system,
    wait_for,
)
from workbench.servers.running import RunningServer

pytestmark = pytest.mark.long

NEVER = "0 0 1 1 *"
AT_ONCE = 2
NAMES = [f"i{number}" for number in range(6)]
NOTHING_LEFT = "No steps needed to be retried"


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    home = tmp_path_factory.mktemp("again")
    with running_system(
        home,
        quick_up,
        account_sync_cron=NEVER,
        capacity_sync_cron=NEVER,
        aggregation_cron=NEVER,
        retry_limit=0,
        step_concurrency=AT_ONCE,
        stale_after_seconds=10,
    ) as system:
        yield system


@pytest.fixture(autouse=True)
def _a_fleet(system: System, postgresql_server: RunningServer) -> None:
    system.fleet.deactivate_all()
    for name in NAMES:
        system.fleet.add(name, postgresql_server)


@dataclass(frozen=True)
class History:
    """All rows of a session."""

    session: Session
    records: list[InstanceRecord]
    runs: list[SessionRun]
    attempts: list[RecordAttempt]


def history(system: System, session_id: str) -> History:
    """Return a session that has ended, once the ends of its runs are noted too."""
    store = system.fleet.store
    session = system.fleet.ended_session(session_id, 120)

    def noted() -> bool:
        return all(run.ended_at is not None for run in store.sessions.runs(session_id))

    wait_for(noted, 120, "the end of all runs")
    return History(
        store.sessions.get(session_id) or session,
        store.sessions.records(session_id),
        store.sessions.runs(session_id),
        store.session_reads.attempts(session_id),
    )


def statuses(found: History) -> dict[str, RecordStatus]:
    return {record.instance_name: record.status for record in found.records}


DONE = dict.fromkeys(NAMES, RecordStatus.COMPLETED)


@pytest.mark.parametrize("end", ["killed", "terminated"])
def test_what_had_not_begun_is_done_from_failure(
    system: System, postgresql_server: RunningServer, end: str
) -> None:
    with held(postgresql_server):
        run_id = system.launch()
        begun = system.fleet.wait_at_work(run_id, AT_ONCE)
        if end == "killed":
            system.kill_run(run_id)
            assert system.ended_run(run_id) == "FAILURE"
        else:
            system.terminate(run_id)
            assert system.ended_run(run_id) == "CANCELED"
        ended = RecordStatus.FAILED if end == "killed" else RecordStatus.CANCELLED
        before = history(system, run_id)
    assert statuses(before) == dict.fromkeys(NAMES, ended)
    again = system.execute_again(run_id)
    assert system.ended_run(again) == "SUCCESS"
    after = history(system, run_id)
    assert after.session.status is SessionStatus.COMPLETED
    assert statuses(after) == DONE
    assert system.fleet.store.sessions.get(again) is None
    # What each was before stays beside the record.
    kept = {item.instance_name: item for item in after.attempts}
    for record in before.records:
        attempt = kept.pop(record.instance_name)
        assert (attempt.status, attempt.run_id, attempt.ended_at, attempt.error_message) == (
            record.status, run_id, record.completed_at, record.error_message,
        )  # fmt: skip
        assert attempt.attempt == (1 if record.instance_name in begun else 0)
    assert not kept


def test_a_full_or_partial_re_execution_is_a_session_of_its_own(
    system: System, postgresql_server: RunningServer
) -> None:
    tags = {"dagster/schedule_name": "account_sync_schedule", "sync_pipeline/created_by": "me"}
    first = system.launch(tags=tags)
    assert system.ended_run(first) == "SUCCESS"
    before = history(system, first)
    assert before.session.sync_type is SyncType.SCHEDULED_TASK
    system.fleet.store.registry.delete_instance(NAMES[0], datetime.now(UTC))

    whole = system.execute_again(first, "ALL_STEPS")
    assert system.ended_run(whole) == "SUCCESS"
    repeated = history(system, whole)
    assert statuses(repeated) == dict.fromkeys(NAMES[1:], RecordStatus.COMPLETED)
    assert (repeated.session.sync_type, repeated.session.repeats, repeated.session.created_by) == (
        SyncType.MANUAL_TASK, first, None,
    )  # fmt: skip

    steps = [item.step_key or "" for item in system.events(whole) if item.is_step_success]
    step = next(key for key in steps if key.startswith(f"sync_instance[{NAMES[1]}_"))
    single = system.execute_steps(whole, [step])
    assert system.ended_run(single) == "SUCCESS"
    chosen = history(system, single)
    assert statuses(chosen) == {NAMES[1]: RecordStatus.COMPLETED}
    assert (chosen.session.sync_type, chosen.session.repeats) == (SyncType.MANUAL_SINGLE, whole)

    assert history(system, first) == before
    assert history(system, whole) == repeated


def test_killed_with_its_services_and_executed_again(system: System) -> None:
    """The worker dies after a number of records of chance, over and over, until all is done.

    Once it is the worker alone, once the code server and once the daemon go with it. At each
    write, and for each job: test_killed_at_each_write.py.
    """
    chance = random.Random(os.environ.get("SYNC_PIPELINE_TEST_SEED", "23"))
    run_id = session_id = system.launch()
    for others in chance.sample([(), ("grpc",), ("dagster._daemon",)], 3):
        kill_after(system, run_id, session_id, chance.randint(0, 4), chance, others)
        status = system.ended_run(run_id, 180)
        before = history(system, session_id)
        again = None if status == "SUCCESS" else executed_again(system, run_id)
        if again is None:
            break
        assert status == "FAILURE"
        run_id = again
    else:
        assert system.ended_run(run_id) == "SUCCESS"
    after = history(system, session_id)
    assert statuses(after) == DONE
    assert after.session.status is SessionStatus.COMPLETED
    done = [item for item in before.records if item.status is RecordStatus.COMPLETED]
    assert all(item in after.records for item in done), "what was completed was done again"


def executed_again(system: System, run_id: str) -> str | None:
    """Execute a run again once there is a code server; None where nothing is left to do.

    One that was killed is started anew. Who waits in vain is shown what was answered last.
    """
    answers: list[str] = []

    def look() -> tuple[str | None] | None:
        try:
            return (system.execute_again(run_id),)
        except (urllib.error.HTTPError, AssertionError) as error:
            answers.append(str(error))
            return (None,) if NOTHING_LEFT in answers[-1] else None

    try:
        return wait_for(look, 90, "the code server")[0]
    except pytest.fail.Exception:
        pytest.fail(f"The run {run_id} was not executed again: {answers[-1:]}")


def test_a_run_of_which_nothing_is_left_is_not_executed_again(system: System) -> None:
    """Its process was killed after its last step: who clicks is told so; the session is true."""
    run_id = system.launch()
    assert system.ended_run(run_id) == "SUCCESS"
    with open_instance() as instance:
        run = instance.get_run_by_id(run_id)
        assert run is not None
        # As its code server does that finds its process dead, before it said that it succeeded.
        instance.report_run_failed(run)
    with pytest.raises(urllib.error.HTTPError, match=NOTHING_LEFT):
        system.execute_again(run_id)
    found = history(system, run_id)
    assert statuses(found) == DONE
    assert (found.session.status, found.session.error) == (SessionStatus.COMPLETED, None)


def kill_after(
    system: System,
    run_id: str,
    session_id: str,
    count: int,
    chance: random.Random,
    others: tuple[str, ...],
) -> None:
    """Kill a run's processes a moment after some of its records have ended, if it lives then."""
    services = [pid for word in others if (pid := system.service_pid(word)) is not None]
    store = system.fleet.store
    ends_at = time.monotonic() + 60
    while time.monotonic() < ends_at:
        records = store.sessions.records(session_id)
        done = sum(item.status is RecordStatus.COMPLETED for item in records)
        if system.status(run_id) in ("SUCCESS", "FAILURE"):
            return
        if system.processes_of(run_id) and done >= count:
            break
    time.sleep(chance.uniform(0, 0.2))
    for pid in services:
        os.kill(pid, signal.SIGKILL)
    system.kill_run(run_id)
