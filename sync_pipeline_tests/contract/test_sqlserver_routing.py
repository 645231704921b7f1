"""A server that sends the login on to another one: nothing of it gets there.

Both drivers follow ([MS-TDS] 2.2.7.9, Routing) wherever the first server says.
"""

from __future__ import annotations

import socket
import threading
from pathlib import Path

import pytest

from sync_pipeline.engines.sqlserver.engine import SqlServer
from sync_pipeline.engines.sqlserver.wire import connection
from sync_pipeline.engines.sqlserver.wire.confinement import may_connect_only_to
from sync_pipeline.errors import UnsupportedServer
from sync_pipeline.model.instance import Timeouts, TlsMode, TlsOptions
from workbench.servers.mysql_faults import authority
from workbench.servers.sqlserver_drivers import (
    DRIVERS,
    PASSWORD,
    driver_named,
    target_at,
)
from workbench.servers.tds import TdsServer, tds_server

TIMEOUTS = Timeouts(connect_seconds=1, statement_seconds=2, total_seconds=20)
Certificate = tuple[Path, Path]


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    made = authority(tmp_path_factory.mktemp("tls") / "stranger", "127.0.0.1")
    return made.certificate, made.key


def refused(first: TdsServer, second: TdsServer, kind: str, mode: TlsMode) -> None:
    first.routing = ("127.0.0.1", second.port)
    target = target_at(first.port, driver_named(kind), tls=TlsOptions(mode), timeouts=TIMEOUTS)
    with pytest.raises(UnsupportedServer, match="sent the login to another server") as caught:
        SqlServer().connect(target).close()
    assert PASSWORD not in str(caught.value)
    assert [login.password for login in first.logins] == [PASSWORD]


@pytest.fixture(scope="module")
def confinement() -> None:
    found: list[bool] = []
    thread = threading.Thread(target=lambda: found.append(may_connect_only_to(1)))
    thread.start()
    thread.join()
    if not found[0]:
        pytest.skip("this Linux can't keep a thread from TCP ports")


@pytest.mark.usefixtures("confinement")
@pytest.mark.parametrize("mode", [TlsMode.DISABLE, TlsMode.REQUIRE])
@pytest.mark.parametrize("kind", DRIVERS)
def test_the_login_is_not_sent_on(kind: str, mode: TlsMode, certificate: Certificate) -> None:
    given = certificate if mode is TlsMode.REQUIRE else None
    with tds_server(certificate=given) as second, tds_server(certificate=given) as first:
        refused(first, second, kind, mode)
        assert second.logins == []


@pytest.mark.parametrize("kind", DRIVERS)
def test_where_the_system_forbids_nothing_it_is_refused_afterwards(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "may_connect_only_to", lambda port: False)
    with tds_server() as second, tds_server() as first:
        refused(first, second, kind, TlsMode.DISABLE)
        assert [login.password for login in second.logins] == [PASSWORD]


@pytest.mark.usefixtures("confinement")
def test_the_thread_of_the_login_alone_is_kept_from_other_ports() -> None:
    said: list[object] = []
    with (
        socket.create_server(("127.0.0.1", 0)) as one,
        socket.create_server(("::1", 0), family=socket.AF_INET6) as other,
    ):

        def connecting() -> None:
            said.append(may_connect_only_to(one.getsockname()[1]))
            for place in (one, other):
                try:
                    socket.create_connection(place.getsockname()[:2], 5).close()
                    said.append("connected")
                except PermissionError:
                    said.append("forbidden")

        thread = threading.Thread(target=connecting)
        thread.start()
        thread.join(20)
        assert said == [True, "connected", "forbidden"]
        socket.create_connection(other.getsockname()[:2], 5).close()
