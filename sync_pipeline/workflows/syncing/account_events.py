"""The events of a sync of accounts that its review does not tell."""

from __future__ import annotations

from collections.abc import Iterator

from sync_pipeline.model.account import AccountState
from sync_pipeline.model.change import Reconciliation
from sync_pipeline.model.event import Event
from sync_pipeline.model.instance import Instance
from sync_pipeline.model.snapshot import Snapshot
from sync_pipeline.reconcile.everyone import granted_to_everybody
from sync_pipeline.workflows.answers.access import judge
from sync_pipeline.workflows.answers.defects import unless_defect
from sync_pipeline.workflows.answers.sync_news import SyncNews


def everybodys_events(
    instance: Instance, result: Reconciliation, snapshot: Snapshot, news: SyncNews | None
) -> tuple[Event, ...]:
    """Return what accounts that stand for all others were granted.

    Who stands for all others is said by the rules of the engine, of the accounts that changed.
    """
    if news is None or not result.changes:
        return ()
    return unless_defect(instance, lambda: _granted(instance, result, snapshot, news), ())


def _granted(
    instance: Instance, result: Reconciliation, snapshot: Snapshot, news: SyncNews
) -> tuple[Event, ...]:
    states = dict(_changed(result, snapshot))
    server, moment = snapshot.server, snapshot.observed_at
    judged = judge(instance, states, {}, server.version, moment, server.platform)

    def is_everybody(account: str) -> bool:
        return judged.rules.is_everyone(account) or (
            account in states and judged.facts(account).is_anonymous
        )

    databases = {key.database for key in result.sections} - news.databases
    return tuple(
        granted_to_everybody(
            result, states, is_everybody, judged.rules.is_write, databases, news.origin
        )
    )


def _changed(result: Reconciliation, snapshot: Snapshot) -> Iterator[tuple[str, AccountState]]:
    """Yield the accounts that changed and are there, as they are now."""
    gone = frozenset(result.deactivated)
    names = {change.account for change in result.changes} - gone
    yield from ((state.name, state) for state in snapshot.accounts if state.name in names)
    yield from ((state.name, state) for state in result.states if state.name in names)
