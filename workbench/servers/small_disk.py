"""A disk that is small, for tests of what happens when it is full: a file system in memory.

Only root with CAP_SYS_ADMIN may mount one (mount(2)). Elsewhere the limits of a process stand in.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

BLOCK = 4096


@dataclass(frozen=True)
class SmallDisk:
    """A mounted file system, and a file that fills it."""

    path: Path

    def fill(self, left_bytes: int = 0) -> None:
        """Leave so many bytes free (a whole number of blocks)."""
        with (self.path / "filler").open("ab", buffering=0) as filler:
            try:
                while True:
                    filler.write(bytes(BLOCK))
            except OSError:
                filler.truncate(max(filler.tell() - left_bytes, 0))

    def free(self) -> None:
        (self.path / "filler").unlink()

    def remount(self, option: str) -> None:
        subprocess.run(["mount", "-o", f"remount,{option}", str(self.path)], check=True)


@contextmanager
def small_disk(path: Path, size_bytes: int) -> Iterator[SmallDisk]:
    """Mount a disk of this size at a directory, and take it away afterwards."""
    path.mkdir()
    options = f"size={size_bytes},mode=700,uid={os.geteuid()}"
    command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(path)]
    mounted = subprocess.run(command, capture_output=True, text=True, check=False)
    if mounted.returncode:
        pytest.skip(f"no file system can be mounted here: {mounted.stderr.strip()}")
    try:
        yield SmallDisk(path)
    finally:
        subprocess.run(["umount", "--lazy", str(path)], check=True)


def is_one_sentence_of_a_full_disk(err: str) -> bool:
    """Return whether a command said that and nothing else."""
    assert "Traceback" not in err
    assert "sqlalchemy" not in err
    assert len(err.splitlines()) == 1, err
    return "its disk is full" in err and "Make room on it" in err
