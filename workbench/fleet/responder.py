"""Thousands of PostgreSQL servers in one process, as a recording of one real server has them.

    python -m workbench.fleet.responder --recording FILE --connect-ms 50 --round-trip-ms 0

It prints its port as soon as it listens, and ends when its standard input does. A line there is a
share of the endpoints, from 0 to 1, which answer from now on as `--changed FILE` has it, and is
printed again as soon as they do. With `--upstream PORT` live endpoints are handed through to a
real server instead.
"""

from __future__ import annotations

import argparse
import asyncio
import socket
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from workbench.fleet.addresses import EndpointKind, is_changed, kind_of, number_of
from workbench.fleet.recording import Question, Recording
from workbench.fleet.wire import (
    NO_ENCRYPTION,
    Request,
    RequestKind,
    RequestReader,
    error,
    ready,
    state_after,
)

_BACKLOG = 4096
_LOOPBACK = "127.0.0.1"
_STARTING = error("FATAL", "57P03", "the database system is starting up")


@dataclass(frozen=True, slots=True)
class Latency:
    """Seconds that an answer takes: to the start of a connection, and to each request in it."""

    connect: float
    round_trip: float


@dataclass(slots=True)
class Replayed:
    """What all endpoints answer, and a share of them after a change."""

    recording: Recording
    changed: Recording
    share: float = 0.0

    def of(self, host: str) -> Recording:
        """Return what the endpoint of an address answers now."""
        return self.changed if is_changed(number_of(host), self.share) else self.recording

    def listen(self) -> None:
        """Take shares from standard input until it ends."""
        for line in sys.stdin:
            self.share = float(line)
            sys.stdout.write(f"{self.share}\n")
            sys.stdout.flush()


class ReplayEndpoint(asyncio.Protocol):
    """One connection to an endpoint, of the kind that its address says."""

    def __init__(self, replayed: Replayed, latency: Latency) -> None:
        self._replayed = replayed
        self._recording = replayed.recording
        self._latency = latency
        self._requests = RequestReader()
        self._kind: EndpointKind | None = None
        self._database = ""
        self._state = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See which endpoint was called; other networks than loopback get nothing."""
        self._transport = cast("asyncio.Transport", transport)
        host = transport.get_extra_info("sockname")[0]
        self._kind = kind_of(host)
        if self._kind is None:
            transport.abort()  # type: ignore[attr-defined]
            return
        self._recording = self._replayed.of(host)

    def data_received(self, received: bytes) -> None:
        """Answer every request that is complete."""
        if self._kind is EndpointKind.SILENT:
            return
        for request in self._requests.feed(received):
            self._answer(request)

    def _answer(self, request: Request) -> None:
        match request.kind:
            case RequestKind.LEAVE:
                self._transport.close()
            case RequestKind.ENCRYPT:
                self._transport.write(NO_ENCRYPTION)
            case RequestKind.START:
                self._later(self._latency.connect, self._start(request))
            case RequestKind.ASK:
                self._later(self._latency.round_trip, self._found(request))

    def _start(self, request: Request) -> bytes:
        if self._kind is EndpointKind.FATAL:
            return _STARTING
        self._database = request.database
        start = self._recording.starts.get(self._database)
        if start is None:
            return error("FATAL", "3D000", f'database "{self._database}" does not exist')
        self._state = state_after(start)
        return start

    def _found(self, request: Request) -> bytes:
        question = Question(self._database, self._state, request.content)
        answer = self._recording.answers.get(question)
        if answer is None:
            text = (
                f"the benchmark has no recorded answer in {self._database} to {request.content!r}"
            )
            return error("ERROR", "XX000", text) + ready(self._state)
        self._state = state_after(answer)
        return answer

    def _later(self, seconds: float, answer: bytes) -> None:
        if seconds:
            asyncio.get_running_loop().call_later(seconds, self._send, answer)
        else:
            self._send(answer)

    def _send(self, answer: bytes) -> None:
        self._transport.write(answer)
        if answer is _STARTING:
            self._transport.close()


async def hand_through(
    client: tuple[asyncio.StreamReader, asyncio.StreamWriter], port: int, latency: Latency
) -> None:
    """Be a distant real server: its answers come later by the latency."""
    reader, writer = client
    kind = kind_of(writer.get_extra_info("sockname")[0])
    try:
        if kind is EndpointKind.SILENT:
            await reader.read()
        elif kind is EndpointKind.LIVE:
            await asyncio.sleep(latency.connect)
            upstream_reader, upstream_writer = await asyncio.open_connection(_LOOPBACK, port)
            await asyncio.gather(
                _copy(reader, upstream_writer, 0),
                _copy(upstream_reader, writer, latency.round_trip),
            )
        elif kind is EndpointKind.FATAL:
            await _refuse(reader, writer)
    except ConnectionError:
        return  # the client went away, as one does whose time is up
    finally:
        writer.close()


async def _refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    requests = RequestReader()
    while received := await reader.read(65536):
        for request in requests.feed(received):
            is_start = request.kind is RequestKind.START
            writer.write(_STARTING if is_start else NO_ENCRYPTION)
            if is_start:
                return


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, delay: float) -> None:
    while received := await reader.read(65536):
        if delay:
            await asyncio.sleep(delay)
        writer.write(received)
    writer.close()


async def serve(options: argparse.Namespace) -> None:
    """Serve until standard input ends."""
    latency = Latency(options.connect_ms / 1000, options.round_trip_ms / 1000)
    loop = asyncio.get_running_loop()
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    # One listener for all of 127.0.0.0/8; calls from elsewhere are dropped.
    listener.bind(("0.0.0.0", 0))
    server: asyncio.Server
    until_end: Callable[[], object] = sys.stdin.read
    if options.upstream:
        server = await asyncio.start_server(
            lambda reader, writer: hand_through((reader, writer), options.upstream, latency),
            sock=listener,
            backlog=_BACKLOG,
        )
    else:
        recording = Recording.load(options.recording)
        changed = Recording.load(options.changed) if options.changed else recording
        replayed = Replayed(recording, changed)
        until_end = replayed.listen
        server = await loop.create_server(
            lambda: ReplayEndpoint(replayed, latency), sock=listener, backlog=_BACKLOG
        )
    async with server:
        sys.stdout.write(f"{listener.getsockname()[1]}\n")
        sys.stdout.flush()
        await loop.run_in_executor(None, until_end)


def main() -> int:
    """Serve what the command line says."""
    parser = argparse.ArgumentParser(prog="workbench.fleet.responder", description=__doc__)
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--recording", type=Path)
    source.add_argument("--upstream", type=int, default=0)
    parser.add_argument("--changed", type=Path, help="a recording after a change")
    parser.add_argument("--connect-ms", type=float, default=50)
    parser.add_argument("--round-trip-ms", type=float, default=0)
    asyncio.run(serve(parser.parse_args()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
