"""Files that processes lock (`flock`); the kernel frees a lock with the process that had it."""

from __future__ import annotations

import errno
import fcntl
import os
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SECONDS_BETWEEN_LOOKS = 0.02


def open_lock(path: Path) -> int:
    """Return a descriptor of a lock file, made for its owner alone where there is none.

    Nothing is written to it, and a link or a pipe that another user put there is not used.

    Raises:
        OSError: it can't be opened, or is no file.
    """
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    descriptor = os.open(path, flags, 0o600)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "a lock must be a file", str(path))
    return descriptor


@contextmanager
def locked_directory(path: Path, wait_seconds: float) -> Iterator[None]:
    """Hold the lock of a directory, which one process and thread at a time may have.

    Raises:
        TimeoutError: another one held it for `wait_seconds`.
        OSError: the directory can't be opened.
    """
    deadline = time.monotonic() + wait_seconds
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise TimeoutError(
                        errno.ETIMEDOUT, "another process holds its lock", str(path)
                    ) from None
                time.sleep(SECONDS_BETWEEN_LOOKS)
        yield
    finally:
        os.close(descriptor)
