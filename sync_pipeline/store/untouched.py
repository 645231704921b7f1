"""Reading an SQLite database so that no file is made, changed or taken away.

In WAL mode a reader makes the files of the log and of the shared memory where they are missing,
also one that asks for `mode=ro` (SQLite's manual, "Write-Ahead Logging", 7, "Read-Only Databases").
So where nobody has the database open, and its log is empty, it is read as `immutable`; where
somebody has, those files are there.
"""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

from sqlalchemy.engine import URL

from sync_pipeline.errors import Phase, StoreUnavailable

State = tuple[tuple[int, int, int] | None, ...]


def file_of(url: URL) -> Path:
    """Return the file of an SQLite store."""
    name = str(url.database)
    return Path(unquote(urlsplit(name).path) if name.startswith("file:") else name)


def beside(path: Path, what: str) -> Path:
    """Return a file that SQLite keeps beside a database: its `wal`, `shm` or `journal`."""
    return path.with_name(f"{path.name}-{what}")


def state_of(path: Path) -> State:
    """Return what tells whether somebody wrote in between."""
    return tuple(_state(item) for item in (path, beside(path, "wal"), beside(path, "journal")))


def is_alone(path: Path) -> bool:
    """Return whether the file holds all that was written, as far as can be seen."""
    return not any(_size(beside(path, what)) for what in ("wal", "journal"))


def parameters_of(path: Path) -> dict[str, str]:
    """Return the parameters of the URI by which a database is read and nothing is changed.

    Raises:
        StoreUnavailable: it was left in the middle of something that only a writer can end.
    """
    if is_alone(path):
        return {"mode": "ro", "immutable": "1"}
    if _size(beside(path, "wal")) and not beside(path, "shm").exists():
        raise StoreUnavailable(
            f"The store {path} was left with a log that was not taken in yet.",
            phase=Phase.STORE,
            hint="Any other command takes it in, such as `sync-pipeline instances list`.",
        )
    return {"mode": "ro"}


def uri_of(path: Path) -> str:
    """Return that URI, for the driver itself."""
    given = "&".join(f"{key}={value}" for key, value in parameters_of(path).items())
    return f"file:{quote(str(path))}?{given}"


def untouched(url: URL) -> URL:
    """Return the URL by which a store is read and nothing of SQLite's files is changed."""
    if url.get_backend_name() != "sqlite":
        return url
    path = file_of(url)
    found = url.set(database=f"file:{quote(str(path))}", query={})
    return found.update_query_dict({"uri": "true", **parameters_of(path)})


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _state(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns
