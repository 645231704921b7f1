"""Files whose content decides what is believed: nobody else may change them."""

from __future__ import annotations

import stat
from pathlib import Path


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
