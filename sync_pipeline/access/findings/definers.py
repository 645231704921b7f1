"""The rule about routines that run with the rights of somebody else than who calls them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from sync_pipeline.access.findings.case import Case, Remedy, listed
from sync_pipeline.access.findings.rule import Rule, each, rule
from sync_pipeline.engines.access.contract import DefinerRoutine, definer_routines
from sync_pipeline.model.access import PowerKind
from sync_pipeline.model.finding import Finding, Severity
from sync_pipeline.model.privilege import SectionName

_MOST_FIXED = 20
_MORE = "{} more are not in the statements: look again once these are done."
_BY_HAND = "No statement is shown: only who wrote them knows what they need."
_GRADES = (Severity.LOW, Severity.MEDIUM, Severity.HIGH)
"""By how many of these hold: everybody may run one, the owner may do everything."""


@rule(
    "definer-routine",
    title="Routine or view with its owner's rights that others may misuse",
    severity=Severity.HIGH,
    rationale="A routine of a powerful owner is a way to that power for all who may run it, as "
    "soon as they say what it does, or it does more than its author meant.",
    sources=(
        "CIS PostgreSQL 17 Benchmark 4.5, function privileges",
        "CIS MySQL 9.7 Benchmark 5.10, definers of stored programs",
        "PostgreSQL documentation, Writing SECURITY DEFINER Functions Safely",
        "MySQL Reference Manual, Stored Object Access Control",
    ),
    reads=(SectionName.DEFINERS, SectionName.OBJECT_DEFINERS),
)
@each
def definer_routine(rule: Rule, case: Case) -> Iterator[Finding]:
    """Yield one finding for each owner and database."""
    found: dict[tuple[str, str, str, str], list[DefinerRoutine]] = defaultdict(list)
    for item in definer_routines(case.judged.rules):
        if not case.is_left_to_provider(item.owner):
            found[item.owner, item.database, item.part, item.why].append(item)
    for routines in found.values():
        yield _finding(rule, case, routines)


def _finding(rule: Rule, case: Case, routines: Sequence[DefinerRoutine]) -> Finding:
    first = routines[0]
    owner, database = first.owner, first.database
    is_open = any(item.is_for_everyone for item in routines)
    is_powerful = first.is_code and bool(
        case.powers(owner, PowerKind.SUPERUSER, PowerKind.ADMINISTRATOR)
    )
    who = ", and everybody may run them" if is_open else ""
    names = listed([item.name for item in routines])
    return case.finding(
        rule.id,
        _GRADES[is_open + is_powerful],
        owner,
        f"{names} in database {database} {first.how}{who}. {first.why}",
        remedy=_remedy(routines),
        about=", ".join(filter(None, (database, first.part))),
    )


def _remedy(routines: Sequence[DefinerRoutine]) -> Remedy:
    fixed = [item for item in routines if item.fix][:_MOST_FIXED]
    left = len(routines) - len(fixed)
    if not fixed:
        return Remedy(left=_BY_HAND)
    return Remedy(
        "\n".join(item.fix for item in fixed),
        "\n".join(item.undo for item in fixed),
        _MORE.format(left) if left else "",
        " ".join(dict.fromkeys(item.breaks for item in fixed if item.breaks)),
    )
