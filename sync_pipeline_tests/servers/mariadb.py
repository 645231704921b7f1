"""Private MariaDB servers, from the system's packages."""

from __future__ import annotations

import getpass
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pymysql

from sync_pipeline.model.instance import EngineName
from sync_pipeline_tests.servers.running import (
    RunningServer,
    free_port,
    owned_directory,
    start,
    stop,
)

PROGRAMS = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"])


@dataclass(frozen=True)
class MariaDbInstallation:
    """The programs that make and run a server."""

    server: Path
    installer: Path


def installation() -> MariaDbInstallation | None:
    """Return what is installed, or None."""
    server = shutil.which("mariadbd", path=PROGRAMS)
    installer = shutil.which("mariadb-install-db", path=PROGRAMS)
    if server is None or installer is None:
        return None
    return MariaDbInstallation(Path(server), Path(installer))


@contextmanager
def run_mariadb(
    found: MariaDbInstallation, directory: Path, options: Sequence[str] = ()
) -> Iterator[RunningServer]:
    """Run a server with a new data directory; root has no password."""
    user = "mysql" if os.geteuid() == 0 else getpass.getuser()
    owned_directory(directory, user)
    data, port = directory / "data", free_port()
    subprocess.run(
        [
            str(found.installer),
            *("--no-defaults", f"--user={user}", f"--datadir={data}"),
            *("--auth-root-authentication-method=normal", "--skip-test-db"),
        ],
        check=True,
        capture_output=True,
    )
    process = start(
        [
            str(found.server),
            *("--no-defaults", f"--user={user}", f"--datadir={data}"),
            *("--bind-address=127.0.0.1", f"--port={port}", f"--socket={directory / 'socket'}"),
            *("--skip-name-resolve", "--innodb-flush-log-at-trx-commit=0"),
            *options,
        ],
        directory.with_name(f"{directory.name}.log"),
        lambda: answers(port),
    )
    try:
        yield RunningServer(
            engine=EngineName.MARIADB,
            version=_version(port),
            host="127.0.0.1",
            port=port,
            admin_user="root",
            admin_password="",
            database="mysql",
            process=process,
            directory=directory,
        )
    finally:
        stop(process, signal.SIGTERM)


def answers(port: int) -> bool:
    """Return whether a server takes connections of root."""
    try:
        with pymysql.connect(host="127.0.0.1", port=port, user="root", connect_timeout=2):
            return True
    except pymysql.Error:
        return False


def _version(port: int) -> str:
    with (
        pymysql.connect(host="127.0.0.1", port=port, user="root") as link,
        link.cursor() as cursor,
    ):
        cursor.execute("SELECT VERSION()")
        row = cursor.fetchone()
        return str(row[0]) if row else ""
