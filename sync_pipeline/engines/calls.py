"""Calls into a driver that may never come back: made beside, and left behind when time is up.

A driver's own limits don't bound a server that accepts and stays silent: FreeTDS and
Microsoft's driver first wait for it to confirm that the statement was cancelled.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

from sync_pipeline.errors import ConnectionLimit

T = TypeVar("T")
MOST_LEFT_BEHIND = 64


class CallTimeout(Exception):
    """The call did not come back in time; it goes on beside, and ends by itself."""


class CallAborted(Exception):
    """Another thread gave the call up."""


class LeftBehind:
    """Counts the threads of a process that wait for servers which nobody waits for any more.

    Each holds a stack and a socket, so that there may be no more than so many.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._count = 0
        self._lock = threading.Lock()

    def require_room(self) -> None:
        """Refuse to begin what might be left behind too.

        Raises:
            ConnectionLimit: so many are left behind already.
        """
        if self._count >= self._most:
            raise ConnectionLimit(
                f"{self._count} calls of this process still wait for servers that don't answer, "
                "and no more are begun.",
                hint="They end by themselves; restart the process where they don't.",
            )

    def add(self) -> None:
        """Count one that is left behind."""
        with self._lock:
            self._count += 1

    def remove(self) -> None:
        """Count one that came back."""
        with self._lock:
            self._count -= 1


class StaysBehind:
    """One thread that is counted from when it is left behind until it ends."""

    def __init__(self, counted: LeftBehind) -> None:
        self._counted = counted
        self._lock = threading.Lock()
        self._has_begun = self._has_ended = False

    def begin(self) -> None:
        """Count it, unless it has ended meanwhile; once."""
        with self._lock:
            if not self._has_begun and not self._has_ended:
                self._has_begun = True
                self._counted.add()

    def end(self) -> None:
        """Count it no more."""
        with self._lock:
            self._has_ended = True
            if self._has_begun:
                self._counted.remove()


LEFT_BEHIND = LeftBehind(MOST_LEFT_BEHIND)
"""Of this process: threads are its own, whatever they wait for."""


class Call(Generic[T]):
    """One call on a thread of its own."""

    def __init__(self, work: Callable[[], T], name: str | None = None) -> None:
        self._work = work
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._result: list[T] = []
        self._error: BaseException | None = None
        self._is_done = False
        self._left_behind: Callable[[], None] | None = None
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def result(self, seconds: float, left_behind: Callable[[], None]) -> T:
        """Run the call and return what it returns, or raise what it raises.

        `left_behind` runs after a call that was given up has come back after all.

        Raises:
            CallTimeout: it took longer.
            CallAborted: `abort` was called.
            ConnectionLimit: too many calls were left behind already.
        """
        LEFT_BEHIND.require_room()
        self._thread.start()
        in_time = self._over.wait(seconds)
        with self._lock:
            if not self._is_done:
                self._left_behind = left_behind
                LEFT_BEHIND.add()
                raise CallAborted if in_time else CallTimeout
        self._thread.join()
        if self._error is not None:
            raise self._error
        return self._result[0]

    def abort(self) -> None:
        """Let the waiting thread go, from another one."""
        self._over.set()

    def returned(self) -> T | None:
        """Return what the call returned, None where it raised."""
        return self._result[0] if self._result else None

    def _run(self) -> None:
        try:
            self._result.append(self._work())
        except BaseException as error:  # noqa: BLE001 - raised again in the waiting thread
            self._error = error
        with self._lock:
            self._is_done = True
            left_behind = self._left_behind
        self._over.set()
        if left_behind is not None:
            try:
                left_behind()
            finally:
                LEFT_BEHIND.remove()
