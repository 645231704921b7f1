"""Where the tests have their temporary files."""

from __future__ import annotations

from pathlib import Path

import pytest

from workbench.servers.memory import has_room


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
