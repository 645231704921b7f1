"""Files that others may not change, because they decide what is believed, or may not read."""

from __future__ import annotations

import os
import stat
from pathlib import Path

_ROOT = 0
# Of a file that is root's, not ours, our group may read: a secret that Kubernetes mounts.
# libpq has the same rule for the key of a certificate.
_OWN_MUST_NOT, _ROOTS_MUST_NOT = 0o077, 0o037


def changeable_by_all(path: Path) -> str | None:
    """Return the command that mends a file that every user may change; None where nobody can.

    A directory in which everybody may replace files counts too, unless it is sticky. What
    does not exist can't be changed: who opens it says that it is missing.
    """
    for item in (path, path.parent):
        try:
            mode = item.stat().st_mode
        except OSError:
            continue
        is_guarded = stat.S_ISDIR(mode) and mode & stat.S_ISVTX
        if mode & stat.S_IWOTH and not is_guarded and not stat.S_ISCHR(mode):
            return f"chmod o-w {item}"
    return None


def open_to_others(found: os.stat_result) -> str | None:
    """Return the mode that closes a secret file to others; None where it is closed.

    One that is root's may be read by the group that was given to it.
    """
    is_roots = found.st_uid == _ROOT != os.geteuid()
    if stat.S_IMODE(found.st_mode) & (_ROOTS_MUST_NOT if is_roots else _OWN_MUST_NOT):
        return "640" if is_roots else "600"
    return None
