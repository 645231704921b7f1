"""Copies of a store in SQLite, and a rename in the place of the store.

They are made by SQLite's own online backup (its manual, "Using the SQLite Online Backup API").
"""

from __future__ import annotations

import errno
import os
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

from sync_pipeline.errors import (
    ConfigurationError,
    LeaseHeld,
    Phase,
    StoreDamaged,
)
from sync_pipeline.files.locks import exclusive
from sync_pipeline.files.private import make_private, make_private_file
from sync_pipeline.files.whole_directory import synchronize
from sync_pipeline.model.backup import Kept
from sync_pipeline.store.database import Database, newest_revision
from sync_pipeline.store.looking import GIVEN
from sync_pipeline.store.untouched import beside, file_of

_ROOT = 0
_BUSY_SECONDS = 60.0
_SECONDS_FOR_OTHERS = 2.0
_NOT_SOUND = (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT)


@dataclass(frozen=True, slots=True)
class SqliteKeeper:
    """The file of a store."""

    database: Database
    kind: str = "sqlite"
    file: str = "store.db"

    @property
    def path(self) -> Path:
        """Return the file itself, where its name is a link."""
        return file_of(self.database.url).resolve()

    def copy(self, target: Path) -> Kept:
        """See `Keeper.copy`. It holds nobody up: writers go on in the log."""
        path = self.path
        if not path.is_file():
            raise _missing(path)
        try:
            make_private_file(target)
            with closing(_opened(path, "rw")) as read, closing(_opened(target, "rw")) as written:
                # In one step: it reads one state, and never begins anew.
                read.backup(written)
                written.execute("PRAGMA journal_mode=DELETE")
            return _kept(target, newest_revision())
        except (sqlite3.Error, OSError) as error:
            if _is_damage(error):
                raise _damaged(path, error) from None
            raise self.database.unavailable(error) from None

    def verify(self, copy: Path) -> Kept:
        """See `Keeper.verify`. A copy with the tables of an older version is given the newest.

        What stands in the store's place is looked at first: to open a pipe may take for ever.
        """
        try:
            _require_replaceable(file_of(self.database.url))
            found = _kept(copy, newest_revision())
            if found.revision != newest_revision():
                upgraded = Database(f"sqlite:///{copy}")
                try:
                    upgraded.upgrade()
                finally:
                    upgraded.close()
                found = _kept(copy, newest_revision())
            with closing(_opened(copy, "rw")) as connection:
                connection.execute("PRAGMA journal_mode=DELETE")
        except (sqlite3.Error, OSError) as error:
            if _is_damage(error):
                raise _damaged(copy, error) from None
            raise self.database.unavailable(error) from None
        return found

    def is_empty(self) -> bool:
        """See `Keeper.is_empty`."""
        path = self.path
        try:
            if not path.exists() or not path.stat().st_size:
                return True
            with closing(_opened(path, "rw")) as connection:
                return not any(_count(connection, table) for table in GIVEN)
        except (sqlite3.Error, OSError) as error:
            if _is_damage(error):
                return False
            raise self.database.unavailable(error) from None

    def replace(self, copy: Path) -> str:
        """See `Keeper.replace`. The old file stays under another name.

        The name `sync_pipeline.db` means the old file or the new one at every moment. Others are
        kept out meanwhile, and the log of the old one is taken into it before: it would be taken
        into the new one else.
        """
        path = self.path
        try:
            make_private(path.parent)
            with exclusive(path.with_name(f"{path.name}.migrating")):
                before = self._put(copy, path)
                synchronize(path.parent)
        except (sqlite3.Error, OSError) as error:
            raise self.database.unavailable(error) from None
        return before

    def close(self) -> None:
        """See `Keeper.close`."""
        self.database.close()

    def _put(self, copy: Path, path: Path) -> str:
        if not os.path.lexists(path):
            _take_beside_away(path)
            copy.replace(path)
            return ""
        with _alone(path):
            before = path.with_name(f"{path.name}.before-{datetime.now(UTC):%Y%m%dT%H%M%S.%f}Z")
            os.link(path, before)
            try:
                _take_beside_away(path)
                copy.replace(path)
            except BaseException:
                if path.samefile(before):
                    before.unlink()
                raise
        return str(before)


def _require_replaceable(path: Path) -> None:
    """Refuse what is no database's file, and a link that another user made.

    Raises:
        OSError: it is one, or can't be looked at.
    """
    with suppress(FileNotFoundError):
        link = path.lstat()
        if stat.S_ISLNK(link.st_mode) and link.st_uid not in (_ROOT, os.geteuid()):
            raise OSError(errno.EPERM, "it is a symbolic link of another user", str(path))
        if not stat.S_ISREG(path.stat().st_mode):
            raise OSError(errno.EINVAL, "it is no file", str(path))


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Keep everybody else out of a database, whose log is empty then.

    A connection in WAL mode holds a lock for as long as it is open (SQLite's manual,
    "Write-Ahead Logging", 2.1), so that this also tells whether there is any. A damaged one keeps
    nobody out, and has nothing to be taken in.

    Raises:
        LeaseHeld: somebody else has it open.
    """
    with closing(_opened(path, "rw", _SECONDS_FOR_OTHERS)) as connection:
        try:
            connection.execute("PRAGMA locking_mode=EXCLUSIVE")
            connection.execute("BEGIN EXCLUSIVE")
            connection.execute("COMMIT")
            connection.execute("PRAGMA journal_mode=DELETE")
            connection.execute("BEGIN EXCLUSIVE")
        except sqlite3.Error as error:
            if getattr(error, "sqlite_errorcode", 0) & 0xFF in (
                sqlite3.SQLITE_BUSY,
                sqlite3.SQLITE_LOCKED,
            ):
                raise LeaseHeld(
                    f"The store {path} is open in another process.",
                    phase=Phase.STORE,
                    hint="Nothing was changed. Stop what uses it (up, console, metrics --serve, "
                    "runs) and run the command again.",
                ) from None
            if not _is_damage(error):
                raise
        yield


def _take_beside_away(path: Path) -> None:
    """Take away what a damaged database, or one that is gone, has left beside its name."""
    for what in ("wal", "shm", "journal"):
        beside(path, what).unlink(missing_ok=True)


def _kept(path: Path, newest: str) -> Kept:
    """Return what a copy is.

    Raises:
        StoreDamaged: it is not whole.
        ConfigurationError: a newer version made it, or it has no tables.
        sqlite3.Error: it can't be read.
    """
    with closing(_opened(path, "rw")) as connection:
        (found,) = connection.execute("PRAGMA integrity_check(1)").fetchone()
        if found != "ok":
            raise _damaged(path, str(found))
        if not _count(connection, "alembic_version"):
            raise ConfigurationError(
                f"{path} has no tables of sync_pipeline.", hint="Nothing was changed."
            )
        (revision,) = connection.execute("SELECT version_num FROM alembic_version").fetchone()
        require_known(str(revision), newest)
        secrets = connection.execute("SELECT secret FROM credentials").fetchall()
    return Kept(str(revision), tuple(str(row[0]) for row in secrets))


def require_known(revision: str, newest: str) -> None:
    """Refuse what a newer version made.

    Raises:
        ConfigurationError: this version does not know these tables.
    """
    if revision > newest:
        raise ConfigurationError(
            f"The backup has tables of the revision {revision}; this version knows up to {newest}.",
            hint="Nothing was changed. Install the version that made it, and restore with that.",
        )


def _count(connection: sqlite3.Connection, table: str) -> int:
    query = "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = ?"
    if not connection.execute(query, (table,)).fetchone()[0]:
        return 0
    found: int = connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]  # noqa: S608 - ours
    return found


def _opened(path: Path, mode: str, seconds: float = _BUSY_SECONDS) -> sqlite3.Connection:
    uri = f"file:{quote(str(path))}?mode={mode}"
    return sqlite3.connect(uri, uri=True, timeout=seconds, isolation_level=None)


def _is_damage(error: BaseException) -> bool:
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in _NOT_SOUND


def _damaged(path: Path, what: object) -> StoreDamaged:
    return StoreDamaged(
        f"{path} is damaged: {what}.",
        phase=Phase.STORE,
        hint="Nothing was changed. Use another backup (docs/backup.md).",
    )


def _missing(path: Path) -> ConfigurationError:
    return ConfigurationError(
        f"There is no store {path}.", hint="Name it with SYNC_PIPELINE_HOME or _STORE_URL."
    )
