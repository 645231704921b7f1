"""What was known of instances at a past moment: the changes since are taken back.

What the last sync before could not read its record tells, and what nobody knows any more is said.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from sync_pipeline.model.account import AccountState
from sync_pipeline.model.change import KnownAccount
from sync_pipeline.model.instance import EngineName, Instance
from sync_pipeline.model.inventory import EVERY_GRANT, StoredAccess, Wanted
from sync_pipeline.model.moment import require_come
from sync_pipeline.model.past import LastSync, StoredPast
from sync_pipeline.model.platform import Platform, platform_named
from sync_pipeline.model.privilege import OF_SERVER, SectionKey, SectionName
from sync_pipeline.model.snapshot import SectionReport, SectionStatus
from sync_pipeline.reconcile.replay import taken_back
from sync_pipeline.workflows.dependencies import SyncDeps

_READ = SectionReport(SectionStatus.READ)
_LONG = timedelta(days=1)
"""Without a sync: what changed meanwhile may have been there already."""


@dataclass(frozen=True, slots=True)
class PastAccess:
    """One instance at a moment; `notes` are sentences on what was not known, or is not any more.

    `known` are all accounts that were known then, with those that were gone by then.
    """

    stored: StoredAccess
    engine: EngineName
    version: str
    platform: Platform
    notes: tuple[str, ...] = ()
    known: Mapping[str, KnownAccount] = field(default_factory=dict)


def require_past(deps: SyncDeps, moment: datetime) -> None:
    """Refuse a moment of which nothing can be said.

    Raises:
        ConfigurationError: it has not come, or changes since then were pruned.
    """
    require_come(moment, deps.clock())
    deps.store.past.require_kept(moment)


def each_at(
    deps: SyncDeps,
    instances: Sequence[Instance],
    moment: datetime,
    wanted: Callable[[Instance], Wanted] = lambda _: EVERY_GRANT,
    *,
    with_damaged: bool = False,
) -> Iterator[tuple[Instance, PastAccess]]:
    """Yield one instance after the other as it was known at a moment; no more than one is held.

    It is of the engine that it was of then, which may be another under the same name.
    `with_damaged`: of one whose accounts of then can't be read, a section says why.

    Raises:
        ConfigurationError: changes since then were pruned.
        StoreDamaged: what is stored is not what was written (not `with_damaged`).
    """
    by_id = {item.id: item for item in instances}
    found = deps.store.past.each(
        [item.id for item in instances],
        moment,
        taken_back,
        lambda key: wanted(by_id[key]),
        with_damaged=with_damaged,
    )
    for key, stored in found:
        past = past_access(by_id[key], stored, moment)
        yield replace(by_id[key], engine=past.engine), past


def past_access(instance: Instance, found: StoredPast, moment: datetime) -> PastAccess:
    """Return what questions about access need of an instance at a moment."""
    if found.damage:
        failed = SectionReport(SectionStatus.FAILED, found.damage)
        unread = {SectionKey(SectionName.ACCOUNTS): failed}
        damaged = StoredAccess(sections=unread, is_damaged=True)
        version = instance.server_version or ""
        return PastAccess(damaged, instance.engine, version, instance.runs_on)
    active = {name: item for name, item in found.accounts.items() if item.is_active}
    states = {name: item.state for name, item in active.items()}
    told = found.sync.details if found.sync else {}
    stored = StoredAccess(
        accounts=states,
        changed_at={name: item.changed_at for name, item in active.items() if item.changed_at},
        sections=sections_then(found, states),
        databases=found.databases,
    )
    platform = told.get("platform")
    return PastAccess(
        stored,
        _engine(told.get("engine"), instance.engine),
        str(told.get("server_version") or instance.server_version or ""),
        platform_named(platform) if isinstance(platform, str) else instance.runs_on,
        tuple(f"{instance.name}: {text}" for text in _not_known(found, moment)),
        found.accounts,
    )


def _engine(told: object, otherwise: EngineName) -> EngineName:
    """Return the engine that a record tells; records of older versions tell none."""
    try:
        return EngineName(str(told))
    except ValueError:
        return otherwise


def sections_then(
    found: StoredPast, states: Mapping[str, AccountState]
) -> Mapping[SectionKey, SectionReport]:
    """Return how the last sync before the moment had read each section; not synced yet: none.

    A database counts as there if an account or a grant of then names it, or a listing of then.
    """
    if found.is_latest:
        return found.sections
    if not found.is_synced:
        return {}
    unread = unread_by(found.sync)
    there = _databases(found, states)
    noted = _noted(found.sync)
    read = {
        key: _read(key, report, noted)
        for key, report in found.sections.items()
        if key.name not in OF_SERVER and (not key.database or key.database in there)
    }
    return {**read, **(unread or {})}


def _read(key: SectionKey, report: SectionReport, noted: Mapping[str, str] | None) -> SectionReport:
    """Return how a section was read of which it is not told that it was not.

    What the catalog kept beside it, records of older versions do not tell: it is what it keeps now.
    """
    known = report if report.is_known else _READ
    return known if noted is None else replace(known, reason=noted.get(str(key), ""))


def _noted(sync: LastSync | None) -> Mapping[str, str] | None:
    """Return what the catalog kept beside sections that a sync read; None: that is not known."""
    told = sync.details.get("noted_sections") if sync else None
    return told if isinstance(told, Mapping) else None


def _databases(found: StoredPast, states: Mapping[str, AccountState]) -> frozenset[str]:
    named = set(found.databases.present if found.databases else ())
    for state in states.values():
        named.add(state.database)
        for grant in state.grants:
            named.update((grant.securable.database, grant.securable.catalog))
    return frozenset(named)


def unread_by(sync: LastSync | None) -> dict[SectionKey, SectionReport] | None:
    """Return what a sync did not read; None: that is not known."""
    told = sync.details.get("unread_sections") if sync else None
    if not isinstance(told, Mapping):
        return None
    found = {}
    for text, report in told.items():
        try:
            status = SectionStatus(report["status"])
            found[SectionKey.parse(text)] = SectionReport(status, str(report["reason"]))
        except (KeyError, TypeError, ValueError):
            return None  # of a version that wrote it in another way
    return found


def _not_known(found: StoredPast, moment: datetime) -> Iterator[str]:
    """Yield the ends of sentences about one instance, or about several that they are true of."""
    if not found.is_synced:
        yield f"not synced yet at {_told(moment)}, so that nothing is known of then."
        return
    if not found.is_latest and unread_by(found.sync) is None:
        yield (
            f"what the last sync before {_told(moment)} could not read is not known any more: its "
            "record is not kept (SYNC_PIPELINE_SESSION_RETENTION_DAYS)."
        )
    elif found.sync is not None and moment - found.sync.completed_at > _LONG:
        yield (
            f"the last sync before then was on {found.sync.completed_at:%Y-%m-%d}, and what "
            "changed after it is not in this answer."
        )


def _told(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S}Z"
