"""The line between `up` and a child of it: how long it may work, and that both are there.

It breaks with either process, however that ends, so a child never outlives its keeper. The
keeper says until when the child may work; a child that hears nothing more ends by then.
"""

from __future__ import annotations

import os
import select
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field

MOST_BYTES = 256
FENCED = 75
"""The status with which a child ends whose time is over."""
FOR_EVER = float("inf")


def steady() -> float:
    """Return seconds since the machine started, with those in which it slept."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class KeeperEnd:
    """The end of the line that `up` has. Safe between threads."""

    def __init__(self) -> None:
        self._mine, self.theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._mine.settimeout(0)

    @property
    def descriptor(self) -> int:
        """Return what the child inherits."""
        return self.theirs.fileno()

    def started(self) -> None:
        """Leave the other end to the child alone."""
        self.theirs.close()

    def allow(self, until: float) -> None:
        """Let the child work until then, by `steady`."""
        # One that does not listen has a full line, one that ended has none.
        with suppress(OSError):
            self._mine.send(f"until {until!r}".encode())

    def heard(self) -> list[str]:
        """Return what the child has said since the last call."""
        return list(self._messages())

    def close(self) -> None:
        """Break the line."""
        self._mine.close()
        self.theirs.close()

    def _messages(self) -> Iterator[str]:
        with suppress(OSError):
            while message := self._mine.recv(MOST_BYTES):
                yield message.decode()


@dataclass(slots=True)
class ChildEnd:
    """The end that the child has."""

    line: socket.socket
    deadline: float = FOR_EVER
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @classmethod
    def inherited(cls, descriptor: int) -> ChildEnd:
        """Return the end whose descriptor the child was told."""
        line = socket.socket(fileno=descriptor)
        os.set_inheritable(descriptor, False)  # noqa: FBT003 - its only signature
        return cls(line)

    def require_time(self) -> None:
        """End this process at once where its time is over: another one may be at work."""
        if steady() > self.deadline:
            # What a process that was frozen, or slow to start, has not read yet counts.
            self._hear_all()
            if steady() > self.deadline:
                os._exit(FENCED)

    def await_permission(self) -> None:
        """Wait until the keeper says for the first time until when to work."""
        select.select([self.line], [], [])
        self._hear_all()

    def watch(self) -> None:
        """From now on listen, and end this process with the line or with its time."""
        threading.Thread(target=self._watch, name="lifeline", daemon=True).start()

    def fileno(self) -> int:
        """Return what can be read when the keeper said something, or has ended."""
        return self.line.fileno()

    def hear(self) -> None:
        """Hear what was said, in place of `watch`: end this process with its keeper."""
        self._hear_all()

    def say(self, text: str) -> None:
        """Tell the keeper something."""
        with suppress(OSError):
            self.line.send(text.encode(), socket.MSG_DONTWAIT)

    def _watch(self) -> None:
        while True:
            left = self.deadline - steady()
            wait = None if left == FOR_EVER else max(left, 0.0) + 0.01
            select.select([self.line], [], [], wait)
            self._hear_all()
            self.require_time()

    def _hear_all(self) -> None:
        with self._lock:
            while (message := self._next()) is not None:
                word, _, value = message.partition(" ")
                if word == "until":
                    self.deadline = float(value)
                    self.say("here")

    def _next(self) -> str | None:
        """Return the next message that is there; end with the keeper."""
        try:
            message = self.line.recv(MOST_BYTES, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return None
        except OSError:  # it broke before the keeper had heard everything
            message = b""
        if not message:
            os._exit(FENCED)
        return message.decode()
