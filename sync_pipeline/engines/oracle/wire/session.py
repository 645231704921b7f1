"""A driver's session on a thread of its own, so that nothing it waits for holds the caller.

python-oracledb's `tcp_connect_timeout` bounds the TCP connection alone: a server that
accepts and stays silent holds `connect` for ever, and the driver resolves host names
before it begins to count. All calls therefore run on a daemon thread with an event loop.
A call that takes too long is cancelled and its sockets are closed; where the thread itself
hangs (in a resolver, or in Oracle's client libraries) it is left behind, ends when that
returns, and never keeps the process alive.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import socket
import threading
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any, Protocol, TypeVar

from sync_pipeline.engines.oracle.wire.guard import DriverGuard
from sync_pipeline.engines.wire.calls import LEFT_BEHIND, StaysBehind
from sync_pipeline.engines.wire.limits import ReadLimits
from sync_pipeline.engines.wire.links import Flow

ResultT = TypeVar("ResultT")
Rows = Sequence[dict[str, Any]]
CANCEL_AGAIN_SECONDS = 0.05
STOP_SECONDS = 0.5
"""How long a thread is waited for that should end at once."""


class Session(Protocol):
    """An open session of the driver; its methods run on the session's thread."""

    async def fetch(self, sql: str, parameters: dict[str, object]) -> list[dict[str, Any]]:
        """Run one SELECT and return its rows by column name in lower case."""
        ...

    async def stream(
        self, sql: str, parameters: dict[str, object], take: Callable[[Rows], None]
    ) -> None:
        """Run one SELECT and hand some of its rows over at a time."""
        ...

    async def close(self) -> None:
        """Say goodbye to the server."""
        ...

    def interrupt(self) -> None:
        """Ask the server to stop what it does; called from another thread."""
        ...


class _Loop(asyncio.SelectorEventLoop):
    """An event loop that guards its connections, and knows them so that it can close them."""

    def __init__(self, flow: Flow) -> None:
        super().__init__()
        self.saw_garbage = False
        self._flow = flow
        self._opened: list[asyncio.BaseTransport] = []

    async def create_connection(  # type: ignore[override]
        self, protocol_factory: Callable[[], asyncio.Protocol], *args: Any, **kwargs: Any
    ) -> tuple[asyncio.Transport, asyncio.Protocol]:
        """Open a connection as the base class does, with a guard before the protocol."""
        protocol = protocol_factory()
        transport, _ = await super().create_connection(
            lambda: DriverGuard(protocol, self._note_garbage, self._flow), *args, **kwargs
        )
        self._opened.append(transport)
        return transport, protocol

    async def start_tls(  # type: ignore[override]
        self, transport: Any, protocol: asyncio.Protocol, *args: Any, **kwargs: Any
    ) -> asyncio.Transport | None:
        """Begin TLS as the base class does, with a guard for what comes out of it."""
        guard = DriverGuard(protocol, self._note_garbage, self._flow)
        return await super().start_tls(transport, guard, *args, **kwargs)

    def _note_garbage(self) -> None:
        """End what waits: the driver may not notice that its connection is gone.

        More than once, because `asyncio.wait_for` of Python 3.11 loses a cancellation that
        comes together with a result.
        """
        self.saw_garbage = True
        waiting = asyncio.all_tasks(self)
        for task in waiting:
            task.cancel()
        if waiting:
            self.call_later(CANCEL_AGAIN_SECONDS, self._note_garbage)

    def close_connections(self) -> None:
        """Close every socket, whatever was to be sent on it."""
        for transport in self._opened:
            link = transport.get_extra_info("socket")
            with contextlib.suppress(OSError):
                if link is not None:
                    link.shutdown(socket.SHUT_RDWR)
            if isinstance(transport, asyncio.Transport):
                transport.abort()
        self._opened.clear()


class SessionThread:
    """Runs coroutines one at a time on a daemon thread, each within a limit.

    Raises:
        ConnectionLimit: too many threads of this process were left behind already.
    """

    def __init__(self, name: str, flow: Flow | None = None) -> None:
        LEFT_BEHIND.require_room()
        self.flow = flow or Flow(ReadLimits())
        self._loop = _Loop(self.flow)
        # What was handed over before the thread is stopped is known to who stops it. A signal may
        # have the thread that hands over stop it too.
        self._handing_over = threading.RLock()
        self._running: concurrent.futures.Future[Any] | None = None
        self._is_stopped = False
        self._stays = StaysBehind(LEFT_BEHIND)
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    @property
    def saw_garbage(self) -> bool:
        """Return whether something came that is not Oracle's protocol."""
        return self._loop.saw_garbage

    def call(self, work: Callable[[], Coroutine[Any, Any, ResultT]], seconds: float) -> ResultT:
        """Run a coroutine to its end.

        Raises:
            TimeoutError: it took longer than `seconds`, and was cancelled.
            CancelledError: `stop` was called from another thread.
        """
        with self._handing_over:
            if self._is_stopped or not self._thread.is_alive():
                raise concurrent.futures.CancelledError
            running = asyncio.run_coroutine_threadsafe(_taken(work), self._loop)
            self._running = running
        try:
            return running.result(seconds)
        except concurrent.futures.TimeoutError:
            running.cancel()
            raise TimeoutError from None
        finally:
            self._running = None

    def stop(self) -> None:
        """End the thread and close its sockets; what runs on it is cancelled."""
        with self._handing_over:
            is_first, self._is_stopped = not self._is_stopped, True
            running = self._running
        if running is not None:
            running.cancel()
        if is_first:  # another one would break off what the thread does at its end
            self._loop.call_soon_threadsafe(self._loop.stop)
        if threading.current_thread() is not self._thread:
            self._thread.join(STOP_SECONDS)
            if self._thread.is_alive():
                self._stays.begin()

    def _run(self) -> None:
        try:
            self._serve()
        finally:
            self._stays.end()

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()
        tasks = asyncio.all_tasks(self._loop)
        for task in tasks:
            task.cancel()
        self._loop.close_connections()
        self._loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        self._loop.close()


async def _taken(work: Callable[[], Awaitable[ResultT]]) -> ResultT:
    return await work()
