"""Reading files that others name: never for ever, and never more than there is room for."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

LARGEST_SECRET = 65_536
LARGEST_TEXT = 64 * 2**20


def read_file(path: Path | str, most_bytes: int) -> tuple[bytes, os.stat_result]:
    """Return what a file holds, and what it is.

    Raises:
        OSError: it can't be read, is a pipe or a device, or is larger than `most_bytes`.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            raise OSError(errno.EINVAL, "it is no file", str(path))
        content = file.read(most_bytes + 1)
    if len(content) > most_bytes:
        raise OSError(errno.EFBIG, f"it is larger than {most_bytes} bytes", str(path))
    return content, found
