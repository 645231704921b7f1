"""Controls of published benchmarks, and what a review says of each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from sync_pipeline.model.instance import EngineName


@dataclass(frozen=True, slots=True)
class Control:
    """One control by its number in the benchmark; the title is in our own words.

    `checks` are rules that look for what breaks it. `rule:WORD` means those findings of a rule
    alone that are about a privilege of that name, `rule@NAME` those of accounts of that name, in
    any container. Without any, `not_checked` says why. `limits` says what of the control no rule
    sees, so that a pass is no more than it is.
    """

    number: str
    title: str
    checks: tuple[str, ...] = ()
    not_checked: str = ""
    limits: str = ""

    @property
    def rules(self) -> tuple[str, ...]:
        """Return the rules that look for what breaks it."""
        own = (check.partition(":")[0].partition("@")[0] for check in self.checks)
        return tuple(dict.fromkeys(own))


@dataclass(frozen=True, slots=True)
class Benchmark:
    """A benchmark of one engine: its chapters about accounts and privileges.

    `id` is what the command line takes, `title` names the benchmark and its version.
    """

    id: str
    title: str
    engine: EngineName
    controls: tuple[Control, ...]


class ControlStatus(StrEnum):
    """What a review says of a control, worst first."""

    FAIL = "fail"
    UNKNOWN = "unknown"
    PASS = "pass"  # noqa: S105 - no password
    NOT_CHECKED = "not checked"


@dataclass(frozen=True, slots=True)
class ControlResult:
    """What a review says of a control: how many findings break it, and how many were accepted.

    `reason` is a sentence: why it was not checked, what is not known, or what a pass leaves out.
    """

    control: Control
    status: ControlStatus
    findings: int = 0
    accepted: int = 0
    reason: str = ""


def status_counts(results: Sequence[ControlResult]) -> Mapping[ControlStatus, int]:
    """Return how many controls have each status, zeros too."""
    found = Counter(item.status for item in results)
    return {status: found[status] for status in ControlStatus}
