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
PIPS = 2
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


def parts_of(lock: str, count: int) -> list[str]:
    """Deal the requirements of a lock out to so many parts.

    Each begins a line with its name, and what belongs to it is indented.
    """
    found = re.findall(r"^[^\s#].*\n(?:[ \t].*\n?)*", f"{lock.rstrip()}\n", re.MULTILINE)
    return ["".join(found[number::count]) for number in range(count)]


def install(lock: Path) -> None:
    """Install what a lock names, and the project, at once: each pip works on one core.

    The lock names every package, so pip resolves nothing: left to resolve, its hash check refuses
    a dependency asked for with an extra (gql[requests]) that the lock pins without one. No package
    of it is another's, nor pip itself, so that none waits for another.
    """
    pip = (str(PYTHON), "-m", "pip", "--disable-pip-version-check", "install", "--quiet")
    # Python compiles what is imported when it is; pip compiles all, of which most never is.
    locked = (*pip, "--no-compile", "--no-deps", "--require-hashes", "--requirement")
    with tempfile.TemporaryDirectory() as directory:
        files = [Path(directory, f"{number}.txt") for number in range(PIPS)]
        for file, part in zip(files, parts_of(lock.read_text(), PIPS), strict=True):
            file.write_text(part)
        commands = [*((*locked, str(file)) for file in files), (*pip, "--no-deps", "-e", str(ROOT))]
        running = [subprocess.Popen(command, cwd=ROOT) for command in commands]
        failed = [process.returncode for process in running if process.wait()]
    if failed:
        sys.exit(failed[0])


def ensure_environment(requirements: str) -> None:
    """Install the locked requirements and the project into `.venv`, once a change."""
    if not OLDEST <= sys.version_info[:2] <= NEWEST:
        sys.exit(f"Python 3.11 to 3.13 is needed; this is {sys.version.split()[0]}.")
    lock = ROOT / "requirements" / requirements
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
    run(PYTHON, "-m", "pip", "check")
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
