"""Findings for the metrics: by the numbers that are kept with each review."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime

from sync_pipeline.access.findings.accepted import Accepting
from sync_pipeline.access.findings.fleet import uneven
from sync_pipeline.errors import ConfigurationError
from sync_pipeline.model.finding import Severity
from sync_pipeline.model.metrics import FindingMetrics
from sync_pipeline.model.pattern import like
from sync_pipeline.workflows.answers.finding_rules import Counting
from sync_pipeline.workflows.dependencies import SyncDeps

_MOST_LOOKED_AT = 1_000
"""Findings of a severity that are looked at for the oldest that is not accepted.

Where all of these are, the age of that severity is not told.
"""


def finding_metrics(deps: SyncDeps) -> FindingMetrics | None:
    """Return the numbers of findings; None: the findings file is not valid."""
    try:
        counting = Counting.of(deps)
    except ConfigurationError:
        return None
    disabled = counting.of_file.disabled
    accepting = counting.accepting
    store = deps.store.finding_numbers
    found = store.numbers(counting.basis, deps.clock(), disabled)
    open_ones, accepted = Counter(found.open), Counter(found.accepted)
    if any(like(item.rule, uneven.id) for item in counting.chosen.in_force(counting.day)):
        for item in store.each_of_fleet(disabled):
            of = accepted if accepting.accepts(item) else open_ones
            of[item.rule, item.severity] += 1
    else:
        open_ones.update(store.of_fleet(disabled))
    return FindingMetrics(
        open=open_ones,
        accepted=accepted,
        oldest=_oldest(deps, accepting, disabled),
        opened=found.opened,
        worsened=found.worsened,
        resolved=found.resolved,
        uncounted=found.uncounted,
    )


def _oldest(
    deps: SyncDeps, accepting: Accepting, disabled: Sequence[str]
) -> dict[Severity, datetime]:
    """Return when the oldest finding of each severity was first seen that is not accepted."""
    most = _MOST_LOOKED_AT if accepting.is_any else 1
    found: dict[Severity, datetime] = {}
    for item in deps.store.finding_numbers.oldest(disabled, most):
        moment = item.first_seen
        if moment is not None and not accepting.accepts(item):
            found[item.severity] = min(found.get(item.severity, moment), moment)
    return found
