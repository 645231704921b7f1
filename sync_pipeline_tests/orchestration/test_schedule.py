"""The schedule, run by the daemon of a plain `dagster dev` in the project's directory.

Nothing but SYNC_PIPELINE_HOME is set: the project's workspace.yaml and dagster.yaml
must be in force by themselves, and all state must be found in the home directory.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from sync_pipeline.model.session import SessionStatus, SyncType
from sync_pipeline.orchestration.instance import open_instance
from sync_pipeline_tests.orchestration.system import (
    System,
    dagster_dev,
    held,
    running_system,
    wait_for,
)
from sync_pipeline_tests.servers.running import RunningServer

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
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    home = tmp_path_factory.mktemp("schedule")
    with running_system(home, dagster_dev, account_sync_cron="* * * * *") as system:
        yield system


def ticks(system: System) -> list[dict[str, Any]]:
    answer = system.graphql(TICKS, selector=SELECTOR)["scheduleOrError"]
    found: list[dict[str, Any]] = answer["scheduleState"]["ticks"]
    return found


def test_the_schedule_runs_and_skips(system: System, postgresql_server: RunningServer) -> None:
    system.fleet.add("pg", postgresql_server)
    with held(postgresql_server):

        def scheduled() -> str | None:
            return next((tick["runIds"][0] for tick in ticks(system) if tick["runIds"]), None)

        run_id = wait_for(scheduled, 140, "a scheduled run")
        system.fleet.wait_running(run_id, "pg")

        def skipped() -> str | None:
            reasons = [tick["skipReason"] for tick in ticks(system) if tick["status"] == "SKIPPED"]
            return next((reason for reason in reasons if reason), None)

        reason = wait_for(skipped, 80, "a skipped tick")
    assert run_id in reason
    assert system.ended_run(run_id) == "SUCCESS"
    session = system.fleet.ended_session(run_id)
    assert session.status is SessionStatus.COMPLETED
    assert session.sync_type is SyncType.SCHEDULED_TASK
    assert session.created_by == "account_sync_schedule"
    with open_instance() as instance:
        assert instance.root_directory == str(system.fleet.settings.dagster_home)
        assert instance.get_run_by_id(run_id) is not None
