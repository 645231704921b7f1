"""What one engine alone can tell, as findings of the rule that says why it matters."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from sync_pipeline.access.findings.case import Case, Remedy, ending
from sync_pipeline.access.findings.mending import Mending
from sync_pipeline.access.findings.rule import Rule
from sync_pipeline.engines.access.concerns import Concern, concerns
from sync_pipeline.model.finding import Finding


def told(rule: Rule, case: Case) -> Iterator[Finding]:
    """Yield what the engine of an instance tells of a rule."""
    for item in concerns(case.judged.rules):
        if item.rule == rule.id:
            yield case.finding(
                rule.id,
                item.severity or rule.severity,
                item.account,
                item.evidence,
                remedy=_remedy(case, item),
                about=item.about,
            )


def _remedy(case: Case, item: Concern) -> Remedy:
    if not item.holds:
        return ending(item.fix, item.undo, item.left, item.breaks)
    mending = Mending(case, item.account)
    for hold in item.holds:
        mending.take(hold)
    found = mending.remedy(item.left)
    return replace(found, breaks=f"{found.breaks} {item.breaks}".strip()) if found.fix else found
