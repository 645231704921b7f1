"""The schedule, run by the daemon of a plain `dagster dev` in the project's directory.

Nothing but SYNC_PIPELINE_HOME is set: the project's workspace.yaml and dagster.yaml
must be in force by themselves, and all state must be found in the home directory.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sync_pipeline.model.session import SessionStatus, SyncType
from sync_pipeline.orchestration.instance import open_instance
from sync_pipeline.orchestration.runs import SESSION_TAG, SHARD_TAG
from sync_pipeline_tests.orchestration.system import (
    Fleet,
    System,
    dagster_dev,
    environment_of,
    held,
    in_environment,
    running_system,
    wait_for,
)
from sync_pipeline_tests.servers.running import RunningServer

pytestmark = pytest.mark.long

TICKS = """
query ($selector: ScheduleSelector!) { scheduleOrError(scheduleSelector: $selector) {
  ... on Schedule { scheduleState { status ticks(limit: 10) { status skipReason runIds } } }
} }
"""
SELECTOR = {
    "repositoryLocationName": "sync_pipeline",
    "repositoryName": "__repository__",
    "scheduleName": "account_sync_schedule",
}


@pytest.fixture
def home(tmp_path_factory: pytest.TempPathFactory, postgresql_server: RunningServer) -> Path:
    """A home whose registry has two instances, on two hosts."""
    home = tmp_path_factory.mktemp("schedule")
    with in_environment(environment_of(home)):
        fleet = Fleet(home)
        fleet.add("pg", postgresql_server)
        fleet.add("other", postgresql_server, host="localhost")
        fleet.store.close()
    return home


def ticks(system: System) -> list[dict[str, Any]]:
    answer = system.graphql(TICKS, selector=SELECTOR)["scheduleOrError"]
    found: list[dict[str, Any]] = answer["scheduleState"]["ticks"]
    return found


def test_the_schedule_runs_and_skips(home: Path, postgresql_server: RunningServer) -> None:
    """The fleet has two hosts and a run takes one: a tick is two runs of one session.

    The first tick may come as soon as the daemon is up.
    """
    cron = {"account_sync_cron": "* * * * *", "instances_per_run": 1}
    with (
        held(postgresql_server) as release,
        running_system(home, dagster_dev, **cron) as system,
    ):

        def scheduled() -> list[str] | None:
            return next((tick["runIds"] for tick in ticks(system) if tick["runIds"]), None)

        run_ids = wait_for(scheduled, 140, "a scheduled tick")
        with open_instance() as instance:
            runs = [run for run in map(instance.get_run_by_id, run_ids) if run is not None]
        assert sorted(run.tags[SHARD_TAG] for run in runs) == ["1/2", "2/2"]
        (session_id,) = {run.tags[SESSION_TAG] for run in runs}
        for name in ("pg", "other"):
            system.fleet.wait_running(session_id, name)

        def skipped() -> str | None:
            reasons = [tick["skipReason"] for tick in ticks(system) if tick["status"] == "SKIPPED"]
            return next((reason for reason in reasons if reason), None)

        reason = wait_for(skipped, 80, "a skipped tick")
        assert any(run_id in reason for run_id in run_ids)
        release()
        assert [system.ended_run(run_id) for run_id in run_ids] == ["SUCCESS", "SUCCESS"]
        session = system.fleet.ended_session(session_id)
        assert (session.status, session.successful) == (SessionStatus.COMPLETED, 2)
        assert session.sync_type is SyncType.SCHEDULED_TASK
        assert session.created_by == "account_sync_schedule"
        with open_instance() as instance:
            assert instance.root_directory == str(system.fleet.settings.dagster_home)
