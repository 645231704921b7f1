"""Dagster's daemon as `up` has it, with its looks closer together.

Dagster looks for backfills every 30 seconds, at the queue, sensors and processes of runs every
5 to 15, and has a setting for some of that only. What it does at a look is what it always does.
"""

from __future__ import annotations

import gc

if __name__ == "__main__":
    gc.disable()  # as the real one

import sys

from dagster import DagsterInstance, QueuedRunCoordinator
from dagster._daemon import controller, sensor

from sync_pipeline.orchestration.processes import daemon

SECONDS = 1


def hurry() -> None:
    """Let this process look once in `SECONDS`."""
    controller.DEFAULT_DAEMON_INTERVAL_SECONDS = SECONDS
    sensor.MIN_INTERVAL_LOOP_TIME = SECONDS
    often = property(lambda _: SECONDS)
    QueuedRunCoordinator.dequeue_interval_seconds = often  # type: ignore[method-assign,assignment]
    DagsterInstance.run_monitoring_poll_interval_seconds = often  # type: ignore[method-assign,assignment]


def main() -> int:
    """Be the daemon that hurries."""
    hurry()
    return daemon.main()


if __name__ == "__main__":
    sys.exit(main())
