"""Private Redis servers, from the system's packages."""

from __future__ import annotations

import shutil
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sync_pipeline_tests.servers.running import free_port, start, stop


@contextmanager
def redis_server(directory: Path) -> Iterator[str]:
    """Start a server that keeps nothing on disk, yield its URL, and stop it.

    Raises:
        RuntimeError: there is no redis-server, or it did not start.
    """
    program = shutil.which("redis-server")
    if program is None:
        raise RuntimeError("redis-server is missing: install the package redis-server.")
    port = free_port()

    def answers() -> bool:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
                connection.sendall(b"PING\r\n")
                return connection.recv(16).startswith(b"+PONG")
        except OSError:
            return False

    options = ["--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
    command = [program, *options, "--dir", str(directory)]
    process = start(command, directory / "redis.log", answers)
    try:
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        stop(process, signal.SIGTERM)
