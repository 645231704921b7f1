"""The machine on which a process of a run works: noted in the run's log, looked at afterwards.

A process that is killed leaves no word. What its machine counts, before and after, tells how it
ended: the kernel's own id of each start (`/proc/sys/kernel/random/boot_id`, random(4)), and how
many processes it has ended for want of memory (`oom_kill` of the control group's
`memory.events` or `memory.oom_control`, and of `/proc/vmstat`). What a machine does not show is
not known, and nothing is said of it.
"""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Self

LONGEST_NAME = 255
MOST_BYTES = 65_536
UNCOUNTED = -1
SECONDS_BEFORE_ITS_WORD = 600.0
"""From the start of a run's process to the event in which it says so, at most."""
_PROC, _GROUPS = Path("/proc"), Path("/sys/fs/cgroup")
_COUNT = re.compile(r"^oom_kill (\d{1,18})$", re.MULTILINE)
_GROUP = re.compile(r"^\d+:(|[\w,=]*\bmemory\b[\w,=]*):(/.*)$", re.MULTILINE)
_BOOT = re.compile(r"[0-9a-f-]{36}")


class ProcessState(StrEnum):
    """What is seen of a process."""

    GONE = "gone"
    STOPPED = "stopped"
    THERE = "there"


@dataclass(frozen=True, slots=True)
class Machine:
    """A machine since one of its starts, and how many processes it ended for want of memory.

    `group_kills` are those of this process's control group, `kills` those of the machine; below
    0 where they are not counted.
    """

    host: str
    boot: str
    group_kills: int = UNCOUNTED
    kills: int = UNCOUNTED

    @classmethod
    def here(cls) -> Self:
        """Return the machine of this process as it is now."""
        return cls(
            shortened_host(socket.gethostname()),
            _text(_PROC / "sys/kernel/random/boot_id").strip(),
            next(map(_count, _group_files()), UNCOUNTED),
            _count(_PROC / "vmstat"),
        )

    def fields(self) -> dict[str, str | int]:
        """Return what an event of the run's log keeps of it."""
        return {
            "host": self.host,
            "boot": self.boot,
            "group kills": self.group_kills,
            "kills": self.kills,
        }

    @classmethod
    def of_fields(cls, fields: Mapping[str, Any]) -> Self | None:
        """Return what `fields` wrote; None where it is something else: a log can be written to."""
        host, boot = fields.get("host"), fields.get("boot")
        counts = fields.get("group kills"), fields.get("kills")
        is_text = isinstance(host, str) and isinstance(boot, str)
        if not is_text or not all(isinstance(count, int) for count in counts):
            return None
        return cls(shortened_host(str(host)), str(boot)[:LONGEST_NAME], *counts)  # type: ignore[arg-type]

    def is_same(self, other: Self) -> bool:
        """Return whether another one is this machine, since the same start."""
        return self.host == other.host and self._is_known and self.boot == other.boot

    def was_restarted(self, before: Self) -> bool:
        """Return whether it is the same machine, started again since `before`."""
        is_known = self._is_known and before._is_known
        return self.host == before.host and is_known and self.boot != before.boot

    @property
    def _is_known(self) -> bool:
        return _BOOT.fullmatch(self.boot) is not None


def shortened_host(name: str) -> str:
    """Return a host's name, no longer than names are."""
    return name[:LONGEST_NAME]


def state_of_process(pid: int, seen_at: float) -> ProcessState:
    """Return what is seen here of the process that had this id at a moment (Unix seconds).

    A process with its id that began at another time is another one (proc_pid_stat(5)).
    """
    fields = _text(_PROC / str(pid) / "stat").rpartition(")")[2].split()
    boot = re.search(r"^btime (\d+)$", _text(_PROC / "stat"), re.MULTILINE)
    if len(fields) < 20 or boot is None or fields[0] in "ZX":  # noqa: PLR2004 - field 22
        return ProcessState.GONE
    began = int(boot[1]) + int(fields[19]) / os.sysconf("SC_CLK_TCK")
    if not -SECONDS_BEFORE_ITS_WORD < began - seen_at < 2:  # noqa: PLR2004 - btime is in seconds
        return ProcessState.GONE
    return ProcessState.STOPPED if fields[0] in "Tt" else ProcessState.THERE


def is_gone(pid: int, seen_at: float) -> bool:
    """Return whether the process that had this id here at a moment is certainly no more.

    The processes of other users may be hidden in /proc (hidepid), but not from kill(2).
    """
    if state_of_process(pid, seen_at) is not ProcessState.GONE:
        return False
    if (_PROC / str(pid)).exists():
        return True  # what is left of it, or another one
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return False


def _group_files() -> Iterator[Path]:
    """Yield the file that counts for this process's control group (cgroups(7)), if it is there."""
    for names, path in _GROUP.findall(_text(_PROC / "self/cgroup")):
        root, file = (
            (_GROUPS / "memory", "memory.oom_control") if names else (_GROUPS, "memory.events")
        )
        # In a container the group is seen as the root.
        found = (root / path.lstrip("/") / file, root / file)
        yield from [item for item in found if item.is_file()][:1]


def _count(path: Path) -> int:
    match = _COUNT.search(_text(path))
    return int(match[1]) if match else UNCOUNTED


def _text(path: Path) -> str:
    with suppress(OSError), path.open("rb") as file:
        return file.read(MOST_BYTES).decode("utf-8", errors="replace")
    return ""
