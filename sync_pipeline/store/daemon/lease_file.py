"""The lease on being the daemon of a store, where it is a file beside an SQLite database.

Whoever does something with the lease locks the file for that moment. It is written in place
and never grows, so that a disk without a byte left stops nobody.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from sync_pipeline.errors import StoreUnavailable
from sync_pipeline.files.locks import open_lock
from sync_pipeline.files.private import make_private
from sync_pipeline.model.daemon_lease import DaemonLease, Holder
from sync_pipeline.store.database import Database

BYTES = 4096
LOCK_SECONDS = 5.0
SECONDS_BETWEEN_LOOKS = 0.02
_TIMES = ("since", "renewed_at", "beside_at")


class FileLease:
    """The file."""

    def __init__(self, database: Database) -> None:
        self._database = database
        name = str(database.url.database)
        path = Path(unquote(urlsplit(name).path) if name.startswith("file:") else name)
        self.path = path.with_name(f"{path.name}.daemon")

    def read(self) -> DaemonLease:
        """Return the lease as it is.

        Raises:
            StoreUnavailable: the file can't be used.
        """
        if not self.path.exists():
            return DaemonLease(0)
        with self._locked() as descriptor:
            return _read(descriptor)

    def take(self, seen: DaemonLease, holder: Holder) -> bool:
        """Give it to a holder if nothing was done with it since `seen`; return whether.

        Raises:
            StoreUnavailable: the file can't be used.
        """
        with self._locked() as descriptor:
            found = _read(descriptor)
            if (found.count, found.holder) != (seen.count, seen.holder):
                return False
            now, takeovers = datetime.now(UTC), found.takeovers + (1 if seen.holder else 0)
            taken = replace(found, holder=holder, since=now, takeovers=takeovers)
            _write(descriptor, taken, renewed=True)
            return True

    def renew(self, holder: Holder) -> bool:
        """Note a sign of its holder; return whether it still is the holder.

        Raises:
            StoreUnavailable: the file can't be used.
        """
        with self._locked() as descriptor:
            found = _read(descriptor)
            if found.holder is None or found.holder.token != holder.token:
                return False
            _write(descriptor, found, renewed=True)
            return True

    def release(self, holder: Holder) -> None:
        """Give it back, where this one has it.

        Raises:
            StoreUnavailable: the file can't be used.
        """
        with self._locked() as descriptor:
            found = _read(descriptor)
            if found.holder is not None and found.holder.token == holder.token:
                _write(descriptor, replace(found, holder=None), renewed=True)

    def note_beside(self) -> None:
        """Note that a daemon without the lease was seen just now.

        Raises:
            StoreUnavailable: the file can't be used.
        """
        with self._locked() as descriptor:
            _write(descriptor, replace(_read(descriptor), beside_at=datetime.now(UTC)))

    def count_replaced(self, process: str) -> None:
        """Count a process that was replaced.

        Raises:
            StoreUnavailable: the file can't be used.
        """
        with self._locked() as descriptor:
            found = _read(descriptor)
            counts = {**found.replaced, process: found.replaced.get(process, 0) + 1}
            _write(descriptor, replace(found, replaced=counts))

    def close(self) -> None:
        """Nothing is kept open."""

    @contextmanager
    def _locked(self) -> Iterator[int]:
        try:
            make_private(self.path.parent)
            descriptor = open_lock(self.path)
            try:
                _lock(descriptor)
                yield descriptor
            finally:
                os.close(descriptor)
        except OSError as error:
            raise self._unavailable(error) from None

    def _unavailable(self, error: OSError) -> StoreUnavailable:
        return self._database.unavailable(error)


def _lock(descriptor: int) -> None:
    deadline = time.monotonic() + LOCK_SECONDS
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise TimeoutError("another process holds the lock of the daemon's lease") from None
            time.sleep(SECONDS_BETWEEN_LOOKS)


def _read(descriptor: int) -> DaemonLease:
    """Return what the file says; one that nobody wrote yet, or half, is a free lease."""
    with suppress(ValueError, TypeError, KeyError, AttributeError):
        found: dict[str, Any] = json.loads(os.pread(descriptor, BYTES, 0))
        for name in _TIMES:
            found[name] = datetime.fromisoformat(found[name]) if found[name] else None
        found["holder"] = Holder(**found["holder"]) if found["holder"] else None
        return DaemonLease(**found)
    return DaemonLease(0)


def _write(descriptor: int, lease: DaemonLease, *, renewed: bool = False) -> None:
    """Write the lease; what is no sign of its holder leaves its count alone."""
    found = asdict(lease)
    if renewed:
        found |= {"count": lease.count + 1, "renewed_at": datetime.now(UTC)}
    found |= {name: found[name].isoformat() if found[name] else None for name in _TIMES}
    os.pwrite(descriptor, json.dumps(found).encode().ljust(BYTES), 0)
