"""Bounded connections: a watchdog breaks whatever outlives the instance's deadline."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from sync_pipeline.engines.base import Connection, Engine, Target
from sync_pipeline.errors import ConnectError, ConnectReason, Phase, QueryTimeout, RunDeadline

Opener = Callable[[str | None], Connection]


class Deadline:
    """The moment at which work on one instance must have ended (monotonic clock).

    It `is_of_run` where the whole run ends before the instance's own time is up.
    """

    def __init__(self, seconds: float, *, is_of_run: bool = False) -> None:
        self.seconds = seconds
        self.is_of_run = is_of_run
        self._ends_at = time.monotonic() + seconds

    @property
    def remaining_seconds(self) -> float:
        """Return the seconds left, never below zero."""
        return max(0.0, self._ends_at - time.monotonic())

    def check(self, instance: str, phase: Phase) -> None:
        """Raise QueryTimeout when the time is up, RunDeadline when it was the run's."""
        if self.remaining_seconds > 0:
            return
        if self.is_of_run:
            raise run_deadline("ended").at(instance, phase)
        raise QueryTimeout(
            f"The sync did not end within its limit of {self.seconds:g} seconds.",
            instance=instance,
            phase=phase,
            hint="Raise the instance's total timeout, or look for locks on its catalog.",
        )


def run_deadline(done: str) -> RunDeadline:
    """Return the error of an instance that was not begun, or not ended, in the run's time."""
    return RunDeadline(
        f"The run's deadline passed before the work on this instance had {done}.",
        hint="The next run takes it up. Where this repeats, let more instances be synced at "
        "once, or raise SYNC_PIPELINE_RUN_DEADLINE_SECONDS.",
    )


@contextmanager
def open_connection(
    engine: Engine, target: Target, deadline: Deadline, database: str | None = None
) -> Iterator[Connection]:
    """Connect, and break the connection from outside when the deadline passes.

    A server that accepts statements and never answers holds a driver's read for ever;
    the watchdog turns that into a QueryTimeout.
    """
    name = target.instance.name
    deadline.check(name, Phase.CONNECT)
    connection = engine.connect(target, database)
    watchdog = threading.Timer(deadline.remaining_seconds, connection.abort)
    watchdog.daemon = True
    watchdog.start()
    try:
        yield connection
    except ConnectError as error:
        if error.reason is ConnectReason.LOST:
            deadline.check(name, Phase.COLLECT)
        raise
    finally:
        watchdog.cancel()
        connection.close()
