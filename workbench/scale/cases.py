"""Commands that are measured, each in a process of its own, and their ratio to a baseline."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from workbench.fleet.measured import Usage, measure
from workbench.fleet.processes import cpu_seconds
from workbench.scale.work import work_told

COMMAND = "sync_pipeline.cli.main"
"""The module that is the command `sync-pipeline`."""

_MEGABYTE = 10**6
COLUMNS = (
    "what", "answer", "wall s", "CPU s", "CPU s beyond the start", "ratio of these",
    "peak MB", "server CPU s",
)  # fmt: skip


class WrongEnd(RuntimeError):
    """A command did not end as it must: its figures mean nothing."""


def anything(_said: str) -> str:
    """Take whatever a command said as the answer."""
    return ""


def number_of(what: str) -> Callable[[str], str]:
    """Return what takes the number that a command said."""
    return lambda said: f"{int(said)} {what}"


def counted(key: str, what: str) -> Callable[[str], str]:
    """Return what counts the items of a JSON answer, or of one of its values."""

    def told(said: str) -> str:
        found = json.loads(said)
        return f"{len(found[key] if key else found)} {what}"

    return told


@dataclass(frozen=True, slots=True)
class Case:
    """One command: a module and its arguments.

    `baseline` and `start` name cases that were measured before: what it is compared with, and
    what the same program takes before it does anything. `answer` makes a few words of what it
    said. `exit_status` is that with which it must end.
    """

    name: str
    command: Sequence[str]
    baseline: str = ""
    start: str = ""
    answer: Callable[[str], str] = anything
    exit_status: int = 0


@dataclass(frozen=True, slots=True)
class Figures:
    """What a case took; `server_cpu_seconds` are those of the database server meanwhile.

    `work_seconds` are the CPU seconds beyond the start that the program itself told; None: it
    does not.
    """

    case: Case
    usage: Usage
    answer: str
    server_cpu_seconds: float
    profile: Mapping[str, Any] | None = None
    work_seconds: float | None = None

    @property
    def peak_bytes(self) -> int:
        """Return the most memory that was held, by one process or by all together."""
        return max(self.usage.peak_bytes, self.usage.largest_bytes)


@dataclass(slots=True)
class Measuring:
    """Runs cases, one after the other, each `rounds` times of which the least CPU counts.

    `only` are the names of the cases to run; all where it is empty.
    """

    environment: Mapping[str, str]
    directory: Path
    limit_seconds: float
    server_pid: int = 0
    is_profiled: bool = False
    rounds: int = 1
    only: Sequence[str] = ()
    found: dict[str, Figures] = field(default_factory=dict)

    def run(self, *cases: Case) -> None:
        """Measure cases and tell each as it is measured; rounds take turns.

        Raises:
            WrongEnd: one failed, gave no answer, or was cut at the limit.
        """
        chosen = [case for case in cases if self.takes(case)]
        for number in range(self.rounds):
            for case in chosen:
                figures = self._once(case)
                before = self.found.get(case.name)
                if not number or before is None or _cost(figures) < _cost(before):
                    self.found[case.name] = figures
                if number == self.rounds - 1:
                    say(line_of(row(self.found[case.name], self.found)))

    def takes(self, case: Case) -> bool:
        """Return whether a case is one of those that are asked for."""
        return not self.only or case.name in self.only

    def _once(self, case: Case) -> Figures:
        place = self.directory / f"case-{len(list(self.directory.glob('case-*')))}"
        place.mkdir()
        profile = place / "profile.json"
        before = [sys.executable, "-m"]
        if self.is_profiled:
            before += ["workbench.fleet.profiled", str(profile)]
        server = self._server_cpu()
        usage = measure([[*before, *case.command]], self.environment, place, self.limit_seconds)
        work, said = work_told((place / "run.log").read_text(errors="replace"))
        if usage.is_cut or usage.exit_status != case.exit_status:
            end = "was cut" if usage.is_cut else f"ended with {usage.exit_status}"
            raise WrongEnd(f"{case.name} {end}:\n{said[-4000:]}")
        shown = json.loads(profile.read_text()) if self.is_profiled else None
        try:
            answer = case.answer(said)
        except (ValueError, KeyError, TypeError) as error:
            raise WrongEnd(f"{case.name} said {said[:400]!r}: {error}") from None
        return Figures(case, usage, answer, self._server_cpu() - server, shown, work)

    def _server_cpu(self) -> float:
        return cpu_seconds(self.server_pid) if self.server_pid else 0.0


def _cpu(figures: Figures) -> float:
    return figures.usage.cpu_seconds


def _cost(figures: Figures) -> float:
    return _cpu(figures) if figures.work_seconds is None else figures.work_seconds


def work_seconds(item: Figures, found: Mapping[str, Figures]) -> float | None:
    """Return the CPU seconds beyond the start of the program, at least one clock tick.

    It is what the program itself told, or the difference to one that only starts. None: it has no
    start, or that was not measured.
    """
    if item.work_seconds is not None:
        return max(item.work_seconds, 0.01)
    start = found.get(item.case.start)
    return max(_cpu(item) - _cpu(start), 0.01) if start else None


def ratio_of(item: Figures, found: Mapping[str, Figures]) -> float | None:
    """Return the work as a multiple of that of the baseline; None: one of them is not known."""
    baseline = found.get(item.case.baseline)
    ours, plain = work_seconds(item, found), baseline and work_seconds(baseline, found)
    return ours / plain if ours and plain else None


def row(item: Figures, found: Mapping[str, Figures]) -> tuple[str, ...]:
    """Return the figures of a case as cells, in the order of COLUMNS."""
    work, ratio = work_seconds(item, found), ratio_of(item, found)
    return (
        item.case.name,
        item.answer,
        f"{item.usage.wall_seconds:.2f}",
        f"{_cpu(item):.2f}",
        f"{work:.2f}" if work is not None else "",
        f"{ratio:.1f} x {item.case.baseline}" if ratio is not None else "",
        f"{item.peak_bytes / _MEGABYTE:.0f}",
        f"{item.server_cpu_seconds:.2f}" if item.server_cpu_seconds else "",
    )


def line_of(cells: Iterable[str]) -> str:
    """Return a line of a table in Markdown."""
    return f"| {' | '.join(cells)} |"


def table(found: Mapping[str, Figures]) -> str:
    """Return all figures as a table in Markdown."""
    head = [line_of(COLUMNS), line_of("---" for _ in COLUMNS)]
    return "\n".join((*head, *(line_of(row(item, found)) for item in found.values())))


def as_json(found: Mapping[str, Figures]) -> dict[str, Any]:
    """Return all figures as JSON values."""
    shown: dict[str, Any] = {}
    for name, item in found.items():
        figures: dict[str, Any] = {
            "answer": item.answer,
            "wall seconds": round(item.usage.wall_seconds, 3),
            "CPU seconds": round(_cpu(item), 3),
            "peak memory MB": round(item.peak_bytes / _MEGABYTE),
            "server CPU seconds": round(item.server_cpu_seconds, 3),
        }
        if (work := work_seconds(item, found)) is not None:
            figures["CPU seconds beyond the start"] = round(work, 3)
        if (ratio := ratio_of(item, found)) is not None:
            figures["baseline"] = item.case.baseline
            figures["ratio"] = round(ratio, 2)
        if item.profile is not None:
            figures["profile"] = item.profile
        shown[name] = figures
    return shown


def say(text: str) -> None:
    """Tell how far a benchmark is, beside its result."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()
