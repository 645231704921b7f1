"""Bounded connections: an alarm breaks whatever outlives the instance's deadline."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

from sync_pipeline.engines.base import Connection, Engine, Target
from sync_pipeline.engines.wire.links import Alarm
from sync_pipeline.errors import (
    ConnectError,
    ConnectReason,
    Phase,
    QueryTimeout,
    RunDeadline,
    SyncError,
)

Opener = Callable[[str | None], Connection]
_OF_TIME = (ConnectReason.LOST, ConnectReason.TIMEOUT, ConnectReason.DNS)


class Deadline:
    """The moment at which work on one instance must have ended (monotonic clock).

    It `is_of_run` where the whole run ends before the instance's own time is up.
    """

    def __init__(self, seconds: float, *, is_of_run: bool = False) -> None:
        self.seconds = seconds
        self.is_of_run = is_of_run
        self._ends_at = time.monotonic() + seconds

    @property
    def ends_at(self) -> float:
        """Return the moment itself, on the clock of `time.monotonic`."""
        return self._ends_at

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

    The deadline holds from before the name is resolved: the engine keeps to it while it
    connects. A server that accepts statements and never answers holds a driver's read for
    ever; the alarm turns that into a QueryTimeout.
    """
    name = target.instance.name
    deadline.check(name, Phase.CONNECT)
    with _in_time(deadline, name, Phase.CONNECT):
        connection = engine.connect(replace(target, ends_at=deadline.ends_at), database)
    try:
        with (
            Alarm(deadline.ends_at, connection.abort),
            _in_time(deadline, name, Phase.COLLECT),
            _in_budget(target),
            target.usage.broken_by(connection.abort),
        ):
            yield connection
    finally:
        connection.close()


@contextmanager
def _in_time(deadline: Deadline, instance: str, phase: Phase) -> Iterator[None]:
    """Say of what took too long that the time of the whole was up, where it was."""
    try:
        yield
    except (ConnectError, QueryTimeout) as error:
        is_of_time = isinstance(error, QueryTimeout) or error.reason in _OF_TIME
        if is_of_time:
            deadline.check(instance, phase)
        raise


@contextmanager
def _in_budget(target: Target) -> Iterator[None]:
    """Say of a connection that was broken off for what its sync holds that this is why."""
    try:
        yield
    except SyncError:
        target.usage.require_kept(target.instance.name)
        raise
