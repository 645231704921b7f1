"""Private MariaDB servers: the system's, and those of other Debian releases."""

from __future__ import annotations

import getpass
import os
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pymysql

from sync_pipeline.model.instance import EngineName
from workbench.servers import debian
from workbench.servers.made_data import make_data
from workbench.servers.running import (
    RunningServer,
    free_port,
    owned_directory,
    start,
    stop,
)

PROGRAMS = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"])
KEPT = ("usr/sbin/mariadbd", "lib", "usr/lib", "usr/share/mysql", "usr/share/mariadb")
LINES = {
    # Older than what the product supports: it writes rows as an upgraded server has them.
    "10.5": ("mariadb-server-core-10.5", ("bullseye",)),
    "10.11": ("mariadb-server-core", ("bookworm",)),
    "11.8": ("mariadb-server-core", ("trixie", "unstable")),
}
"""The package of each release line, and the Debian releases that have it."""
BOOTSTRAP = (
    "*_system_tables.sql",
    "*_performance_tables.sql",
    "*_system_tables_data.sql",
    "maria_add_gis_sp_bootstrap.sql",
    "*_sys_schema.sql",
)
"""What makes a data directory, in this order, as `mariadb-install-db` gives it to the server."""


@dataclass(frozen=True)
class MariaDbInstallation:
    """A server's command, its files, and its release line, such as 10.11."""

    line: str
    server: tuple[str, ...]
    share: Path
    plugins: Path | None = None

    def command(self, directory: Path, *options: str) -> list[str]:
        """Return the command line of a server on the data below a directory."""
        return [
            *self.server,
            *("--no-defaults", f"--user={_user()}", f"--datadir={directory / 'data'}"),
            # A server that starts removes what others left in a directory that they share.
            f"--tmpdir={directory}",
            *([f"--plugin-dir={self.plugins}"] if self.plugins else []),
            *(f"--lc-messages-dir={self.share}", "--innodb-flush-log-at-trx-commit=0"),
            *options,
        ]


def installation() -> MariaDbInstallation | None:
    """Return what the system has installed, or None."""
    server = shutil.which("mariadbd", path=PROGRAMS)
    if server is None:
        return None
    shares = [Path(server).parent.parent / "share" / name for name in ("mariadb", "mysql")]
    found = [path for path in shares if list(path.glob(BOOTSTRAP[0]))]
    return _installed((server,), found[0]) if found else None


def is_installed(line: str) -> bool:
    """Return whether the system's MariaDB is of a release line."""
    ours = installation()
    return ours is not None and ours.line == line


def obtain(line: str) -> MariaDbInstallation:
    """Return a server of a release line: the system's, or one of another Debian release.

    Raises:
        Unavailable: it can't be had here, or not in time.
    """
    ours = installation()
    if ours is not None and ours.line == line:
        return ours
    package, suites = LINES[line]
    reasons = []
    for suite in suites:
        wanted = debian.DebianPackage(f"mariadb-{line}-{suite}", package, suite, KEPT)
        try:
            return _unpacked(line, debian.obtain(wanted))
        except debian.Unavailable as error:
            reasons.append(f"{suite}: {error}")
    raise debian.Unavailable("; ".join(reasons))


def _unpacked(line: str, files: debian.Unpacked) -> MariaDbInstallation:
    shares = [files.prefix / "usr" / "share" / name for name in ("mariadb", "mysql")]
    share = next(path for path in shares if list(path.glob(BOOTSTRAP[0])))
    plugins = files.prefix / "usr" / "lib" / "mysql" / "plugin"
    found = _installed(tuple(files.command("usr/sbin/mariadbd")), share)
    if found is None or found.line != line:
        raise debian.Unavailable(f"it is MariaDB {found.line if found else 'of no known line'}")
    return replace(found, plugins=plugins)


def _installed(server: tuple[str, ...], share: Path) -> MariaDbInstallation | None:
    told = subprocess.run(
        [*server, "--no-defaults", "--version"],
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    match = re.search(r"Ver (\d+\.\d+)\.\d+-MariaDB", told.stdout)
    return MariaDbInstallation(match[1], server, share) if match else None


def _user() -> str:
    return "mysql" if os.geteuid() == 0 else getpass.getuser()


@contextmanager
def run_mariadb(
    found: MariaDbInstallation, directory: Path, options: Sequence[str] = ()
) -> Iterator[RunningServer]:
    """Run a server with a new data directory; root has no password."""
    owned_directory(directory, _user())
    data = owned_directory(directory / "data", _user())
    make_data(data, found, lambda: _bootstrap(found, directory))
    with serve(found, directory, options) as server:
        yield server


def _bootstrap(found: MariaDbInstallation, directory: Path) -> None:
    parts = [path.read_bytes() for name in BOOTSTRAP for path in found.share.glob(name)]
    script = [b"CREATE DATABASE mysql;\nUSE mysql;\nSET @auth_root_socket=NULL;", *parts]
    subprocess.run(
        found.command(directory, "--bootstrap", "--max-allowed-packet=8M"),
        input=b"\n".join(script),
        check=True,
        capture_output=True,
        timeout=120,
    )


@contextmanager
def serve(
    found: MariaDbInstallation, directory: Path, options: Sequence[str] = ()
) -> Iterator[RunningServer]:
    """Run a server on data that exists, as another version may have left it."""
    port = free_port()
    process = start(
        found.command(
            directory,
            *("--bind-address=127.0.0.1", f"--port={port}", f"--socket={directory / 'socket'}"),
            *("--skip-name-resolve", *options),
        ),
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
        with pymysql.connect(
            host="127.0.0.1", port=port, user="root", connect_timeout=2, ssl_disabled=True
        ):
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
