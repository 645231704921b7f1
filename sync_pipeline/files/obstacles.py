"""What keeps files and databases from being read or written, and what ends it.

The operating system says it by a number (errno(3)), SQLite by a result code
(https://www.sqlite.org/rescode.html), PostgreSQL by an SQLSTATE (its manual, appendix A). SQLite
tells a full disk from a broken one only where it wrote: without room for the file of its shared
memory it says "disk I/O error", and without a free descriptor "unable to open database file".
So the disk and the process are looked at too.
"""

from __future__ import annotations

import errno
import os
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

LEAST_ROOM_BYTES = 65_536
"""What SQLite needs beside a database (32 KiB of shared memory) and a little to write."""
DESCRIPTORS_OF_SQLITE = 8
DEEPEST = 10
_RESULT = 0xFF
_RDONLY_STATE, _FULL_STATE, _IO_STATE = "25006", "53100", "58030"
_RIGHTS_STATE, _SCHEMA_STATE = "42501", "3F000"


@dataclass(frozen=True, slots=True)
class Obstacle:
    """What is in the way, as the rest of a sentence about a file, and what to do."""

    what: str
    hint: str


FULL = Obstacle("its disk is full", "Make room on it")
QUOTA = Obstacle("the disk quota of its user is used up", "Make room, or raise the quota")
READ_ONLY = Obstacle(
    "it is read-only", "Mount its file system for writing, or let this user write to its files"
)
BROKEN = Obstacle("its disk reports an error", "See the kernel's log (dmesg) and check the disk")
DESCRIPTORS = Obstacle(
    "this process may open no more files", "Raise the limit of open files (ulimit -n)"
)
FORBIDDEN = Obstacle("this user may not use its files", "Give this user the files")
TOO_LARGE = Obstacle(
    "a file reached the size that a file may have", "Raise the limit of file sizes (ulimit -f)"
)
RIGHTS = Obstacle(
    "its account has not the rights for that",
    "Make the account of SYNC_PIPELINE_STORE_URL the owner of the tables and of their schema",
)
SCHEMA = Obstacle(
    "the schema for its tables is not there",
    "Make the schema, or name another one in SYNC_PIPELINE_STORE_URL (search_path)",
)
MEMORY = Obstacle("the process has no memory left", "Give it more memory")

_OF_ERRNO = {
    errno.ENOSPC: FULL,
    errno.EDQUOT: QUOTA,
    errno.EROFS: READ_ONLY,
    errno.EIO: BROKEN,
    errno.EMFILE: DESCRIPTORS,
    errno.ENFILE: DESCRIPTORS,
    errno.EACCES: FORBIDDEN,
    errno.EPERM: FORBIDDEN,
    errno.EFBIG: TOO_LARGE,
    errno.ENOMEM: MEMORY,
}
_OF_SQLITE = {
    sqlite3.SQLITE_FULL: FULL,
    sqlite3.SQLITE_READONLY: READ_ONLY,
    sqlite3.SQLITE_IOERR: BROKEN,
    sqlite3.SQLITE_PERM: FORBIDDEN,
    sqlite3.SQLITE_NOMEM: MEMORY,
}
_OF_STATE = {
    _RDONLY_STATE: READ_ONLY,
    _FULL_STATE: FULL,
    _IO_STATE: BROKEN,
    _RIGHTS_STATE: RIGHTS,
    _SCHEMA_STATE: SCHEMA,
}


def obstacle_of(error: BaseException | None, place: Path | None = None) -> Obstacle | None:
    """Return what was in the way of a file or a database, from what was raised; None: another.

    `place` is the file, or the directory, that an SQLite database is in.
    """
    for item in _chain(error):
        found = _of_one(item, place)
        if found is not None:
            return found
    return None


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an error and what caused it: a driver's own is `orig` in SQLAlchemy's."""
    for _ in range(DEEPEST):
        if error is None:
            return
        yield error
        origin = getattr(error, "orig", None)
        error = origin if isinstance(origin, BaseException) else _cause(error)


def _cause(error: BaseException) -> BaseException | None:
    return error.__cause__ or error.__context__


def _of_one(error: BaseException, place: Path | None) -> Obstacle | None:
    if isinstance(error, OSError):
        return _OF_ERRNO.get(error.errno or 0)
    code = getattr(error, "sqlite_errorcode", None)
    if isinstance(code, int):
        return _of_sqlite(code & _RESULT, place)
    return _OF_STATE.get(getattr(error, "sqlstate", None) or "")


def _of_sqlite(result: int, place: Path | None) -> Obstacle | None:
    found = _OF_SQLITE.get(result)
    if result in (sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN):
        return _seen(place) or found
    return found


def _seen(place: Path | None) -> Obstacle | None:
    """Return what can be seen from here where SQLite does not say it."""
    if _has_no_descriptors():
        return DESCRIPTORS
    if place is None:
        return None
    directory = place if place.is_dir() else place.parent
    try:
        room = os.statvfs(directory)
    except OSError as error:
        return _OF_ERRNO.get(error.errno or 0)
    if room.f_flag & os.ST_RDONLY:
        return READ_ONLY
    if room.f_bavail * room.f_frsize < LEAST_ROOM_BYTES:
        return FULL
    return None if os.access(directory, os.W_OK | os.X_OK) else FORBIDDEN


def _has_no_descriptors() -> bool:
    """Return whether this process is at its limit: SQLite has closed what it had by now."""
    opened: list[int] = []
    try:
        opened.extend(
            os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC) for _ in range(DESCRIPTORS_OF_SQLITE)
        )
    except OSError:
        return True
    finally:
        for descriptor in opened:
            os.close(descriptor)
    return False
