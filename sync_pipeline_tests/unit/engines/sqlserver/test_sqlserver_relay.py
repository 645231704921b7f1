"""The relay lets the driver of our own user in, and nobody else. No server is needed."""

from __future__ import annotations

import os
import pwd
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress

import pytest

from sync_pipeline.engines.sqlserver.wire.relay import HOST, Relay
from sync_pipeline.engines.wire.limits import ReadLimits

STRANGER = (
    "import socket, sys; link = socket.create_connection(('127.0.0.1', int(sys.argv[1])), 5); \
link.settimeout(5); link.sendall(b'stranger'); print(link.recv(10))"
)


@pytest.fixture
def server() -> Iterator[tuple[Relay, socket.socket]]:
    """A relay, and the server's end of what it passes on."""
    with socket.create_server((HOST, 0)) as listener:
        ours = socket.create_connection(listener.getsockname())
        theirs, _ = listener.accept()
    relay = Relay(ours, ReadLimits())
    with theirs:
        theirs.settimeout(10)
        yield relay, theirs
    relay.close()


def test_the_driver_of_our_user_speaks_with_the_server(
    server: tuple[Relay, socket.socket],
) -> None:
    relay, theirs = server
    with socket.create_connection((HOST, relay.port), 10) as driver:
        driver.sendall(b"hello")
        assert theirs.recv(10) == b"hello"
        theirs.sendall(b"welcome")
        assert driver.recv(10) == b"welcome"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be two users")
def test_another_user_is_not_let_in_and_keeps_nobody_out(
    server: tuple[Relay, socket.socket],
) -> None:
    relay, theirs = server
    nobody = pwd.getpwnam("nobody")
    command = [sys.executable, "-c", STRANGER, str(relay.port)]
    stranger = subprocess.run(
        ["setpriv", f"--reuid={nobody.pw_uid}", f"--regid={nobody.pw_gid}", "--clear-groups",
         "/usr/bin/python3", *command[1:]],
        capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip
    assert "stranger" not in stranger.stdout
    with socket.create_connection((HOST, relay.port), 10) as driver:
        driver.sendall(b"hello")
        assert theirs.recv(100) == b"hello"
    with suppress(OSError):
        assert theirs.recv(100) == b""
