"""Private MySQL servers: Debian unstable's, since its stable releases carry none."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sync_pipeline.model.instance import EngineName
from workbench.servers import debian
from workbench.servers.made_data import make_data
from workbench.servers.mariadb import answers
from workbench.servers.running import (
    RunningServer,
    free_port,
    owned_directory,
    start,
    stop,
)

PACKAGE = debian.DebianPackage(
    name="mysql",
    package="mysql-server-core",
    suite="unstable",
    kept=("usr/sbin/mysqld", "usr/lib", "usr/share/mysql"),
)
ROOT_FOR_LOOPBACK = """\
CREATE USER IF NOT EXISTS 'root'@'127.0.0.1';
GRANT ALL ON *.* TO 'root'@'127.0.0.1' WITH GRANT OPTION;
GRANT PROXY ON ''@'' TO 'root'@'127.0.0.1' WITH GRANT OPTION;
"""


@dataclass(frozen=True)
class MySqlInstallation:
    """The unpacked packages, and what the server calls itself."""

    files: debian.Unpacked
    version: str

    def command(self, *arguments: str) -> list[str]:
        """Return the server's command line, with what every start needs."""
        prefix = self.files.prefix
        return [
            *self.files.command("usr/sbin/mysqld", "usr/lib/mysql/private"),
            *("--no-defaults", *arguments),
            *(f"--basedir={prefix / 'usr'}", "--secure-file-priv="),
            f"--lc-messages-dir={prefix / 'usr/share/mysql'}",
            *(["--user=mysql"] if os.geteuid() == 0 else []),
        ]


def obtain() -> MySqlInstallation:
    """Return the cached installation, downloading it where there is none yet.

    Raises:
        Unavailable: it can't be had here, or not in time.
    """
    found = MySqlInstallation(debian.obtain(PACKAGE), "")
    try:
        told = subprocess.run(
            found.command("--version"), capture_output=True, check=True, timeout=30
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise debian.Unavailable(str(error)) from error
    return MySqlInstallation(found.files, told.stdout.decode().partition("Ver ")[2].strip())


@contextmanager
def run_mysql(
    found: MySqlInstallation, directory: Path, options: Sequence[str] = ()
) -> Iterator[RunningServer]:
    """Run a server with a new data directory; root has no password."""
    user = "mysql" if os.geteuid() == 0 else ""
    if user:
        owned_directory(directory, user)
    else:
        directory.mkdir(parents=True)
    data, port = f"--datadir={directory / 'data'}", free_port()
    # A server takes this one only as it was when its data was made.
    of_data = [option for option in options if option.startswith("--lower-case-table-names")]
    make_data(
        directory / "data",
        (found, of_data),
        lambda: subprocess.run(
            found.command(data, "--initialize-insecure", *of_data),
            check=True,
            capture_output=True,
            timeout=120,
        ),
    )
    # It has the server's UUID; a server makes one where there is none.
    (directory / "data" / "auto.cnf").unlink(missing_ok=True)
    script = directory.with_name(f"{directory.name}.sql")
    script.write_text(ROOT_FOR_LOOPBACK)
    process = start(
        found.command(
            data,
            *("--bind-address=127.0.0.1", f"--port={port}", "--skip-name-resolve"),
            *(
                f"--tmpdir={directory}",
                "--mysqlx=OFF",
                "--disable-log-bin",
                "--innodb-flush-log-at-trx-commit=0",
                # Threads that count the few rows of a catalog take five times as long as counting.
                "--innodb-parallel-read-threads=1",
            ),
            *(f"--socket={directory / 'socket'}", f"--pid-file={directory / 'pid'}"),
            f"--init-file={script}",
            *options,
        ),
        directory.with_name(f"{directory.name}.log"),
        lambda: answers(port),
    )
    try:
        yield RunningServer(
            engine=EngineName.MYSQL,
            version=found.version,
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
