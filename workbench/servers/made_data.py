"""Data directories of servers: one of each kind is made in a run of the tests, the rest are copies.

To make one takes a second of CPU (PostgreSQL, MariaDB) or several (MySQL), and gives the same
each time. What differs from server to server, such as a UUID of its own, whoever copies removes.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

PLACE = "WORKBENCH_MADE_DATA"
"""Where a run of the tests, with all its workers, keeps what was made; elsewhere all is made."""


@contextmanager
def kept_in(directory: Path) -> Iterator[None]:
    """Have this process, and those it starts, keep what is made below a directory."""
    directory.mkdir(mode=0o700, exist_ok=True)
    before = os.environ.get(PLACE)
    os.environ[PLACE] = str(directory)
    try:
        yield
    finally:
        del os.environ[PLACE]
        if before is not None:
            os.environ[PLACE] = before


def make_data(data: Path, kind: object, make: Callable[[], object]) -> None:
    """Make a data directory: by `make`, or by a copy of what it made for the same kind before.

    `kind` is everything that what is made depends on, and has a `repr` that says so.
    """
    place = os.environ.get(PLACE)
    if place is None:
        make()
        return
    kept = Path(place, hashlib.sha256(repr(kind).encode()).hexdigest()[:20])
    with kept.with_suffix(".lock").open("w") as lock:
        # Others wait: they would take the same cores for the same.
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not kept.exists():
            make()
            part = kept.with_suffix(".part")
            _copy(data, part)
            part.rename(kept)
            return
    _copy(kept, data)


def _copy(source: Path, target: Path) -> None:
    """Copy all with owners and modes; where there are only zeros, they take no memory."""
    target.mkdir(parents=True, exist_ok=True)
    subprocess.run(["cp", "-a", "--sparse=always", f"{source}/.", str(target)], check=True)
