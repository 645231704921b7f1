"""Where the tests have their temporary files."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from workbench.servers.memory import has_room, remove_what_is_dead


@pytest.mark.parametrize(
    ("kind", "options", "needed", "expected"),
    [
        ("tmpfs", "rw,relatime", 1, True),
        ("tmpfs", "rw,nosuid,noexec", 1, False),
        ("tmpfs", "ro", 1, False),
        ("ext4", "rw", 1, False),
        ("tmpfs", "rw", 2**60, False),
    ],
)
def test_memory_is_used_where_it_has_room_and_runs_programs(
    tmp_path: Path, kind: str, options: str, needed: int, expected: bool
) -> None:
    mounts = tmp_path / "mounts"
    mounts.write_text(f"/dev/vda / ext4 rw 0 0\nnone {tmp_path} {kind} {options} 0 0\n")
    assert has_room(tmp_path, needed, mounts) is expected


def test_a_machine_without_it_is_no_error(tmp_path: Path) -> None:
    assert not has_room(tmp_path / "none", 1)
    assert not has_room(tmp_path, 1, mounts=tmp_path / "none")


def test_what_killed_runs_have_left_is_removed(tmp_path: Path) -> None:
    """And nothing of a run that lives, or that ended by itself: that has no lock."""
    dead = subprocess.Popen(["true"])
    dead.wait()
    kept = [tmp_path / "pytest-of-me" / name for name in ("pytest-1", "pytest-2", "pytest-3")]
    killed = tmp_path / "pytest-of-you" / "pytest-1"
    for directory in (*kept, killed):
        (directory / "popen-gw0").mkdir(parents=True)
    for directory, text in ((kept[0], str(os.getpid())), (kept[1], "?"), (killed, str(dead.pid))):
        (directory / ".lock").write_text(text)
    remove_what_is_dead(tmp_path)
    assert not killed.exists()
    assert all((directory / "popen-gw0").exists() for directory in kept)
