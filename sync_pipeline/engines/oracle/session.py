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
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Protocol, TypeVar

ResultT = TypeVar("ResultT")
STOP_SECONDS = 2.0
"""How long a thread is waited for that should end at once."""


class Session(Protocol):
    """An open session of the driver; its methods run on the session's thread."""

    async def fetch(self, sql: str, parameters: dict[str, object]) -> list[dict[str, Any]]:
        """Run one SELECT and return its rows by column name in lower case."""
        ...

    async def close(self) -> None:
        """Say goodbye to the server."""
        ...

    def interrupt(self) -> None:
        """Ask the server to stop what it does; called from another thread."""
        ...


class _Loop(asyncio.SelectorEventLoop):
    """An event loop that knows its connections, so that it can close them."""

    def __init__(self) -> None:
        super().__init__()
        self._opened: list[asyncio.BaseTransport] = []

    async def create_connection(self, *args: Any, **kwargs: Any) -> Any:
        """Open a connection as the base class does, and remember it."""
        opened = await super().create_connection(*args, **kwargs)
        self._opened.append(opened[0])
        return opened

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
    """Runs coroutines one at a time on a daemon thread, each within a limit."""

    def __init__(self, name: str) -> None:
        self._loop = _Loop()
        self._running: concurrent.futures.Future[Any] | None = None
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def call(self, work: Callable[[], Coroutine[Any, Any, ResultT]], seconds: float) -> ResultT:
        """Run a coroutine to its end.

        Raises:
            TimeoutError: it took longer than `seconds`, and was cancelled.
            CancelledError: `stop` was called from another thread.
        """
        if not self._thread.is_alive() or self._loop.is_closed():
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
        with contextlib.suppress(RuntimeError):  # the loop is closed already
            self._loop.call_soon_threadsafe(self._loop.stop)
        running = self._running
        if running is not None:
            running.cancel()
        if threading.current_thread() is not self._thread:
            self._thread.join(STOP_SECONDS)

    def _run(self) -> None:
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
