"""What a sync that finds little or nothing changed may cost, beside one that only reads."""

from __future__ import annotations

from collections.abc import Sequence

from workbench.fleet.figures import Comparison, judged
from workbench.fleet.runners import Runner

MOST_OF_COLLECTING = 1.2
MOST_MILLISECONDS = 12.0
MOST_OF_UNCHANGED = 1.1
MOST_OF_UNTOLD = 1.05


def steady_targets(
    item: Comparison, runner: Runner, comparisons: Sequence[Comparison]
) -> dict[str, str]:
    """Return each target of a second sync that this run can say something about."""
    if runner is Runner.BARE_COLLECT or item.runs[runner].outcome.usage.is_cut:
        return {}
    if item.changed:
        return {**_of_change(item, runner, comparisons), **_of_events(item, runner)}
    return _of_unchanged(item, runner) if Runner.BARE_COLLECT in item.runs else {}


def _of_unchanged(item: Comparison, runner: Runner) -> dict[str, str]:
    wall = _wall(item, runner) / _wall(item, Runner.BARE_COLLECT)
    beyond = _milliseconds(item, runner) - _milliseconds(item, Runner.BARE_COLLECT)
    return {
        f"wall at most {MOST_OF_COLLECTING} of bare-collect": judged(
            wall, "", is_met=wall <= MOST_OF_COLLECTING
        ),
        f"at most {MOST_MILLISECONDS:g} ms of CPU beyond collecting": judged(
            beyond, "ms", is_met=beyond <= MOST_MILLISECONDS
        ),
    }


def _of_change(
    item: Comparison, runner: Runner, comparisons: Sequence[Comparison]
) -> dict[str, str]:
    found: dict[str, str] = {}
    for same in comparisons:
        if (same.count, same.changed) != (item.count, 0) or runner not in same.runs:
            continue
        for name, ratio in (
            ("CPU", _milliseconds(item, runner) / _milliseconds(same, runner)),
            ("wall", _wall(item, runner) / _wall(same, runner)),
        ):
            found[f"{name} at most {MOST_OF_UNCHANGED} of that of an unchanged fleet"] = judged(
                ratio, "", is_met=ratio <= MOST_OF_UNCHANGED
            )
    return found


def _of_events(item: Comparison, runner: Runner) -> dict[str, str]:
    """Return what events cost: only a whole session without Dagster has its like without them."""
    if runner is not Runner.BARE_STORE or Runner.BARE_UNTOLD not in item.runs:
        return {}
    ratio = _milliseconds(item, runner) / _milliseconds(item, Runner.BARE_UNTOLD)
    name = f"CPU at most {MOST_OF_UNTOLD} of that without events"
    return {name: judged(ratio, "", is_met=ratio <= MOST_OF_UNTOLD)}


def _wall(item: Comparison, runner: Runner) -> float:
    return item.runs[runner].outcome.usage.wall_seconds


def _milliseconds(item: Comparison, runner: Runner) -> float:
    """Return the CPU of an instance, without the start of the processes where that is known."""
    if runner in item.idle_cpu:
        return item.marginal_milliseconds(runner)
    return item.milliseconds(runner)
