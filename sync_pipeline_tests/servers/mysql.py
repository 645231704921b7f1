"""Private MySQL servers: Debian unstable's, unpacked into a cache and never installed.

Debian's stable releases carry no MySQL. The packages are taken from the mirror that this
machine's apt uses, into an apt root of our own, and run through their own dynamic loader.
Unstable moves, so whatever goes wrong here means "not available", with its reason.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import subprocess
import sys
import time
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

DOWNLOAD_SECONDS = 180
KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
KEPT = ("usr/sbin/mysqld", "usr/lib", "usr/share/mysql")
ROOT_FOR_LOOPBACK = """\
CREATE USER IF NOT EXISTS 'root'@'127.0.0.1';
GRANT ALL ON *.* TO 'root'@'127.0.0.1' WITH GRANT OPTION;
GRANT PROXY ON ''@'' TO 'root'@'127.0.0.1' WITH GRANT OPTION;
"""


class MySqlUnavailable(Exception):
    """MySQL can't be had on this machine; the text is the reason."""


@dataclass(frozen=True)
class MySqlInstallation:
    """The unpacked packages, their loader, and what the server calls itself."""

    prefix: Path
    loader: Path
    version: str

    def command(self, *arguments: str) -> list[str]:
        """Return the server's command line, with what every start needs."""
        libraries = [self.loader.parent, self.prefix / "usr/lib/mysql/private"]
        return [
            *(str(self.loader), "--library-path", ":".join(map(str, libraries))),
            *(str(self.prefix / "usr/sbin/mysqld"), "--no-defaults", *arguments),
            *(f"--basedir={self.prefix / 'usr'}", "--secure-file-priv="),
            f"--lc-messages-dir={self.prefix / 'usr/share/mysql'}",
            *(["--user=mysql"] if os.geteuid() == 0 else []),
        ]


def installation() -> MySqlInstallation | None:
    """Return an installation, or None with the reason on standard error."""
    try:
        return obtain()
    except MySqlUnavailable as error:
        print(f"MySQL is not available: {error}", file=sys.stderr)
        return None


def obtain() -> MySqlInstallation:
    """Return the cached installation, downloading it where there is none yet.

    Raises:
        MySqlUnavailable: it can't be had here, or not in time.
    """
    cache = _cache()
    try:
        cache.mkdir(parents=True, exist_ok=True)
        with (cache / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            prefix = cache / "prefix"
            if not prefix.is_dir():
                _download(cache, prefix)
            return _installed(prefix)
    except subprocess.CalledProcessError as error:
        said = (error.stderr or error.stdout or b"").decode(errors="replace").strip()
        raise MySqlUnavailable(f"{error.cmd[0]} failed: {said[-300:]}") from error
    except (OSError, subprocess.SubprocessError) as error:
        raise MySqlUnavailable(str(error)) from error


def _cache() -> Path:
    home = os.environ.get("SYNC_PIPELINE_TEST_CACHE")
    return (Path(home) if home else Path.home() / ".cache" / "sync_pipeline_tests") / "mysql"


def _installed(prefix: Path) -> MySqlInstallation:
    loaders = sorted(prefix.glob("usr/lib/*-linux-gnu*/ld-linux*.so.*"))
    if not loaders:
        raise MySqlUnavailable(f"no dynamic loader below {prefix}")
    found = MySqlInstallation(prefix, loaders[0], "")
    told = subprocess.run(found.command("--version"), capture_output=True, check=True, timeout=30)
    return MySqlInstallation(prefix, loaders[0], told.stdout.decode().partition("Ver ")[2].strip())


def _download(cache: Path, prefix: Path) -> None:
    missing = [tool for tool in ("apt-get", "dpkg") if shutil.which(tool) is None]
    if missing or not KEYRING.exists():
        raise MySqlUnavailable("this is not a Debian machine: apt, dpkg and Debian's keys are used")
    ends_at = time.monotonic() + DOWNLOAD_SECONDS
    work = cache / "work"
    shutil.rmtree(work, ignore_errors=True)
    for name in ("lists/partial", "archives/partial", "unpacked", "kept"):
        (work / name).mkdir(parents=True)
    environment = {**os.environ, "APT_CONFIG": str(_apt_root(work)), "LC_ALL": "C"}

    def run(*command: str) -> None:
        subprocess.run(
            command,
            env=environment,
            check=True,
            capture_output=True,
            stdin=subprocess.DEVNULL,
            timeout=max(1.0, ends_at - time.monotonic()),
        )

    run("apt-get", "-q", "update")
    run("apt-get", "-q", "-y", "--download-only", "install", "mysql-server-core")
    for package in sorted((work / "archives").glob("*.deb")):
        run("dpkg", "-x", str(package), str(work / "unpacked"))
    for name in KEPT:
        (work / "kept" / name).parent.mkdir(parents=True, exist_ok=True)
        (work / "unpacked" / name).rename(work / "kept" / name)
    (work / "kept").rename(prefix)
    shutil.rmtree(work, ignore_errors=True)


def _apt_root(work: Path) -> Path:
    """Write the configuration of an apt that knows unstable alone and has nothing installed."""
    (work / "status").touch()
    (work / "sources.list").write_text(f"deb [signed-by={KEYRING}] {_mirror()} unstable main\n")
    settings = {
        "Dir::Etc::sourcelist": work / "sources.list",
        "Dir::Etc::sourceparts": "/dev/null",
        "Dir::Etc::preferences": "/dev/null",
        "Dir::Etc::preferencesparts": "/dev/null",
        "Dir::State::lists": work / "lists",
        "Dir::State::status": work / "status",
        "Dir::Cache::archives": work / "archives",
        "Dir::Cache::pkgcache": "",
        "Dir::Cache::srcpkgcache": "",
        "APT::Install-Recommends": "false",
        "APT::Sandbox::User": "root",
        "Acquire::Retries": "1",
    }
    config = work / "apt.conf"
    config.write_text("".join(f'{name} "{value}";\n' for name, value in settings.items()))
    return config


def _mirror() -> str:
    """Return the Debian mirror that this machine's own apt uses."""
    told = subprocess.run(
        ["apt-get", "indextargets", "--format", "$(CREATED_BY) $(REPO_URI)"],
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )
    for line in told.stdout.splitlines():
        kind, _, uri = line.partition(" ")
        if kind == "Packages" and uri.rstrip("/").endswith("/debian"):
            return uri
    raise MySqlUnavailable("apt of this machine names no mirror of Debian")


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
    subprocess.run(
        found.command(data, "--initialize-insecure"), check=True, capture_output=True, timeout=120
    )
    script = directory.with_name(f"{directory.name}.sql")
    script.write_text(ROOT_FOR_LOOPBACK)
    process = start(
        found.command(
            data,
            *("--bind-address=127.0.0.1", f"--port={port}", "--skip-name-resolve"),
            *("--mysqlx=OFF", "--disable-log-bin", "--innodb-flush-log-at-trx-commit=0"),
            *(f"--socket={directory / 'socket'}", f"--pid-file={directory / 'pid'}"),
            f"--init-file={script}",
            *options,
        ),
        directory.with_name(f"{directory.name}.log"),
        lambda: _answers(port),
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


def _answers(port: int) -> bool:
    try:
        with pymysql.connect(host="127.0.0.1", port=port, user="root", connect_timeout=2):
            return True
    except pymysql.Error:
        return False
