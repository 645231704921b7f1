"""Every Python that the package may be installed with, where this machine has it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

VERSIONS = ("3.11", "3.12", "3.13")
_ASKED = "import ensurepip, sys; print('.'.join(map(str, sys.version_info[:2])))"


@cache
def interpreter(version: str) -> str | None:
    """Return a program of a version that can make environments with pip; None: none is here."""
    return next((found for found in _candidates(version) if _says(found) == version), None)


def _candidates(version: str) -> Iterator[str]:
    if version == ".".join(map(str, sys.version_info[:2])):
        yield sys.executable
    name = f"python{version}"
    # Shims of pyenv answer for the version that is chosen alone, so its own folders are looked at.
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    for folder in (pyenv / "versions", Path.home() / ".local/share/uv/python"):
        yield from map(str, sorted(folder.glob(f"*{version}.*/bin/{name}")))
    yield from filter(None, [shutil.which(name)])


def _says(program: str) -> str:
    try:
        done = subprocess.run(
            [program, "-I", "-c", _ASKED], capture_output=True, text=True, timeout=60, check=False
        )
    except OSError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
