"""Making a directory whole or not at all, for its owner alone from the first moment."""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from sync_pipeline.files.atomic import new_partial_of, partials_of
from sync_pipeline.files.private import DIRECTORY

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


@contextmanager
def whole_directory(final: Path) -> Iterator[Path]:
    """Yield a directory that gets the name `final` when the block ends without an error.

    What killed ones left beside it is taken away.

    Raises:
        OSError: something stands there, or it can't be made.
    """
    if os.path.lexists(final):
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(final))
    with partial_directory(final) as partial:
        yield partial
        for path in partial.iterdir():
            _synchronize(path)
        _synchronize(partial)
        os.rename(partial, final)  # noqa: PTH104 - `Path.rename` says the same; a link is refused
        synchronize(final.parent)


@contextmanager
def partial_directory(final: Path) -> Iterator[Path]:
    """Yield a directory beside `final`, for this user alone, that is gone when the block ends.

    Its name can't be guessed and must not exist. It is locked while it is in use, so that another
    one knows what a killed one has left.

    Raises:
        OSError: it can't be made.
    """
    _take_away_left(final)
    partial = new_partial_of(final)
    partial.mkdir(mode=DIRECTORY)
    descriptor = os.open(partial, _DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.fchmod(descriptor, DIRECTORY)
        yield partial
    finally:
        shutil.rmtree(partial, ignore_errors=True)
        os.close(descriptor)


def _take_away_left(final: Path) -> None:
    for path in partials_of(final):
        with suppress(OSError):
            found = path.lstat()
            if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
                continue
            descriptor = os.open(path, _DIRECTORY)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(path, ignore_errors=True)
            finally:
                os.close(descriptor)


def synchronize(directory: Path) -> None:
    """Write to the disk which names a directory has; it may be a link that its user made.

    Raises:
        OSError: it is none, or it can't be written.
    """
    _synchronize(directory, os.O_DIRECTORY)


def _synchronize(path: Path, flags: int = os.O_NOFOLLOW) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | flags)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
