"""A real pgbouncer before a private PostgreSQL server."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from workbench.servers import debian
from workbench.servers.postgresql import server_user
from workbench.servers.running import (
    RunningServer,
    as_user,
    free_port,
    owned_directory,
    start,
    stop,
)

PACKAGE = debian.DebianPackage(
    name="pgbouncer",
    package="pgbouncer",
    suite="trixie",
    kept=("lib", "usr/lib", "usr/sbin"),
    without=("postgresql-common", "ssl-cert", "debconf", "python3-psycopg2", "python3"),
)


@contextmanager
def pgbouncer(
    server: RunningServer,
    directory: Path,
    users: tuple[str, ...],
    databases: tuple[str, ...] = ("*",),
    **settings: str,
) -> Iterator[int]:
    """Yield the port of a pooler with these settings, which trusts these users.

    It knows these databases, or any.

    Raises:
        Unavailable: it can't be had here.
    """
    files = debian.obtain(PACKAGE)
    user, port = server_user(), free_port()
    home = owned_directory(directory, user)
    (home / "users").write_text("".join(f'"{name}" ""\n' for name in users))
    lines = {
        "listen_addr": "127.0.0.1",
        "listen_port": str(port),
        "unix_socket_dir": "",
        "auth_type": "trust",
        "auth_file": str(home / "users"),
        **settings,
    }
    text = "".join(f"{name} = {value}\n" for name, value in lines.items())
    known = "".join(f"{name} = host={server.host} port={server.port}\n" for name in databases)
    (home / "pgbouncer.ini").write_text(f"[databases]\n{known}[pgbouncer]\n{text}")
    command = [*files.command("usr/sbin/pgbouncer"), str(home / "pgbouncer.ini")]

    def answers() -> bool:
        try:
            with psycopg.connect(
                host="127.0.0.1", port=port, user=users[0], dbname="postgres", connect_timeout=2
            ):
                return True
        except psycopg.OperationalError:
            return False

    process = start(as_user(user, command), home.parent / f"{home.name}.log", answers)
    try:
        yield port
    finally:
        stop(process, signal.SIGINT)
