"""What a tree of processes uses, from /proc."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")
_GONE = (FileNotFoundError, ProcessLookupError, PermissionError)


def descendants(pid: int) -> Iterator[int]:
    """Yield the processes below one, as they are now."""
    children: list[int] = []
    with suppress(*_GONE):
        for task in Path(f"/proc/{pid}/task").iterdir():
            children += map(int, (task / "children").read_text().split())
    for child in children:
        yield child
        yield from descendants(child)


def cpu_seconds(pid: int) -> float:
    """Return the CPU seconds of a process, those below it, and those it has waited for."""
    return sum(map(_own_cpu_seconds, (pid, *descendants(pid))))


def _own_cpu_seconds(pid: int) -> float:
    with suppress(*_GONE):
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
        return sum(map(int, fields[11:15])) / _TICKS
    return 0.0


def resident_bytes(pid: int) -> int:
    """Return the memory of the processes below one; what they share is counted once."""
    return sum(map(_proportional_bytes, descendants(pid)))


def _proportional_bytes(pid: int) -> int:
    with suppress(*_GONE):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    return 0
