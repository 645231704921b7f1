"""Writing a file whole or not at all, in a directory that others may write to as well."""

from __future__ import annotations

import errno
import os
import re
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

PRIVATE, PUBLIC = 0o600, 0o666
_PARTIAL = ".partial"
NAME_KEPT = 40
_RANDOM_BYTES = 8
_NEW = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC


def new_partial_of(final: Path) -> Path:
    """Return a name beside `final` that nobody can guess, for what will get that name when whole.

    It has not the whole of the name, which may be as long as a name can be.
    """
    return final.parent / f"{_start_of(final)}{secrets.token_hex(_RANDOM_BYTES)}{_PARTIAL}"


def partials_of(final: Path) -> list[Path]:
    """Return what has such a name now, as where somebody was killed; nothing of another name."""
    pattern = f"{re.escape(_start_of(final))}[0-9a-f]{{{2 * _RANDOM_BYTES}}}{re.escape(_PARTIAL)}"
    with suppress(OSError):
        return [item for item in final.parent.iterdir() if re.fullmatch(pattern, item.name)]
    return []


def _start_of(final: Path) -> str:
    return f".{final.name[:NAME_KEPT]}."


@contextmanager
def replaced(output: Path, *, is_private: bool = False) -> Iterator[BinaryIO]:
    """Yield a new file that takes the place of `output` when the block ends without an error.

    The new file has a name that nobody can guess and that must not exist, so that nothing
    that another user put into the directory is followed or written. A symbolic link at
    `output` is replaced, not followed. The file is for its owner alone where that is asked,
    or where its directory is; otherwise it has the mode that the umask gives.

    Raises:
        OSError: it can't be written, or something that is no file stands there.
    """
    directory = os.open(output.parent, _DIRECTORY)
    try:
        _require_replaceable(output, directory)
        alone = is_private or not stat.S_IMODE(os.fstat(directory).st_mode) & 0o077
        partial = new_partial_of(output).name
        descriptor = os.open(partial, _NEW, PRIVATE if alone else PUBLIC, dir_fd=directory)
        try:
            with os.fdopen(descriptor, "w+b") as file:
                if alone:
                    os.fchmod(file.fileno(), PRIVATE)
                yield file
                file.flush()
                os.fsync(file.fileno())
            os.replace(partial, output.name, src_dir_fd=directory, dst_dir_fd=directory)
        except BaseException:
            with suppress(OSError):
                os.unlink(partial, dir_fd=directory)
            raise
        os.fsync(directory)
    finally:
        os.close(directory)


def _require_replaceable(output: Path, directory: int) -> None:
    """Refuse a directory, a device or a pipe: a file in its place is not what was meant."""
    try:
        mode = os.lstat(output.name, dir_fd=directory).st_mode
    except FileNotFoundError:
        return
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(output))
    if not (stat.S_ISREG(mode) or stat.S_ISLNK(mode)):
        raise OSError(errno.EINVAL, "there is a device, a pipe or a socket", str(output))
