"""The access review: every rule over the accounts as last synced."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from sync_pipeline.access.findings.case import Case
from sync_pipeline.access.findings.file import parse_findings
from sync_pipeline.access.findings.review import review
from sync_pipeline.engines.registry import ENGINES
from sync_pipeline.errors import ConfigurationError
from sync_pipeline.model.finding import FindingRules, Review, Severity, counts_of
from sync_pipeline.model.instance import Instance
from sync_pipeline.model.inventory import ChangeFilter
from sync_pipeline.model.session import Session
from sync_pipeline.settings import Settings
from sync_pipeline.workflows.answers.access import LoadedInstance, load
from sync_pipeline.workflows.answers.rule_files import read_rule_file
from sync_pipeline.workflows.dates import today
from sync_pipeline.workflows.dependencies import SyncDeps

_LOG = logging.getLogger(__name__)
MOST_REVIEWED = 200


@dataclass(frozen=True, slots=True)
class SessionReview:
    """The review of a session's instances; `changed` counts findings of changed accounts."""

    review: Review
    changed: Mapping[Severity, int]


def finding_rules(settings: Settings) -> FindingRules:
    """Return what the findings file says; nothing where none is set.

    Raises:
        ConfigurationError: it can't be read or is not valid.
    """
    path = settings.findings_file
    if path is None:
        return FindingRules()
    text = read_rule_file(path, "SYNC_PIPELINE_FINDINGS_FILE")
    return parse_findings(text, str(path))


def review_of(deps: SyncDeps, instances: Sequence[Instance]) -> Review:
    """Return the findings of these instances.

    Raises:
        ConfigurationError: the findings file is not valid.
    """
    chosen = finding_rules(deps.settings)
    usernames = {item.name: item.username for item in deps.store.registry.credentials()}
    cases = [
        _case(deps, item, usernames.get(item.instance.credential, ""))
        for item in load(deps, instances, with_damaged=True)
    ]
    return review(cases, chosen, today(deps))


def review_or_reason(deps: SyncDeps, instances: Sequence[Instance]) -> Review:
    """Return the findings, or a review whose note says why there is none.

    For places where the review is an extra: it never costs them their own result.
    """
    try:
        return review_of(deps, instances)
    except ConfigurationError as error:
        return Review(notes=(f"The findings were not evaluated: {error}",))
    except Exception as error:  # noqa: BLE001 - a defect in a rule must not lose a run
        # Where it happened, without the exception's text: that may quote anything.
        where = "".join(traceback.format_tb(error.__traceback__))
        _LOG.error("findings: unexpected %s\n%s", type(error).__name__, where)
        return Review(
            notes=(f"The findings were not evaluated: an unexpected {type(error).__name__}.",)
        )


def review_session(deps: SyncDeps, session: Session) -> SessionReview:
    """Return the findings of the instances of a session, and of what it changed.

    A review takes some 50 ms an instance and holds all of its accounts: a run of a large
    fleet leaves it to those who ask.
    """
    if session.total > MOST_REVIEWED:
        note = (
            f"The findings of {session.total} instances are not counted on a run, which ends at "
            f"{MOST_REVIEWED}: sync-pipeline findings."
        )
        return SessionReview(Review(notes=(note,)), counts_of(()))
    session_id = session.session_id
    chosen = deps.store.session_reads.instance_ids(session_id, MOST_REVIEWED)
    instances = deps.store.registry.ever_by_ids(chosen)
    found = review_or_reason(deps, instances)
    # What a first sync found, or only an upgrade reports, nobody changed.
    wanted = ChangeFilter(
        session_id=session_id,
        limit=None,
        with_baselines=False,
        with_silent=False,
        with_damaged=True,
    )
    changes = deps.store.accounts.changes(wanted)
    touched = {(item.instance, item.change.account) for item in changes}
    new = [item for item in found.findings if (item.instance, item.account) in touched]
    return SessionReview(found, counts_of(new))


def narrowed(found: Review, least: Severity | None, rule: str | None) -> Review:
    """Return a review with findings of one rule, at least as bad as a severity."""
    kept, suppressed = (
        tuple(
            item
            for item in items
            if (least is None or item.severity.rank <= least.rank)
            and (rule is None or item.rule == rule)
        )
        for items in (found.findings, found.suppressed)
    )
    return replace(found, findings=kept, suppressed=suppressed)


def _case(deps: SyncDeps, loaded: LoadedInstance, monitor: str) -> Case:
    listing = loaded.stored.databases
    excluded = (
        *ENGINES[loaded.instance.engine].system_databases,
        *deps.settings.excluded_databases,
    )
    databases = replace(listing, excluded=excluded) if listing else None
    return Case(loaded.judged, databases, loaded.stored.changed_at, monitor)
