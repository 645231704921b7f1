"""Run a module as a program, and say where the CPU time of all its threads went.

    python -m workbench.fleet.profiled PROFILE.json MODULE ARGUMENTS...

Every thread has a profile of its own by its own CPU clock, so a thread that waits costs
nothing here. Counting calls costs time too: what consists of many small calls looks larger
than it is.
"""

from __future__ import annotations

import cProfile
import json
import pstats
import runpy
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

_TOP = 60
_PARTS_OF_PATH = 3

Place = tuple[str, int, str]


@dataclass(slots=True)
class Profiles:
    """A profile for each thread, begun with the thread."""

    begun: list[cProfile.Profile] = field(default_factory=list)

    def begin(self, _frame: FrameType | None, _event: str, _value: object) -> None:
        """Profile this thread from here on; a thread calls this as it starts."""
        profile = cProfile.Profile(time.thread_time)
        self.begun.append(profile)
        profile.enable()

    def top(self) -> dict[str, object]:
        """Return the functions that took most, with what they call and by themselves."""
        stats = pstats.Stats(*self.begun)
        found: dict[Place, tuple[int, int, float, float, object]] = stats.stats  # type: ignore[attr-defined]
        total: float = stats.total_tt  # type: ignore[attr-defined]
        whole = {place: (row[0], row[3]) for place, row in found.items()}
        alone = {place: (row[0], row[2]) for place, row in found.items()}
        return {
            "CPU seconds": round(total, 2),
            "with what they call": _shares(whole, total),
            "by themselves": _shares(alone, total),
        }


def _shares(used: dict[Place, tuple[int, float]], total: float) -> list[str]:
    ordered = sorted(used.items(), key=lambda item: -item[1][1])[:_TOP]
    return [
        f"{seconds / (total or 1):6.1%}  {calls:>8} calls  {_name(place)}"
        for place, (calls, seconds) in ordered
    ]


def _name(place: Place) -> str:
    file, line, function = place
    shown = "/".join(Path(file).parts[-_PARTS_OF_PATH:])
    return f"{shown}:{line} {function}"


def main() -> int:
    """Run the module that the command line names, and write its profile."""
    result, module, *arguments = sys.argv[1:]
    sys.argv = [module, *arguments]
    profiles = Profiles()
    threading.setprofile(profiles.begin)
    profiles.begin(None, "", None)
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    finally:
        threading.setprofile(None)
        Path(result).write_text(json.dumps(profiles.top()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
