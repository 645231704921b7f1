"""The figures of the runs, their ratios, and the targets beside them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from workbench.fleet.limits import Means, Waits
from workbench.fleet.runners import Outcome, Runner

_MEGABYTE = 10**6
SHARE_MILLISECONDS = {"postgresql": 15.0, "sqlite": 25.0}
MOST_OF_LIMIT = 1.5
LEAST_THROUGHPUT = 12.0
COMPARED_AT = 1_000
LARGEST = 10_000
LARGEST_SECONDS = 360.0
LARGEST_BYTES = 10**9
FLATNESS = 0.2


@dataclass(frozen=True, slots=True)
class Measured:
    """One run of one runner, and the CPU seconds that the other side took meanwhile."""

    outcome: Outcome
    means: Means
    responder_cpu_seconds: float
    server_cpu_seconds: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """The runs over one number of instances.

    `idle_cpu` is what a run of one instance takes, where that was measured. A share of the
    instances has `changed` since the sync before.
    """

    count: int
    storage: str
    waits: Waits
    runs: Mapping[Runner, Measured]
    idle_cpu: Mapping[Runner, float]
    changed: float = 0.0

    def milliseconds(self, runner: Runner) -> float:
        """Return the CPU milliseconds an instance, with the start of the processes."""
        outcome = self.runs[runner].outcome
        return outcome.usage.cpu_seconds * 1000 / max(outcome.ended, 1)

    def marginal_milliseconds(self, runner: Runner) -> float:
        """Return the CPU milliseconds of one instance more."""
        run = self.runs[runner]
        used = run.outcome.usage.cpu_seconds - run.means.runs * self.idle_cpu[runner]
        return used * 1000 / max(run.outcome.ended - run.means.runs, 1)

    def share(self, runner: Runner) -> float | None:
        """Return Dagster's CPU milliseconds an instance: what bare-store does not take."""
        if Runner.BARE_STORE not in self.runs or not runner.is_dagster:
            return None
        return self.milliseconds(runner) - self.milliseconds(Runner.BARE_STORE)

    def throughput(self, runner: Runner) -> float:
        """Return instances a second."""
        outcome = self.runs[runner].outcome
        return outcome.ended / outcome.usage.wall_seconds

    def to_multiprocess(self, runner: Runner) -> float | None:
        """Return the throughput as a multiple of that of multiprocess."""
        base = self.runs.get(Runner.MULTIPROCESS)
        if base is None or not base.outcome.ended:
            return None
        return self.throughput(runner) / self.throughput(Runner.MULTIPROCESS)

    def to_limit(self, runner: Runner, other_seconds: float) -> float:
        """Return the wall time as a multiple of the least that was possible."""
        run = self.runs[runner]
        usage = run.outcome.usage
        return usage.wall_seconds / run.means.limit_seconds(
            usage.cpu_seconds, other_seconds, self.waits
        )

    def shown(self, runner: Runner) -> dict[str, Any]:
        """Return the figures of one runner."""
        run = self.runs[runner]
        usage = run.outcome.usage
        figures: dict[str, Any] = {
            "cut after seconds" if usage.is_cut else "wall seconds": round(usage.wall_seconds, 1),
            "CPU seconds": round(usage.cpu_seconds, 1),
            "CPU ms an instance": round(self.milliseconds(runner), 1),
            "peak memory MB": round(usage.peak_bytes / _MEGABYTE),
            "records": dict(run.outcome.records),
            "instances a second": round(self.throughput(runner), 1),
            "cores used": round(usage.cpu_seconds / usage.wall_seconds, 2),
            "seconds of waiting, at once": round(self.waits.together / run.means.at_once, 1),
            "seconds of waiting, slowest instance": round(self.waits.longest, 1),
            "responder CPU seconds": round(run.responder_cpu_seconds, 1),
        }
        if runner in self.idle_cpu:
            more = self.marginal_milliseconds(runner)
            figures["CPU ms of one more instance"] = round(more, 1)
        if run.server_cpu_seconds:
            figures["PostgreSQL CPU seconds"] = round(run.server_cpu_seconds, 1)
        if run.means.runs > 1:
            figures["runs of the session"] = run.means.runs
        if run.outcome.event_rows:
            figures["event rows an instance"] = round(run.outcome.event_rows / self.count, 1)
        if (share := self.share(runner)) is not None:
            figures["Dagster's share, CPU ms an instance"] = round(share, 1)
            if runner in self.idle_cpu:
                more = self.marginal_milliseconds(runner)
                more -= self.marginal_milliseconds(Runner.BARE_STORE)
                figures["Dagster's share, CPU ms of one more instance"] = round(more, 1)
        if (ratio := self.to_multiprocess(runner)) is not None:
            figures["throughput to multiprocess"] = round(ratio, 2)
        if run.outcome.profile is not None:
            figures["profile"] = run.outcome.profile
        return figures

    def targets(self, runner: Runner) -> dict[str, str]:
        """Return each target that this run can say something about, and whether it is met."""
        run = self.runs[runner]
        usage = run.outcome.usage
        if usage.is_cut or not runner.is_dagster:
            return {}
        found: dict[str, str] = {}
        most = SHARE_MILLISECONDS[self.storage]
        if (share := self.share(runner)) is not None:
            name = f"Dagster's share at most {most:g} ms of CPU"
            found[name] = judged(share, "ms", is_met=share <= most)
        beside = run.responder_cpu_seconds + run.server_cpu_seconds
        for name, seconds in (("this machine", beside), ("the run's processes", 0.0)):
            ratio = self.to_limit(runner, seconds)
            found[f"wall at most {MOST_OF_LIMIT} of the limit of {name}"] = judged(
                ratio, "", is_met=ratio <= MOST_OF_LIMIT
            )
        if self.count >= COMPARED_AT and (ratio := self.to_multiprocess(runner)) is not None:
            found[f"at least {LEAST_THROUGHPUT:g} times the throughput of multiprocess"] = judged(
                ratio, "", is_met=ratio >= LEAST_THROUGHPUT
            )
        if self.count >= LARGEST:
            found[f"{LARGEST} in less than {LARGEST_SECONDS:g} s"] = judged(
                usage.wall_seconds, "s", is_met=usage.wall_seconds < LARGEST_SECONDS
            )
            found[f"{LARGEST} with less than {LARGEST_BYTES / _MEGABYTE:g} MB"] = judged(
                usage.peak_bytes / _MEGABYTE, "MB", is_met=usage.peak_bytes < LARGEST_BYTES
            )
        return found


def judged(value: float, unit: str, *, is_met: bool) -> str:
    """Return a figure and whether it meets its target."""
    return f"{round(value, 2):g} {unit}".rstrip() + (": yes" if is_met else ": no")


def flatness(comparisons: list[Comparison], runner: Runner) -> str | None:
    """Return how the cost of one more instance changes from the fewest to the most."""
    ran = [
        item
        for item in comparisons
        if runner in item.idle_cpu
        and runner in item.runs
        and not item.runs[runner].outcome.usage.is_cut
    ]
    if len(ran) < 2:
        return None
    few, many = ran[0], ran[-1]
    ratio = many.marginal_milliseconds(runner) / few.marginal_milliseconds(runner)
    return judged(ratio, "", is_met=abs(ratio - 1) <= FLATNESS)
