"""Limits on connections that hold for every thread and process of one machine.

A slot is a file that whoever has it locks (`flock`). The kernel gives a lock back with
the process that held it, however that ended, so no slot can leak and none is counted.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import random
import re
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from sync_pipeline.errors import ConfigurationError, Phase
from sync_pipeline.files.locks import open_lock
from sync_pipeline.files.private import make_private

LONGEST_PAUSE_SECONDS = 0.2
SHORTEST_PAUSE_SECONDS = 0.05
# Who only met another taker at the door looks again at once.
QUICK_LOOKS, QUICK_PAUSE_SECONDS = 3, 0.005
LONGEST_SLUG = 40
_DOOR = "door"


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `most` slots at once for one `name` of a `kind`; `most` is 1 or more."""

    kind: str
    name: str
    most: int

    @property
    def folder(self) -> str:
        """Return a path that is readable, and different for every other limit."""
        slug = re.sub(r"[^A-Za-z0-9.-]+", "_", self.name)[:LONGEST_SLUG]
        return f"{self.kind}/{slug}-{hashlib.sha256(self.name.encode()).hexdigest()[:12]}"


class NoSlotInTime(Exception):
    """The wait was over before a limit had room; `limit` is the one that was full."""

    def __init__(self, limit: Limit) -> None:
        super().__init__(limit.kind)
        self.limit = limit


@dataclass(slots=True)
class _Wait:
    """One taker's patience.

    It looks more often the longer it has waited, so that newcomers seldom get ahead of it.
    """

    seconds: float
    began_at: float = field(default_factory=time.monotonic)
    looks: int = 0

    def until(self, look: Callable[[], bool], limit: Limit) -> None:
        while not look():
            waited = time.monotonic() - self.began_at
            left = self.seconds - waited
            if left <= 0:
                raise NoSlotInTime(limit)
            self.looks += 1
            pause = max(SHORTEST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS / (1 + waited))
            if self.looks <= QUICK_LOOKS:
                pause = QUICK_PAUSE_SECONDS
            time.sleep(min(left, pause * random.uniform(0.5, 1.5)))  # noqa: S311 - spreads load


class Slots:
    """The slots of one directory, on a disk of this machine. Safe between threads."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    @contextmanager
    def held(self, limits: Sequence[Limit], count: int, wait_seconds: float) -> Iterator[None]:
        """Hold `count` slots of every limit; all of a limit that has fewer.

        Every taker must name kinds of limits in the same order: what is held while the
        next limit is waited for is then only ever waited for by those who hold less, and
        nobody waits in a circle.

        Raises:
            NoSlotInTime: a limit had no room within `wait_seconds`.
            ConfigurationError: the directory can't be written.
        """
        with ExitStack() as held:
            wait = _Wait(wait_seconds)
            for limit in limits:
                self._take(held, limit, min(count, limit.most), wait)
            yield

    def _take(self, held: ExitStack, limit: Limit, count: int, wait: _Wait) -> None:
        """Take slots one by one, as the only taker of this limit: nobody gets half of them."""
        folder = self._directory / limit.folder
        with self._usable(), ExitStack() as door:
            make_private(folder)
            wait.until(lambda: _locked(door, folder / _DOOR), limit)
            # A slot that this taker holds already can't be locked a second time.
            for _ in range(count):
                wait.until(
                    lambda: any(_locked(held, folder / name) for name in _names(limit)), limit
                )

    @contextmanager
    def _usable(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise ConfigurationError(
                f"The limits on connections can't be kept in {self._directory}: {error.strerror}.",
                phase=Phase.CONFIGURE,
                hint="Let sync_pipeline write SYNC_PIPELINE_HOME, on a disk of this machine.",
            ) from None


def _names(limit: Limit) -> Iterator[str]:
    """Yield the names of all slots, from one of chance on: the first ones are mostly taken."""
    first = random.randrange(limit.most)  # noqa: S311 - spreads looks
    return (str((first + number) % limit.most) for number in range(limit.most))


def _locked(held: ExitStack, path: Path) -> bool:
    """Lock a file until the stack ends; return whether nobody else had it."""
    descriptor = open_lock(path)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return False
    except BaseException:
        os.close(descriptor)
        raise
    held.callback(os.close, descriptor)
    return True
