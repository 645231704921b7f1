"""A process of the console that answers: connections are handed to it, by a line to its keeper."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import struct
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from types import FrameType
from typing import Any

import uvicorn

from sync_pipeline.web.workers.board import Beats, Slots

PLACE = struct.Struct("=H")
"""What is sent with a connection: the place that it has."""


@dataclass(frozen=True, slots=True)
class Handed:
    """The place of one connection, which was taken for it before it was handed over."""

    slots: Slots
    place: int

    def take(self, _client: str) -> bool:
        """Return that it has a place."""
        return True

    def give_back(self, _client: str) -> None:
        """Free it."""
        self.slots.leave(self.place)


class Answering(uvicorn.Server):
    """A server that listens nowhere: it takes connections from a line, and ends with that."""

    def __init__(
        self, config: uvicorn.Config, line: socket.socket, number: int, beats: Beats, slots: Slots
    ) -> None:
        super().__init__(config)
        self._line, self._number, self._beats, self._slots = line, number, beats, slots
        self._opening: set[asyncio.Task[None]] = set()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to take connections."""
        await super().startup(sockets)
        self._line.settimeout(0)
        asyncio.get_running_loop().add_reader(self._line, self._take)

    async def on_tick(self, counter: int) -> bool:
        """Say that this process is alive, some times a second."""
        self._beats.beat(self._number)
        return await super().on_tick(counter)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Take no connection more, and end those that there are."""
        self._close()
        await super().shutdown(sockets)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002 - uvicorn's
        """End when the keeper says so; Ctrl-C is told to the keeper, which says so then."""
        if sig == signal.SIGTERM:
            self.should_exit = True

    def _take(self) -> None:
        try:
            sent, descriptors, _, _ = socket.recv_fds(self._line, PLACE.size, 1)
        except BlockingIOError:
            return
        except OSError:
            sent, descriptors = b"", []
        if not sent:
            # The keeper has ended.
            self._close()
            self.should_exit = True
        for descriptor in descriptors:
            task = asyncio.ensure_future(self._open(descriptor, PLACE.unpack(sent)[0]))
            self._opening.add(task)
            task.add_done_callback(self._opening.discard)

    async def _open(self, descriptor: int, place: int) -> None:
        loop = asyncio.get_running_loop()
        handed = Handed(self._slots, place)
        made: list[Any] = []

        def protocol() -> asyncio.Protocol:
            new: Any = self.config.http_protocol_class(  # type: ignore[call-arg]
                config=self.config, server_state=self.server_state, app_state={}, _loop=loop
            )
            new.shares = handed
            made.append(new)
            return new  # type: ignore[no-any-return]

        try:
            await loop.connect_accepted_socket(protocol, socket.socket(fileno=descriptor))
        except OSError:
            # Who came has gone. A connection that began gives its place back itself.
            if not made or made[0].transport is None:
                handed.give_back("")

    def _close(self) -> None:
        with suppress(OSError, ValueError):
            asyncio.get_running_loop().remove_reader(self._line)
        self._line.close()


def bound_arenas() -> None:
    """Let the threads of this process share one heap of the C library (mallopt(3)).

    Each thread has one of its own else, and what was freed in one is of no use to the others: a
    process grew by 100 MB and more until all had had their largest page.
    """
    import ctypes  # noqa: PLC0415 - of one platform's library
    import sys  # noqa: PLC0415

    if sys.platform == "linux":
        with suppress(AttributeError, OSError):
            ctypes.CDLL(None).mallopt(-8, 1)


def forget(names: Collection[str]) -> None:
    """Take variables out of the environment of this process."""
    for name in [item for item in os.environ if item.upper() in names]:
        del os.environ[name]
