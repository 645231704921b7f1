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
_PRIVATE = 0o600


def open_lock(path: Path) -> int:
    """Return a descriptor of a lock file, made for its owner alone where there is none.

    Nothing is written to it, and a link or a pipe that another user put there is not used.

    Raises:
        OSError: it can't be opened, or is no file.
    """
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    descriptor = os.open(path, flags, _PRIVATE)
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


@contextmanager
def exclusive(path: Path) -> Iterator[None]:
    """Hold a lock file, which one process and thread at a time may have; wait for it.

    The file is made for its owner alone, nothing is written to it, and it stays. A link, and in
    a directory where others write too a file of theirs, is not used. It is `flock`, which the
    kernel gives back with the process that had it, or nothing: a lock that is only a file would
    outlive it.

    Raises:
        OSError: it can't be opened or is no file, or the file system has no such locks.
    """
    # Not before a lock is taken: `--help` has none.
    from filelock import FileLock  # noqa: PLC0415

    # Where none can be made it would wait without end, and it locks a pipe as well.
    os.close(open_lock(path))
    with FileLock(path, mode=_PRIVATE, fallback_to_soft=False, poll_interval=SECONDS_BETWEEN_LOOKS):
        yield
