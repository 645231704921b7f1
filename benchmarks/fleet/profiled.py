"""Run a module as a program, and say where the CPU time of all its threads went.

    python -m benchmarks.fleet.profiled PROFILE.json MODULE ARGUMENTS...

Every few milliseconds the CPU time that each thread has used since the last look is put
down to the functions on its stack: a thread that waits costs nothing here. The look comes
when the interpreter lets go of a thread, so what a function does "by itself" is less sure than
what it does with all that it calls.
"""

from __future__ import annotations

import json
import runpy
import sys
import threading
import time
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

_SECONDS_BETWEEN_LOOKS = 0.004
_SECONDS_TO_SWITCH = 0.0002  # threads take turns often, so that a look is not late
_PARTS_OF_PATH = 3
_TOP = 40
_FRAME_OF_EVERYTHING = ("<frozen", "lib/python3", "concurrent/futures", "benchmarks/")


@dataclass(slots=True)
class Profile:
    """CPU seconds by function: with what it calls, and by itself."""

    total: float = 0.0
    with_calls: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))
    alone: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))

    def put_down(self, frame: FrameType, seconds: float) -> None:
        """Put seconds down to every function on a stack."""
        self.total += seconds
        self.alone[_name(frame)] += seconds
        above: FrameType | None = frame
        seen: set[str] = set()
        while above is not None:
            seen.add(_name(above))
            above = above.f_back
        for name in seen:
            self.with_calls[name] += seconds

    def top(self) -> dict[str, object]:
        """Return the functions that took most, each with its share."""
        ours = {
            name: used
            for name, used in self.with_calls.items()
            if not name.startswith(_FRAME_OF_EVERYTHING)
        }
        return {
            "CPU seconds": round(self.total, 2),
            "with what they call": self._shares(ours),
            "by themselves": self._shares(self.alone),
        }

    def _shares(self, seconds: dict[str, float]) -> dict[str, str]:
        ordered = sorted(seconds.items(), key=lambda item: -item[1])[:_TOP]
        whole = self.total or 1.0
        return {name: f"{used / whole:.1%}" for name, used in ordered}


@dataclass(slots=True)
class Watch:
    """The thread that looks at all the others."""

    profile: Profile = field(default_factory=Profile)
    is_over: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        """Look until it is over."""
        used: dict[int, float] = {}
        own = threading.get_ident()
        while not self.is_over.wait(_SECONDS_BETWEEN_LOOKS):
            frames = sys._current_frames()  # noqa: SLF001 - the only way to see all threads
            clocks = {
                thread: time.clock_gettime(time.pthread_getcpuclockid(thread))
                for thread in frames
                if thread != own
            }
            for thread, now in clocks.items():
                seconds = now - used.get(thread, 0.0)
                if seconds > 0:
                    self.profile.put_down(frames[thread], seconds)
            used = clocks


def _name(frame: FrameType) -> str:
    code = frame.f_code
    place = "/".join(Path(code.co_filename).parts[-_PARTS_OF_PATH:])
    return f"{place}:{code.co_firstlineno} {code.co_qualname}"


def main() -> int:
    """Run the module that the command line names, and write its profile."""
    result, module, *arguments = sys.argv[1:]
    sys.argv = [module, *arguments]
    watch = Watch()
    sys.setswitchinterval(_SECONDS_TO_SWITCH)
    thread = threading.Thread(target=watch.run, daemon=True)
    thread.start()
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    finally:
        watch.is_over.set()
        thread.join()
        Path(result).write_text(json.dumps(watch.profile.top()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
