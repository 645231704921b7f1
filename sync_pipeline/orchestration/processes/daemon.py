"""Dagster's daemon, which works for as long as its keeper holds the lease on being it.

Before each statement to Dagster's storage, and before each commit, it looks whether its time
is over. A process that was frozen, with its machine or alone, so ends before it does what
another daemon may have done meanwhile.
"""

from __future__ import annotations

import gc

if __name__ == "__main__":
    gc.disable()  # what is imported stays

import argparse
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from dagster import DagsterInstance, DefaultScheduleStatus
from dagster._core.scheduler.instigation import (
    InstigatorState,
    InstigatorStatus,
    InstigatorType,
    ScheduleInstigatorData,
)
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import WorkspaceFileTarget
from dagster._daemon.controller import daemon_controller_from_instance
from dagster._utils.interrupts import capture_interrupts, setup_interrupt_handlers
from sqlalchemy import Engine, event

from sync_pipeline.orchestration.instance import open_instance
from sync_pipeline.orchestration.processes.lifeline import ChildEnd
from sync_pipeline.orchestration.processes.services import await_code_server
from sync_pipeline.orchestration.runtime.garbage import keep_what_was_imported

PROGRAM = "dagster._daemon"
"""Named in the command line, so that people find the process where they look for it."""
LONGEST_TOLERANCE_SECONDS = 1800


def fence_statements(life: ChildEnd) -> None:
    """Let no statement and no commit of this process begin when its time is over."""

    def check(*_: Any) -> None:
        life.require_time()

    event.listen(Engine, "before_cursor_execute", check)
    event.listen(Engine, "commit", check)


def begin_schedules(
    instance: DagsterInstance, workspace: WorkspaceProcessContext, since: datetime
) -> None:
    """Let schedules that this storage does not know yet begin at `since`, not now.

    Where each machine has a storage of its own, that is a tick which fell between the end of
    another daemon and the start of this one. One that was carried out is not done again.
    """
    known = {state.selector_id for state in instance.all_instigator_state()}
    for entry in workspace.create_request_context().get_code_location_entries().values():
        repositories = entry.code_location.get_repositories() if entry.code_location else {}
        for schedule in (one for found in repositories.values() for one in found.get_schedules()):
            is_running = schedule.default_status is DefaultScheduleStatus.RUNNING
            if is_running and schedule.selector_id not in known:
                data = ScheduleInstigatorData(schedule.cron_schedule, since.timestamp())
                origin, kind = schedule.get_remote_origin(), InstigatorType.SCHEDULE
                state = InstigatorState(origin, kind, InstigatorStatus.DECLARED_IN_CODE, data)
                instance.add_instigator_state(state)


def work(life: ChildEnd, workspace: Path, since: datetime | None) -> None:
    """Be the daemon until SIGINT or SIGTERM, or until the time is over."""
    target = WorkspaceFileTarget(paths=[str(workspace)])
    with open_instance() as instance:
        if since is not None:
            with WorkspaceProcessContext(instance, target) as context:
                begin_schedules(instance, context, since)
        with daemon_controller_from_instance(
            instance,
            target,
            heartbeat_tolerance_seconds=LONGEST_TOLERANCE_SECONDS,
            log_level="warning",
            code_server_log_level="warning",
        ) as controller:
            life.say(f"id {controller._daemon_uuid}")  # noqa: SLF001 - Dagster tells it to nobody
            controller.check_daemon_loop()


def main() -> int:
    """Work as the command line says."""
    parser = argparse.ArgumentParser(prog="daemon", description=__doc__)
    parser.add_argument("program", choices=[PROGRAM])
    parser.add_argument("--workspace", type=Path, required=True)
    parser.add_argument("--code-server", type=Path, help="where it listens, if it is to be awaited")
    parser.add_argument("--life", type=int, required=True)
    parser.add_argument("--since", type=float, help="unix time from which ticks count")
    options = parser.parse_args()
    since = None if options.since is None else datetime.fromtimestamp(options.since, UTC)
    setup_interrupt_handlers()
    life = ChildEnd.inherited(options.life)
    try:
        life.await_permission()
        life.watch()
        fence_statements(life)
        if options.code_server is not None:
            await_code_server(options.code_server)
        with capture_interrupts():
            work(life, options.workspace, since)
    except KeyboardInterrupt:
        pass
    return 0


if __name__ == "__main__":
    keep_what_was_imported()
    sys.exit(main())
