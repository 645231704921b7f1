"""What a real server answers to our collector, kept as the bytes it sent.

A proxy stands between the collector and the server while one collection is made. What was
asked and answered is then enough to be that server for any number of later collections.
"""

from __future__ import annotations

import pickle
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from workbench.fleet.wire import (
    NO_ENCRYPTION,
    Request,
    RequestKind,
    RequestReader,
    is_whole,
    state_after,
)

_BYTES_A_READ = 65536
_LOOPBACK = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Question:
    """What an answer depends on: database, transaction state, and the bytes of the request."""

    database: str
    state: bytes
    content: bytes


@dataclass(frozen=True, slots=True)
class Recording:
    """The answers of one server: to the start of a connection, and to every request in it."""

    starts: dict[str, bytes] = field(default_factory=dict)
    answers: dict[Question, bytes] = field(default_factory=dict)

    def save(self, path: Path) -> None:
        """Write the recording to a file for another process of this benchmark."""
        path.write_bytes(pickle.dumps(self))

    @classmethod
    def load(cls, path: Path) -> Recording:
        """Read what `save` wrote."""
        found: Recording = pickle.loads(path.read_bytes())
        return found


@contextmanager
def recording_proxy(host: str, port: int) -> Iterator[tuple[Recording, int]]:
    """Yield a recording, which grows, and the loopback port of the proxy to a server."""
    recording = Recording()
    with socket.create_server((_LOOPBACK, 0)) as listener:
        accepting = threading.Thread(
            target=_accept, args=(listener, (host, port), recording), daemon=True
        )
        accepting.start()
        yield recording, int(listener.getsockname()[1])
        # A thread that waits in accept() is not woken by close().
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        accepting.join()


def _accept(listener: socket.socket, server: tuple[str, int], recording: Recording) -> None:
    """Follow one connection after the other: a collection opens them in turn."""
    while True:
        try:
            client, _ = listener.accept()
        except OSError:
            return
        with client, socket.create_connection(server) as upstream:
            _follow(client, upstream, recording)


def _follow(client: socket.socket, upstream: socket.socket, recording: Recording) -> None:
    reader, database, state = RequestReader(), "", b""
    while received := client.recv(_BYTES_A_READ):
        for request in reader.feed(received):
            if request.kind is RequestKind.LEAVE:
                return
            if request.kind is RequestKind.ENCRYPT:
                client.sendall(NO_ENCRYPTION)
                continue
            answer = _ask(upstream, request)
            if request.kind is RequestKind.START:
                database = request.database
                recording.starts[database] = answer
            else:
                recording.answers[Question(database, state, request.content)] = answer
            state = state_after(answer)
            client.sendall(answer)


def _ask(upstream: socket.socket, request: Request) -> bytes:
    upstream.sendall(request.content)
    answer = b""
    while not is_whole(answer):
        received = upstream.recv(_BYTES_A_READ)
        if not received:
            raise RuntimeError(f"the recorded server closed the connection after {answer!r}")
        answer += received
    return answer
