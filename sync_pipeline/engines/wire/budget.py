"""What all syncs of a process may hold at once, and which of them has to stop.

The limits of one sync don't bound a process that does many at once. Where all together hold
too much, the sync that holds the most is refused, so that a server that sends without end
costs its own sync and not its neighbours'.
"""

from __future__ import annotations

import ctypes
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from sync_pipeline.errors import MemoryExhausted, Phase

ROOM_SECONDS = 5.0
"""How long a sync waits until one that was refused has let go of what it holds."""

_STEP_BYTES, _MUCH_BYTES = 2**16, 2**24


class Budget:
    """Bytes that syncs hold of servers' answers, all syncs of a process together."""

    def __init__(self, most: int) -> None:
        self.most = most
        self._held = 0
        self._changed = threading.Condition()
        self._usages: list[Usage] = []

    @property
    def held_bytes(self) -> int:
        """Return the bytes that are held now."""
        return self._held

    @contextmanager
    def share(self) -> Iterator[Usage]:
        """Count what one sync holds, from its beginning until nothing of it is held."""
        usage = Usage(self)
        with self._changed:
            self._usages.append(usage)
        try:
            yield usage
        except BaseException as error:
            _let_go(error)
            raise
        finally:
            if usage.held >= _MUCH_BYTES:
                _give_back()
            with self._changed:
                self._usages.remove(usage)
                self._held -= usage.held
                self._changed.notify_all()

    def take(self, usage: Usage, count: int) -> None:
        """Count bytes of one sync, and refuse the largest where all are too many."""
        refused = []
        with self._changed:
            usage.held += count
            if usage not in self._usages:  # it has ended, and a driver still hears its server
                return
            self._held += count
            if count <= 0:
                self._changed.notify_all()
                return
            refused = self._refused()
        for item in refused:
            # Beside: a driver may have to be waited for.
            threading.Thread(target=item.break_off, name="budget", daemon=True).start()

    def wait_for_room(self, usage: Usage) -> None:
        """Wait a while for what was refused to end, unless this one was refused itself."""
        with self._changed:
            self._changed.wait_for(
                lambda: usage.is_refused or self._held <= self.most, ROOM_SECONDS
            )

    def _refused(self) -> list[Usage]:
        """Refuse the largest until the others fit; return those that were refused now."""
        found = []
        kept = [item for item in self._usages if not item.is_refused]
        held = sum(item.held for item in kept)
        while held > self.most:
            largest = max(kept, key=lambda item: item.held)
            largest.is_refused = True
            kept.remove(largest)
            held -= largest.held
            found.append(largest)
        if found:
            self._changed.notify_all()
        return found


def _let_go(error: BaseException) -> None:
    """Take the rows out of the frames of an error, which would keep them as long as it lives."""
    found: BaseException | None = error
    while found is not None:
        traceback.clear_frames(found.__traceback__)
        found = found.__context__


def _give_back() -> None:
    """Give what was freed back to the system: glibc keeps it by itself (malloc_trim(3))."""
    with suppress(OSError, AttributeError):  # another C library
        ctypes.CDLL(None).malloc_trim(0)


class Usage:
    """What one sync of an instance holds, over however many connections.

    `held` are the bytes of its rows, and of what drivers have not yet handed over.
    """

    def __init__(self, budget: Budget | None = None) -> None:
        self.held = 0
        self.is_refused = False
        self._budget = budget
        self._rows = 0
        self._lock = threading.Lock()
        self._breakers: list[Callable[[], None]] = []

    def add(self, count: int) -> int:
        """Count bytes of rows and return all so far; wait where others have to end first."""
        with self._lock:
            self._rows += count
            rows = self._rows
        self.expect(count)
        if self._budget is not None and count:
            self._budget.wait_for_room(self)
        return rows

    def let_go(self, error: BaseException) -> None:
        """Count none of the rows that a reading took which ended with this error, and let them go.

        What is read again in its place is not to be refused for having been read twice.
        """
        _let_go(error)
        with self._lock:
            count, self._rows = self._rows, 0
        self.expect(-count)

    def expect(self, count: int) -> None:
        """Count bytes that a driver has, or has no more, without waiting."""
        if self._budget is not None:
            self._budget.take(self, count)

    def require_kept(self, instance: str) -> None:
        """Raise where this sync was refused for what it holds.

        Raises:
            MemoryExhausted: all syncs together held too much, and this one the most.
        """
        if not self.is_refused or self._budget is None:
            return
        raise MemoryExhausted(
            f"The server's answers took {self.held} of the {self._budget.most} bytes that all "
            "syncs of a run may hold at once (SYNC_PIPELINE_MAX_RUN_BYTES), more than any "
            "other's; this sync was given up.",
            instance=instance,
            phase=Phase.COLLECT,
            hint="Check what the server answers with. Where it is right, raise "
            "SYNC_PIPELINE_MAX_RUN_BYTES, or sync fewer instances at once.",
            retryable=True,
        )

    @contextmanager
    def broken_by(self, breaker: Callable[[], None]) -> Iterator[None]:
        """Call `breaker`, from another thread, where this sync is refused in the block."""
        with self._lock:
            self._breakers.append(breaker)
        try:
            if self.is_refused:
                breaker()
            yield
        finally:
            with self._lock:
                self._breakers.remove(breaker)

    def break_off(self) -> None:
        """Break the connections, so that a read that waits for the server returns."""
        with self._lock:
            breakers = tuple(self._breakers)
        for breaker in breakers:
            breaker()


class Arriving:
    """What the driver of one connection has received and not yet handed over."""

    def __init__(self, usage: Usage) -> None:
        self._usage = usage
        self._count = 0
        self._lock = threading.Lock()

    def allows(self, count: int) -> bool:
        """Note how much it is by now, roughly; return whether more may come."""
        if abs(count - self._count) >= _STEP_BYTES or (self._count and not count):
            with self._lock:
                change, self._count = count - self._count, count
                self._usage.expect(change)
        return not self._usage.is_refused
