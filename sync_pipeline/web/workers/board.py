"""Memory that the processes of one console share: who has what of the limits, and who is alive.

It is made before they are forked. Each place says which process has it, so that those of one that
was killed are free again (`Slots.clear`).
"""

from __future__ import annotations

import fcntl
import hashlib
import math
import mmap
import struct
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Lock

from sync_pipeline.web.doors import (
    FAILURE_SECONDS,
    MOST_ADDRESSES,
    MOST_FAILURES,
    too_many_wrong,
)

FREE = 0
_DIGEST = 16
_BEAT = struct.Struct("=Q")
_MOMENT, _MOMENTS = struct.Struct("=d"), struct.Struct(f"={MOST_FAILURES}d")
_LATEST = struct.Struct(f"={MOST_ADDRESSES}d")
_NEVER = -math.inf


def _digest(client: str) -> bytes:
    return hashlib.blake2b(client.encode(), digest_size=_DIGEST).digest() if client else b""


class Slots:
    """Some places, each free or of one process, for a client. Numbers of processes begin with 1.

    Without a lock: a place that is taken is freed by its process alone, or when that has ended.
    Where several processes take places, they take turns (`Turns`).
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._owners = mmap.mmap(-1, size)
        self._clients = mmap.mmap(-1, size * _DIGEST)

    def free(self) -> int | None:
        """Return a place that nobody has; None: there is none."""
        found = self._owners[:].find(FREE)
        return None if found < 0 else found

    def put(self, place: int, owner: int, client: str = "") -> None:
        """Let a process have a place that is free."""
        self._clients[place * _DIGEST : (place + 1) * _DIGEST] = _digest(client).ljust(_DIGEST)
        self._owners[place] = owner

    def leave(self, place: int) -> None:
        """Free a place."""
        self._owners[place] = FREE

    def of(self, client: str) -> list[int]:
        """Return the places that a client has; none for an empty name, which is not counted."""
        wanted = _digest(client)
        return [
            place
            for place, owner in enumerate(self._owners[:])
            if owner != FREE and wanted == self._clients[place * _DIGEST : (place + 1) * _DIGEST]
        ]

    def owned(self, owner: int) -> list[int]:
        """Return the places of a process."""
        return [place for place, found in enumerate(self._owners[:]) if found == owner]

    def is_owned(self, place: int, owner: int) -> bool:
        """Return whether a process has a place."""
        return self._owners[place] == owner

    def clear(self, owner: int) -> None:
        """Free all places of a process that has ended."""
        for place in self.owned(owner):
            self.leave(place)


class Turns:
    """A lock between processes and threads. That of a process that is killed is free again."""

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 - it is open as long as the lock is
        self._lock = Lock()

    def close(self) -> None:
        """Let nobody take turns any more."""
        self._file.close()

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Be the only one within the block, which must be short."""
        with self._lock:
            fcntl.lockf(self._file, fcntl.LOCK_EX)
            try:
                yield
            finally:
                fcntl.lockf(self._file, fcntl.LOCK_UN)


@dataclass(slots=True)
class Beats:
    """Whether each process is alive: it counts on as long as its event loop does anything."""

    processes: int
    _memory: mmap.mmap = field(init=False)

    def __post_init__(self) -> None:
        self._memory = mmap.mmap(-1, (self.processes + 1) * _BEAT.size)

    def beat(self, number: int) -> None:
        """Say that this process is alive."""
        self._set(number, self.of(number) + 1)

    def of(self, number: int) -> int:
        """Return what changes while a process is alive; 0: it does not answer yet."""
        found: int = _BEAT.unpack_from(self._memory, number * _BEAT.size)[0]
        return found

    def reset(self, number: int) -> None:
        """Begin again, for another process of this number."""
        self._set(number, 0)

    def _set(self, number: int, value: int) -> None:
        _BEAT.pack_into(self._memory, number * _BEAT.size, value)


@dataclass(frozen=True, slots=True)
class SharedRoom:
    """How many requests there may be in all processes; used as a semaphore."""

    slots: Slots
    turns: Turns
    number: int

    def acquire(self, blocking: bool = False) -> bool:  # noqa: FBT001, FBT002 - as a semaphore has it
        """Take a place for a request; return whether there is one. It never waits."""
        del blocking
        with self.turns.turn():
            place = self.slots.free()
            if place is not None:
                self.slots.put(place, self.number)
            return place is not None

    def release(self) -> None:
        """Give one back."""
        with self.turns.turn():
            self.slots.leave(self.slots.owned(self.number)[0])


@dataclass(frozen=True, slots=True)
class SharedShares:
    """What each client that a proxy names has of the requests, of which it may have `most`."""

    slots: Slots
    turns: Turns
    number: int
    most: int

    def take(self, client: str) -> bool:
        """Take one more for a client; return whether it may have it."""
        if not client:
            return True
        with self.turns.turn():
            place = self.slots.free()
            if place is None or len(self.slots.of(client)) >= self.most:
                return False
            self.slots.put(place, self.number, client)
            return True

    def give_back(self, client: str) -> None:
        """Give one back that was taken."""
        if not client:
            return
        with self.turns.turn():
            own = (item for item in self.slots.of(client) if self.slots.is_owned(item, self.number))
            self.slots.leave(next(own))


class SharedFailures:
    """How often each address came with a wrong token lately, to whichever process."""

    def __init__(self, turns: Turns) -> None:
        self._turns = turns
        self._addresses = mmap.mmap(-1, MOST_ADDRESSES * _DIGEST)
        self._latest = mmap.mmap(-1, _LATEST.size)
        self._moments = mmap.mmap(-1, MOST_ADDRESSES * _MOMENTS.size)

    def require_few(self, address: str) -> None:
        """Refuse an address that was wrong too often.

        Raises:
            Refusal: it was.
        """
        with self._turns.turn():
            place = self._place(_digest(address or "-"))
            if place is not None and len(self._recent(place)) >= MOST_FAILURES:
                raise too_many_wrong()

    def note(self, address: str) -> None:
        """Count a wrong token. Where there are too many addresses, the oldest is forgotten."""
        wanted, now = _digest(address or "-"), time.monotonic()
        with self._turns.turn():
            place = self._place(wanted)
            kept = [] if place is None else self._recent(place)
            if place is None:
                latest = _LATEST.unpack(self._latest)
                place = latest.index(min(latest))
            moments = [*kept, now][-MOST_FAILURES:]
            filled = [*moments, *[_NEVER] * (MOST_FAILURES - len(moments))]
            self._addresses[place * _DIGEST : (place + 1) * _DIGEST] = wanted
            _MOMENT.pack_into(self._latest, place * _MOMENT.size, now)
            _MOMENTS.pack_into(self._moments, place * _MOMENTS.size, *filled)

    def _place(self, wanted: bytes) -> int | None:
        addresses = self._addresses[:]
        found = addresses.find(wanted)
        while found % _DIGEST and found > 0:
            found = addresses.find(wanted, found + 1)
        return None if found < 0 else found // _DIGEST

    def _recent(self, place: int) -> list[float]:
        since = time.monotonic() - FAILURE_SECONDS
        moments = _MOMENTS.unpack_from(self._moments, place * _MOMENTS.size)
        return [moment for moment in moments if moment > since]


class Board:
    """All that the processes of one console share.

    `connections`, `requests`: how many there may be in all.
    """

    def __init__(self, processes: int, connections: int, requests: int) -> None:
        self.beats = Beats(processes)
        self.connections = Slots(connections)
        self.requests = Slots(requests)
        # A client has its share before it is known whether there is room for the request.
        self.shares = Slots(requests + processes)
        self.turns = Turns()
        self.failures = SharedFailures(self.turns)

    def close(self) -> None:
        """Give back what the system lent; the memory goes with the last process."""
        self.turns.close()

    def clear(self, number: int) -> None:
        """Free what a process had that has ended."""
        for slots in (self.connections, self.requests, self.shares):
            slots.clear(number)
        self.beats.reset(number)
