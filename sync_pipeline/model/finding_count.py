"""The numbers of what is found on an instance; `model/finding_totals.py` adds them up.

Apart from all that findings are: the tables of the store need these names alone.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import datetime

ALL_RULES = ""
"""Stands for all rules together."""
_NUMBERS = 2


@dataclass(frozen=True, slots=True)
class FindingCount:
    """Numbers of one rule and one severity (its rank) on one instance.

    Those that begin with `told` are of causes where all rules are looked at, those with `alone` of
    causes where nothing else than this rule is: what other rules say too is not folded then. Of
    causes the severity is the worst one's. An account counts where it comes first, the worst
    first; `is_..._worst` is 1 at the worst severity that there is of the rule, else 0. `findings`
    and `accepted` are of single findings.
    """

    rule: str
    rank: int
    told_causes: int = 0
    told_findings: int = 0
    told_accounts: int = 0
    is_told_worst: int = 0
    alone_causes: int = 0
    alone_findings: int = 0
    alone_accounts: int = 0
    is_alone_worst: int = 0
    findings: int = 0
    accepted: int = 0


NUMBERS = tuple(item.name for item in fields(FindingCount))[_NUMBERS:]


@dataclass(frozen=True, slots=True)
class CountedFindings:
    """The numbers of an instance. `basis` is a digest (hex) of the rules that chose what counts.

    `accepted_by` are the acceptances of the store that did, as of its `turn`; the first of them
    ends at `valid_until` (UTC), and these numbers with it.
    """

    basis: str
    counts: tuple[FindingCount, ...]
    accepted_by: str = ""
    turn: int = 0
    valid_until: datetime | None = None
