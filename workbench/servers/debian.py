"""Servers of other Debian releases, unpacked into a cache and never installed.

A release of Debian has one version of a server, and no MySQL at all. The packages are taken from
the mirror that this machine's apt uses, into an apt root of our own, and run through their own
dynamic loader. Whatever goes wrong here means "not available", with its reason.
"""

from __future__ import annotations

import fcntl
import os
import shlex
import shutil
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

DOWNLOAD_SECONDS = 180
KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")


class Unavailable(Exception):
    """A server can't be had on this machine; the text is the reason."""


@dataclass(frozen=True)
class DebianPackage:
    """A server's package, the release that has it, and what of it the tests need.

    `name` is its folder in the cache. `suite` may name more than one, the newest first. `kept`
    are paths below the root; one that the release does not have is left out. `called` are
    programs that others of the package call by path, and `without` are packages that it depends
    on and the server does not use.
    """

    name: str
    package: str
    suite: str
    kept: tuple[str, ...]
    called: tuple[str, ...] = ()
    without: tuple[str, ...] = ()


@dataclass(frozen=True)
class Unpacked:
    """The files of a package and of all that it depends on, and their dynamic loader."""

    prefix: Path
    loader: Path

    def command(self, program: str, *more_libraries: str) -> list[str]:
        """Return the command line of a program, by its path below the root."""
        ours = self.loader.parent
        libraries = [ours, self.prefix / "usr" / "lib" / ours.name]
        libraries += [self.prefix / path for path in more_libraries]
        path = ":".join(map(str, libraries))
        return [str(self.loader), "--library-path", path, str(self.prefix / program)]


def obtain(wanted: DebianPackage) -> Unpacked:
    """Return the unpacked package, downloading it where the cache has none yet.

    Raises:
        Unavailable: it can't be had here, or not in time.
    """
    cache = _cache() / wanted.name
    try:
        cache.mkdir(parents=True, exist_ok=True)
        with (cache / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            prefix = cache / "prefix"
            if not prefix.is_dir():
                _download(wanted, cache, prefix)
            return Unpacked(prefix, _loader(prefix))
    except subprocess.CalledProcessError as error:
        said = (error.stderr or error.stdout or b"").decode(errors="replace").strip()
        raise Unavailable(f"{error.cmd[0]} failed: {said[-300:]}") from error
    except (OSError, subprocess.SubprocessError) as error:
        raise Unavailable(str(error)) from error


def _cache() -> Path:
    """Return where the packages are kept: for root, where the servers' users may read too."""
    named = os.environ.get("SYNC_PIPELINE_TEST_CACHE")
    home = Path("/var/cache") if os.geteuid() == 0 else Path.home() / ".cache"
    return Path(named) if named else home / "sync_pipeline_tests"


def _loader(prefix: Path) -> Path:
    found = sorted(prefix.glob("*/*-linux-gnu*/ld-linux*.so.*"))
    found += sorted(prefix.glob("usr/lib/*-linux-gnu*/ld-linux*.so.*"))
    if not found:
        raise Unavailable(f"no dynamic loader below {prefix}")
    return found[0]


def _download(wanted: DebianPackage, cache: Path, prefix: Path) -> None:
    missing = [tool for tool in ("apt-get", "dpkg") if shutil.which(tool) is None]
    if missing or not KEYRING.exists():
        raise Unavailable("this is not a Debian machine: apt, dpkg and Debian's keys are used")
    ends_at = time.monotonic() + DOWNLOAD_SECONDS
    work = cache / "work"
    shutil.rmtree(work, ignore_errors=True)
    for name in ("lists/partial", "archives/partial", "unpacked", "kept"):
        (work / name).mkdir(parents=True)
    config = _apt_root(work, wanted)
    environment = {**os.environ, "APT_CONFIG": str(config), "LC_ALL": "C"}

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
    newest = wanted.suite.split()[0]
    run("apt-get", "-q", "-y", "-t", newest, "--download-only", "install", wanted.package)
    for package in sorted((work / "archives").glob("*.deb")):
        run("dpkg", "-x", str(package), str(work / "unpacked"))
    for name in filter(lambda name: (work / "unpacked" / name).exists(), wanted.kept):
        (work / "kept" / name).parent.mkdir(parents=True, exist_ok=True)
        (work / "unpacked" / name).rename(work / "kept" / name)
    for name in wanted.called:
        _run_through_loader(work / "kept", prefix, name)
    (work / "kept").rename(prefix)
    shutil.rmtree(work, ignore_errors=True)


def _run_through_loader(kept: Path, prefix: Path, name: str) -> None:
    """Put a script in a program's place that runs it through its own loader."""
    program = kept / name
    program.rename(program.with_name(f"{program.name}.real"))
    files = Unpacked(prefix, prefix / _loader(kept).relative_to(kept))
    command = shlex.join(files.command(f"{name}.real"))
    program.write_text(f'#!/bin/sh\nexec {command} "$@"\n')
    program.chmod(0o755)


def _apt_root(work: Path, wanted: DebianPackage) -> Path:
    """Write the configuration of an apt that knows one release and has nothing installed.

    What the server does not use counts as installed, so that it is not downloaded.
    """
    installed = "Status: install ok installed\nArchitecture: all\nVersion: 9999\n"
    status = "".join(f"Package: {name}\n{installed}\n" for name in wanted.without)
    (work / "status").write_text(status)
    source = f"deb [signed-by={KEYRING}] {_mirror()}"
    sources = "".join(f"{source} {name} main\n" for name in wanted.suite.split())
    (work / "sources.list").write_text(sources)
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
    raise Unavailable("apt of this machine names no mirror of Debian")
