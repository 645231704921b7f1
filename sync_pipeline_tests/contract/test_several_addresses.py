"""A name with several addresses, some of which stay silent: one limit holds for them all.

The listener of an availability group has an address in each subnet, of which one answers. The
name is given its addresses here, because no DNS could be had; all that follows is real.
"""

from __future__ import annotations

import contextlib
import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sync_pipeline.engines.base import Target
from sync_pipeline.engines.registry import ENGINES
from sync_pipeline.engines.sqlserver.engine import SqlServer
from sync_pipeline.engines.wire.links import open_link
from sync_pipeline.errors import ConnectError, ConnectReason
from sync_pipeline.model.instance import EngineName, Instance, Timeouts, TlsMode, TlsOptions
from sync_pipeline.model.secret import Secret
from workbench.servers.running import RunningServer, free_port
from workbench.servers.sqlserver_drivers import DRIVERS, driver_named, target_at
from workbench.servers.tds import tds_server

NAME = "listener.invalid"
SILENT = ("127.0.0.11", "127.0.0.12", "127.0.0.13")
GOOD = "127.0.0.1"


@contextlib.contextmanager
def silent_at(port: int, addresses: tuple[str, ...] = SILENT) -> Iterator[None]:
    """Have addresses that answer no SYN: their backlog is full."""
    with contextlib.ExitStack() as stack:
        for address in addresses:
            server = stack.enter_context(socket.socket())
            server.bind((address, port))
            server.listen(0)
            for _ in range(4):
                link = stack.enter_context(socket.socket())
                link.setblocking(False)
                link.connect_ex((address, port))
        time.sleep(0.2)
        yield


OF_CHILDREN = """
import socket
known = socket.getaddrinfo
def found(host, port, *rest, **more):
    addresses = {addresses} if host == {name!r} else [host]
    return [item for at in addresses for item in known(at, port, *rest, **more)]
socket.getaddrinfo = found
"""
"""The same for the process of a driver, which begins with a module of this name."""


@pytest.fixture
def named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """Return what gives the name its addresses."""
    known = socket.getaddrinfo

    def have(*addresses: str) -> None:
        text = OF_CHILDREN.format(addresses=list(addresses), name=NAME)
        (tmp_path / "sitecustomize.py").write_text(text)
        monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)

        def found(host: Any, port: Any, *rest: Any, **more: Any) -> list[Any]:
            if host != NAME:
                return known(host, port, *rest, **more)
            return [item for at in addresses for item in known(at, port, *rest, **more)]

        monkeypatch.setattr(socket, "getaddrinfo", found)

    return have


def instance(engine: EngineName, port: int, seconds: float) -> Target:
    limits = Timeouts(connect_seconds=seconds, statement_seconds=5, total_seconds=20)
    tls = TlsOptions(TlsMode.DISABLE)
    settings = {"database": "postgres", "tls": tls, "timeouts": limits}
    found = Instance(1, "it", engine, NAME, port, "c", **settings)
    return Target(found, "postgres", Secret("p"), 5)


@pytest.mark.parametrize("engine", list(ENGINES))
def test_the_limit_holds_for_all_addresses_together(named: Any, engine: EngineName) -> None:
    port = free_port()
    named(*SILENT)
    with silent_at(port):
        started = time.monotonic()
        with pytest.raises(ConnectError) as caught:
            ENGINES[engine].connect(instance(engine, port, 1.0))
        assert time.monotonic() - started < 2.5
    assert caught.value.reason is ConnectReason.TIMEOUT
    assert caught.value.retryable


@pytest.mark.parametrize("kind", DRIVERS)
def test_the_address_that_answers_is_found_behind_silent_ones(named: Any, kind: str) -> None:
    named(*SILENT, GOOD)
    with tds_server() as server, silent_at(server.port):
        SqlServer().connect(target_at(server.port, driver_named(kind), NAME)).close()
    assert len(server.logins) == 1


def test_postgresql_finds_the_address_that_answers(
    named: Any, postgresql_server: RunningServer
) -> None:
    named(*SILENT, GOOD)
    engine, port = EngineName.POSTGRESQL, postgresql_server.port
    with silent_at(port):
        ENGINES[engine].connect(instance(engine, port, 4)).close()


def test_an_address_that_refuses_makes_way_at_once(named: Any) -> None:
    named("127.0.0.21", "127.0.0.22", GOOD)
    with socket.create_server((GOOD, 0)) as server:
        started = time.monotonic()
        open_link(NAME, server.getsockname()[1], 5).close()
    assert time.monotonic() - started < 1


def test_where_all_refuse_that_is_said(named: Any) -> None:
    named("127.0.0.21", GOOD)
    with pytest.raises(ConnectionRefusedError):
        open_link(NAME, free_port(), 5)
