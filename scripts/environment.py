"""Make the virtual environment from the lock, and find the servers that tests need.

Only the standard library is used: this runs before anything is installed.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
PIP = (str(PYTHON), "-m", "pip", "--disable-pip-version-check")
LOCKS = ROOT / "requirements"
OLDEST, NEWEST = (3, 11), (3, 13)

# Debian package by the program that shows that it is there.
TEST_PROGRAMS = {
    "mariadbd": "mariadb-server",
    "chromium": "chromium",
    "redis-server": "redis-server",
    "zsh": "zsh",
}
# What no test shows where a package is missing.
LOST = {
    "mariadb-server": "every run, command and page with a MariaDB in the fleet",
    "chromium": "the pages in a browser",
    "redis-server": "the workers on several machines",
    "zsh": "the completion of names in zsh",
    "unixodbc": "every connection to SQL Server",
    "tdsodbc": "SQL Server through FreeTDS",
}
# Debian package by a file that shows that it is there, in any of the library directories:
# the ODBC driver manager, and the driver FreeTDS for SQL Server.
TEST_LIBRARIES = {
    "libodbc.so.2": "unixodbc",
    "odbc/libtdsodbc.so": "tdsodbc",
}
LIBRARY_DIRECTORIES = ("/usr/lib", "/usr/lib64", "/usr/local/lib")
SEARCH_PATH = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"])


def say(text: str) -> None:
    """Print one line of progress."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def run(*command: str | Path) -> None:
    """Run a command in the checkout; a failure ends this program with its status."""
    done = subprocess.run([str(part) for part in command], cwd=ROOT, check=False)
    if done.returncode:
        sys.exit(done.returncode)


def index_of_pip() -> dict[str, str]:
    """Return, in the words of uv, the index that pip was told of in the place of PyPI."""
    told = subprocess.run([*PIP, "config", "list"], capture_output=True, text=True, check=False)
    # What is in the environment goes before what is in files.
    lines = sorted(told.stdout.splitlines(), key=lambda line: line.startswith(":env:"))
    found = [said for line in lines if (said := re.fullmatch(r"\S+\.index-url='(.+)'", line))]
    return {"UV_DEFAULT_INDEX": found[-1][1]} if found else {}


def is_installed_by_uv(lock: Path) -> bool:
    """Install what a lock names, and the project; return whether that could be done.

    It takes a quarter of the time of pip, and works on all cores.
    """
    quiet = ("--quiet", "--python", str(PYTHON))
    locked = ("--no-deps", "--require-hashes", "--requirement")
    project = ("--no-deps", "--build-constraints", str(LOCKS / "build.txt"), "--editable")
    uv = (str(VENV / "bin" / "uv"), "pip")
    commands = [
        (*PIP, "install", "--quiet", "--no-compile", *locked, str(LOCKS / "installer.txt")),
        (*uv, "install", *quiet, *locked, str(lock)),
        (*uv, "install", *quiet, *project, str(ROOT)),
    ]
    # Files are linked from it, and not copied; in a place of its own, so that no other has them.
    with tempfile.TemporaryDirectory(dir=VENV) as cache:
        environment = {**index_of_pip(), **os.environ, "UV_CACHE_DIR": cache}
        return all(
            subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode == 0
            for command in commands
        )


def install_by_pip(lock: Path) -> None:
    """Install what a lock names, and the project, where there is no uv or it knows no way out.

    The lock names every package, so pip resolves nothing: left to resolve, its hash check refuses
    a dependency asked for with an extra (gql[requests]) that the lock pins without one.
    """
    install = (*PIP, "install", "--quiet")
    # Python compiles what is imported when it is; pip compiles all, of which most never is.
    run(*install, "--no-compile", "--no-deps", "--require-hashes", "--requirement", lock)
    run(*install, "--no-deps", "--editable", ROOT)


def install(lock: Path) -> None:
    """Install what a lock names, and the project; a failure ends this program."""
    if not is_installed_by_uv(lock):
        say("uv could not install them; pip does, which takes longer")
        install_by_pip(lock)


def ensure_environment(requirements: str) -> None:
    """Install the locked requirements and the project into `.venv`, once a change."""
    if not OLDEST <= sys.version_info[:2] <= NEWEST:
        sys.exit(f"Python 3.11 to 3.13 is needed; this is {sys.version.split()[0]}.")
    lock = LOCKS / requirements
    stamp = VENV / f".installed-{requirements}"
    digest = hashlib.sha256(
        lock.read_bytes() + (ROOT / "pyproject.toml").read_bytes() + sys.version.encode()
    ).hexdigest()
    if stamp.is_file() and stamp.read_text() == digest:
        return
    if not PYTHON.exists():
        say(f"Making a virtual environment in {VENV}")
        run(sys.executable, "-m", "venv", VENV)
    say(f"Installing the locked packages of {lock.relative_to(ROOT)}")
    install(lock)
    run(*PIP, "check")
    stamp.write_text(digest)


def has_library(file: str) -> bool:
    """Return whether a library is there, beside the machine's own directory of libraries."""
    return any(
        path.exists()
        for directory in map(Path, LIBRARY_DIRECTORIES)
        for path in (directory / file, *directory.glob(f"*-linux-gnu*/{file}"))
    )


def missing(packages: list[str]) -> str:
    """Return the sentence that says what can't be installed here, and what is lost by it."""
    lost = "; ".join(f"{name} (lost: {LOST[name]})" for name in packages)
    return f"Without root and apt these can't be installed, and their tests will fail: {lost}."


def ensure_programs() -> None:
    """Install the Debian packages that the tests need, as root; say what is missing."""
    packages = [
        package
        for program, package in TEST_PROGRAMS.items()
        if shutil.which(program, path=SEARCH_PATH) is None
    ]
    packages += [package for file, package in TEST_LIBRARIES.items() if not has_library(file)]
    if not packages:
        return
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        say(missing(packages))
        return
    say(f"Installing {', '.join(packages)}")
    os.environ["DEBIAN_FRONTEND"] = "noninteractive"
    run("apt-get", "update", "-qq")
    # A package that starts a server of its own on a shared port would be in the way.
    policy = Path("/usr/sbin/policy-rc.d")
    made_policy = not policy.exists()
    if made_policy:
        policy.write_text("#!/bin/sh\nexit 101\n")
        policy.chmod(0o755)
    try:
        run("apt-get", "install", "-y", "-qq", "--no-install-recommends", *packages)
    finally:
        if made_policy:
            policy.unlink()
