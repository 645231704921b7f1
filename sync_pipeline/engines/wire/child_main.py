"""The driver's process: one session of one server, which may end with it.

Begun by `sync_pipeline.engines.wire.child`, never by people. It has what it needs from its link
alone: no secret is in its arguments or its environment.
"""

from __future__ import annotations

import contextlib
import fcntl
import importlib
import math
import os
import resource
import select
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from sync_pipeline.engines.base import Connection, Target
from sync_pipeline.engines.wire.child_wire import Message, packed, receive, told
from sync_pipeline.engines.wire.limits import ReadLimits
from sync_pipeline.errors import QueryError, SyncError
from sync_pipeline.model.instance import EngineName, Instance, Timeouts, TlsMode, TlsOptions
from sync_pipeline.model.secret import Secret

ROWS_A_MESSAGE = 500
MOST_ASKED_BYTES = 2**24
Rows = Sequence[dict[str, Any]]
Opener = Callable[[Target, str | None], Connection]


class Served:
    """The session of this process, as its link asks for it."""

    def __init__(self, link: socket.socket, opener: Opener) -> None:
        self._link = link
        self._opener = opener
        self._most_bytes = 0
        self._connection: Connection | None = None

    def run(self) -> None:
        """Open the session, answer every statement, and close it when the link ends."""
        with contextlib.suppress(EOFError, OSError):
            self._serve()
        if self._connection is not None:
            self._connection.close()

    def abort(self, *_: object) -> None:
        """Break the session: a server may still be asked to stop what it does."""
        if self._connection is not None:
            self._connection.abort()
        os._exit(0)

    def _serve(self) -> None:
        self._say({"ready": True})
        asked = receive(self._link, MOST_ASKED_BYTES)
        self._most_bytes = asked["most_bytes"]
        bound(asked["memory_bytes"], asked["cpu_seconds"])
        self._answer(lambda: self._open(asked))
        while self._connection is not None:
            question = receive(self._link, MOST_ASKED_BYTES)
            self._answer(partial(self._fetch, question))

    def _open(self, asked: Message) -> None:
        target = target_of(asked)
        self._connection = self._opener(target, asked["database"])
        signal.signal(signal.SIGTERM, self.abort)

    def _fetch(self, question: Message) -> None:
        """Answer a statement, in parts where the connection has `stream`, which reads in parts."""
        sql, parameters = question["sql"], question["parameters"]
        stream = getattr(self._connection, "stream", None)
        if stream is not None:
            stream(sql, parameters, self._send_rows)
        elif self._connection is not None:
            self._send_rows(self._connection.fetch(sql, parameters))

    def _answer(self, work: Callable[[], None]) -> None:
        try:
            work()
        except SyncError as error:
            self._say(told(error))
        except MemoryError:
            self._say({"error": "memory"})
        except Exception as error:  # noqa: BLE001 - whatever it is, the other side has to know
            text = f"The driver failed in a way that is not known ({type(error).__name__})."
            self._say(told(QueryError(text, hint="Report it: this is a defect.")))
        else:
            self._say({"done": True})

    def _send_rows(self, rows: Rows) -> None:
        for start in range(0, len(rows), ROWS_A_MESSAGE):
            self._send_some(rows[start : start + ROWS_A_MESSAGE])

    def _send_some(self, rows: Rows) -> None:
        """Send rows in as many messages as the other side takes."""
        try:
            data = packed({"columns": list(rows[0]), "rows": [list(row.values()) for row in rows]})
        except TypeError as error:
            raise QueryError(f"The driver answered with what is not kept: {error}.") from None
        if len(data) > self._most_bytes and len(rows) > 1:
            half = len(rows) // 2
            self._send_some(rows[:half])
            self._send_some(rows[half:])
            return
        self._link.sendall(data)

    def _say(self, message: Message) -> None:
        self._link.sendall(packed(message))


def target_of(asked: Message) -> Target:
    """Return the target of the first message."""
    fields = asked["instance"]
    instance = Instance(
        **{
            **fields,
            "engine": EngineName(fields["engine"]),
            "tls": TlsOptions(**{**fields["tls"], "mode": TlsMode(fields["tls"]["mode"])}),
            "timeouts": Timeouts(**fields["timeouts"]),
            "tags": tuple(fields["tags"]),
        }
    )
    left = asked["seconds_left"]
    return Target(
        instance,
        asked["username"],
        Secret(asked["password"]),
        asked["statement_seconds"],
        asked["options"],
        ReadLimits(**asked["limits"]),
        ends_at=None if left is None else time.monotonic() + left,
    )


def bound(memory_bytes: int, cpu_seconds: float) -> None:
    """Bound what this process may take, as far as the system has such limits.

    A limit of one byte of core is what Linux also keeps programs from that cores are piped
    to (core(5)): a core would hold the password.
    """
    libraries = 2**30  # what is mapped of Oracle's client libraries is no memory of its own
    seconds = math.ceil(cpu_seconds)
    for name, most in (
        ("RLIMIT_CORE", 1),
        ("RLIMIT_CPU", seconds),
        ("RLIMIT_DATA", memory_bytes),
        ("RLIMIT_AS", memory_bytes + libraries),
    ):
        kind = getattr(resource, name, None)
        if kind is None:
            continue
        _, hard = resource.getrlimit(kind)
        wanted = most if hard == resource.RLIM_INFINITY else min(most, hard)
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(kind, (wanted, wanted))


def end_with(life: int) -> None:
    """End this process when the other end of a pipe is closed, whatever it is at.

    The kernel's signal needs no lock of Python, which a driver may hold for ever.
    """
    if hasattr(fcntl, "F_SETSIG"):
        fcntl.fcntl(life, fcntl.F_SETOWN, os.getpid())
        fcntl.fcntl(life, fcntl.F_SETSIG, signal.SIGKILL)
        fcntl.fcntl(life, fcntl.F_SETFL, fcntl.fcntl(life, fcntl.F_GETFL) | os.O_ASYNC)
        if select.select([life], [], [], 0)[0]:
            os._exit(0)
    else:
        threading.Thread(target=lambda: (os.read(life, 1), os._exit(0)), daemon=True).start()


def main() -> None:
    """Serve the session that the arguments name: an opener, the link and the life pipe."""
    name, link_number, life = sys.argv[1:]
    end_with(int(life))
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    link = socket.socket(fileno=int(link_number))
    try:
        module, function = name.split(":")
        opener: Opener = getattr(importlib.import_module(module), function)
    except Exception as error:  # noqa: BLE001 - a driver that is not there, or broken
        text = f"The driver can't be loaded ({type(error).__name__}: {error})."
        link.sendall(packed(told(SyncError(text, hint="Install sync_pipeline again."))))
        os._exit(1)
    with contextlib.suppress(OSError, EOFError):
        Served(link, opener).run()
    os._exit(0)
