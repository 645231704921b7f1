"""Calls into a driver that may never come back: made beside, and left behind when time is up.

A driver's own limits don't bound a server that accepts and stays silent: FreeTDS and
Microsoft's driver first wait for it to confirm that the statement was cancelled.
"""

from __future__ import annotations

import ctypes
import os
import sys
import threading
import time
from collections.abc import Callable
from functools import cache
from typing import Generic, TypeVar

from sync_pipeline.errors import ConnectionLimit

T = TypeVar("T")
MOST_LEFT_BEHIND = 64
_COMPUTING_SECONDS = 0.1
_LEAST_PRIORITY = 19


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
        self._computing: list[str] = []
        self._lock = threading.Lock()

    def require_room(self, place: str = "") -> None:
        """Refuse to begin what might be left behind too.

        Raises:
            ConnectionLimit: so many are left behind already, or one that computes for the
                server at this place.
        """
        if place in self._computing:
            raise ConnectionLimit(
                f"A login at {place} that was given up still computes what the server asked for, "
                "and no other is begun.",
                hint="Check what listens there. It ends by itself, or with this process.",
            )
        if self._count >= self._most:
            raise ConnectionLimit(
                f"{self._count} calls of this process still wait for servers that don't answer, "
                "and no more are begun.",
                hint="They end by themselves; restart the process where they don't.",
            )

    def add(self, computing_for: str = "") -> None:
        """Count one that is left behind, and at which place it computes, if it does."""
        with self._lock:
            self._count += 1
            if computing_for:
                self._computing.append(computing_for)
                _end_before_libraries_do()

    def remove(self, computing_for: str = "") -> None:
        """Count one that came back."""
        with self._lock:
            self._count -= 1
            if computing_for:
                self._computing.remove(computing_for)


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
    """One call on a thread of its own.

    `place` is the server whose word decides how much the call computes, such as how many
    rounds a key is derived in. One that is left behind goes on with the least of priorities
    (Linux: setpriority(2), of a thread), and no other is begun for that place meanwhile.
    `name` is that of the thread.
    """

    def __init__(self, work: Callable[[], T], place: str = "", *, name: str | None = None) -> None:
        self._work = work
        self._place = place
        self._counted = LEFT_BEHIND
        self._computing_for = ""
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
            ConnectionLimit: too many calls were left behind already, or one for this place.
        """
        self._counted.require_room(self._place)
        self._thread.start()
        in_time = self._over.wait(seconds)
        with self._lock:
            if not self._is_done:
                self._left_behind = left_behind
                self._computing_for = self._place if _is_computing(self._thread) else ""
                self._counted.add(self._computing_for)
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
            self._error = None  # nobody hears of it, and its frames hold what was read
            try:
                left_behind()
            finally:
                self._counted.remove(self._computing_for)


@cache
def _end_before_libraries_do() -> None:
    """Let this process, when it has ended all else, not free what a thread computes with.

    OpenSSL frees its own at exit (OPENSSL_cleanup(3)), and a login that computes then would end the
    process by a signal, in place of its status. What is registered last is called first
    (on_exit(3)).
    """
    library = ctypes.CDLL(None)
    if hasattr(library, "on_exit"):
        library.on_exit(library["_exit"], None)


def _is_computing(thread: threading.Thread) -> bool:
    """Return whether a thread computes rather than waits, and let it give way where it does."""
    ident, native = thread.ident, thread.native_id
    if sys.platform != "linux" or ident is None or native is None:
        return False
    spent = time.clock_gettime(time.pthread_getcpuclockid(ident))
    if spent < _COMPUTING_SECONDS:
        return False
    os.setpriority(os.PRIO_PROCESS, native, _LEAST_PRIORITY)
    return True
