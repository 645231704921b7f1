"""What the change log says: the state of accounts at a past moment, and what changed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from itertools import groupby

from sync_pipeline.engines.own import is_own
from sync_pipeline.model.account import AccountState
from sync_pipeline.model.change import AccountChange, Baseline, KnownAccount, LoggedChange
from sync_pipeline.model.instance import EngineName
from sync_pipeline.model.inventory import AccountView, ChangeFilter
from sync_pipeline.reconcile.lines import retold
from sync_pipeline.reconcile.replay import taken_back
from sync_pipeline.store.store import Store

_MORE = 8


@dataclass(frozen=True, slots=True)
class AccountAt:
    """One account as it was known at a moment."""

    instance: str
    state: AccountState
    is_active: bool


def accounts_at(
    store: Store,
    when: datetime,
    instances: tuple[int, ...] | None = None,
    *,
    with_own: bool = False,
) -> tuple[AccountAt, ...]:
    """Return every account known at `when` (aware), in order of instance and name.

    `instances` are the ids of those that are asked about; None: all. `with_own`: also those that
    the engines made for themselves.

    Accounts that had disappeared by then are returned with their last state and
    `is_active` false.

    Raises:
        ConfigurationError: changes since then were pruned.
    """
    views, changes = store.accounts.since(when, instances)
    logged: dict[str, list[AccountChange]] = {}
    for entry in changes:
        logged.setdefault(entry.instance, []).append(entry.change)
    engines = {view.instance: EngineName(view.engine) for view in views}
    return tuple(
        AccountAt(name, known.state, known.is_active)
        for name, own in groupby(sorted(views, key=_instance_of), key=_instance_of)
        for _, known in sorted(
            taken_back(
                (KnownAccount(view.state, view.is_active) for view in own), logged.get(name, ())
            ).items()
        )
        if with_own or not is_own(engines[name], known.state)
    )


def not_told(store: Store, wanted: ChangeFilter) -> tuple[str, ...]:
    """Return what is to be said where changes are asked for that were pruned."""
    asked = [moment for moment in (wanted.since, wanted.until) if moment is not None]
    horizon = store.change_retention.horizon()
    if not asked or min(asked) >= horizon:
        return ()
    told = f"What changed before {horizon:%Y-%m-%d %H:%M}Z is not told: changes are kept for "
    return (f"{told}SYNC_PIPELINE_CHANGE_RETENTION_DAYS days.",)


def logged_changes(
    store: Store, wanted: ChangeFilter, *, is_whole: bool = False
) -> list[LoggedChange]:
    """Return each entry of the change log, told as this version tells it.

    `is_whole`: with all that is not worth telling, such as attributes at their default.
    """
    found = store.accounts.changes(replace(wanted, with_damaged=True))
    return [as_told(entry, is_whole=is_whole) for entry in found]


def change_list(
    store: Store, wanted: ChangeFilter, *, with_own: bool = False
) -> list[LoggedChange | Baseline]:
    """Return what changed, newest first: of a first sync one line, of what is no news none.

    `with_own`: also which roles and accounts of the engines came and went. Where one account is
    asked for, the first sync that found it is told as it is.
    """
    baselines = store.accounts.baselines(wanted) if wanted.account is None else []
    wanted = replace(wanted, with_baselines=wanted.account is not None, with_silent=with_own)
    found: list[LoggedChange | Baseline] = [*baselines, *_worth_telling(store, wanted)]
    found.sort(key=lambda entry: entry.changed_at, reverse=True)
    return found[: wanted.limit]


def _worth_telling(store: Store, wanted: ChangeFilter) -> list[LoggedChange]:
    """Return the entries that have something to tell, as many as are wanted.

    Most have; where few have, such as of versions before, more are read until there are enough.
    """
    limit = wanted.limit
    while True:
        found = logged_changes(store, replace(wanted, limit=limit))
        told = [entry for entry in found if entry.change.lines]
        if limit is None or wanted.limit is None or len(found) < limit:
            return told
        if len(told) >= wanted.limit:
            return told[: wanted.limit]
        limit *= _MORE


def as_told(entry: LoggedChange, *, is_whole: bool = False) -> LoggedChange:
    """Return an entry of the change log as this version tells it.

    `is_whole`: with all that is not worth telling, such as attributes at their default.
    """
    lines = retold(entry.change, is_baseline=entry.is_baseline, is_whole=is_whole)
    return replace(entry, change=replace(entry.change, lines=lines))


def _instance_of(view: AccountView) -> str:
    return view.instance
