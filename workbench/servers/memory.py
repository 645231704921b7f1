"""Temporary files of the tests in memory: their servers and stores wait for disks most of all."""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from pathlib import Path

TEMPORARY = "PYTEST_DEBUG_TEMPROOT"
"""Where pytest has its temporary directories: its documentation of `tmp_path`."""
SHARED = Path("/dev/shm")
NEEDED = 6 * 2**30
"""Bytes; a whole run has used less than half of it."""


def use_memory() -> None:
    """Have pytest's temporary directories in memory, where nobody has named another place."""
    if TEMPORARY in os.environ:
        return
    remove_what_is_dead(SHARED)
    if has_room(SHARED, NEEDED):
        os.environ[TEMPORARY] = str(SHARED)


def remove_what_is_dead(directory: Path) -> None:
    """Remove what runs have left that were killed: pytest does so after three days."""
    for lock in directory.glob("pytest-of-*/pytest-*/.lock"):
        # It has the number of its process. Another user's may be out of reach.
        with suppress(OSError, ValueError):
            if not Path(f"/proc/{int(lock.read_text())}").exists():
                shutil.rmtree(lock.parent)


def has_room(directory: Path, needed: int, mounts: Path = Path("/proc/self/mounts")) -> bool:
    """Return whether a directory is in memory that has room, and programs in it can run."""
    try:
        found = [line.split() for line in mounts.read_text().splitlines()]
        options = [fields[3] for fields in found if fields[1:3] == [str(directory), "tmpfs"]]
        room = os.statvfs(directory)
    except OSError:
        return False
    is_fit = bool(options) and not {"noexec", "ro"} & set(options[-1].split(","))
    return is_fit and min(room.f_bavail * room.f_frsize, _available()) >= needed


def _available() -> int:
    """Return the bytes of memory that are free for programs: proc_meminfo(5)."""
    lines = Path("/proc/meminfo").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:"))
