"""Since when accounts have what is asked about, until when they had it, and by which path.

As exact as syncs are: a begin lies between a sync that did not find it yet and one that did.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from sync_pipeline.access.syncs import SyncOfCourse, blanks_of, known_before
from sync_pipeline.access.tenures import Look, tenures_of
from sync_pipeline.errors import ConfigurationError, StoreDamaged
from sync_pipeline.model.account import AccountState
from sync_pipeline.model.classification import AccountRule, Capability
from sync_pipeline.model.gap import Gap
from sync_pipeline.model.history import Beginning, StoredHistory, SyncMark
from sync_pipeline.model.instance import Instance
from sync_pipeline.model.past import LastSync
from sync_pipeline.model.privilege import SectionKey, SectionName
from sync_pipeline.model.snapshot import SectionReport
from sync_pipeline.model.tenure import EdgeKind, InstanceTenures
from sync_pipeline.workflows.answers.accounts import IsMeant, WantedAccounts
from sync_pipeline.workflows.answers.held import Holding, Keeping, holding, is_of_powers
from sync_pipeline.workflows.answers.past import unread_by
from sync_pipeline.workflows.dependencies import SyncDeps

_OF_POWER = frozenset(
    {
        SectionName.ACCOUNTS,
        SectionName.MEMBERSHIPS,
        SectionName.SERVER,
        SectionName.PARAMETER,
        SectionName.PROXY,
        SectionName.PRINCIPAL,
    }
)
"""The sections of which a power comes; a note tells of any other that was not read."""
_OF_SERVER_ALONE = frozenset({Capability.SUPERUSER, Capability.ADMINISTRATOR})
_BEGINS = {
    Beginning.FIRST_SYNC: EdgeKind.FIRST_SYNC,
    Beginning.PRUNED: EdgeKind.PRUNED,
    Beginning.ASKED: EdgeKind.ASKED,
}


def _each(_state: AccountState) -> bool:
    return True


def tenures(
    deps: SyncDeps,
    instances: Sequence[Instance],
    rule: AccountRule,
    since: datetime | None = None,
    until: datetime | None = None,
    is_meant: IsMeant = _each,
    *,
    only_changed: bool = False,
    account: str | None = None,
) -> Iterator[InstanceTenures]:
    """Return one instance after the other with who had what a rule says, from when to when.

    Of a period (UTC): those that were held at some moment of it. Without: as far back as changes
    are kept, until now. An instance costs its own changes since the period's begin, and one look
    at its syncs of that time. What can't be read of one is a note. `only_changed`: those of which
    no account has changed since the period's begin are left out, at the cost of a seek each: for
    who asks what began and ended in it. `account` says whom `is_meant` means, empty: all: what is
    found out of them is kept in the process then, for whoever asks again.

    Raises:
        ConfigurationError: the period ends before it begins, or begins in the future; there is no
            such class.
    """
    now = deps.clock()
    end = now if until is None else min(until, now)
    if since is not None and since > end:
        raise ConfigurationError(
            "The period ends before it begins, or has not come yet.",
            hint="Give --since a moment that is before --until, and past.",
        )
    wanted = WantedAccounts.of_rule(deps, rule)
    by_id = {item.id: item for item in instances}
    keeping = None
    # What a class says is written in a file, which may be another one soon.
    if account is not None and wanted.in_class is None:
        keeping = Keeping(deps.store.looked_through.held, account)

    def told(key: int, history: StoredHistory) -> InstanceTenures:
        found = holding(by_id[key], history, wanted, is_meant, end, keeping)
        return _told(by_id[key].name, history, found, rule, end)

    each = deps.store.histories.each(
        list(by_id), told, since, until and end, only_changed=only_changed
    )
    return (_answer(by_id[key].name, found, end) for key, found in each)


def _answer(
    name: str, found: InstanceTenures | StoreDamaged | None, end: datetime
) -> InstanceTenures:
    if found is None:
        told = f"{name}: not synced yet at {end:%Y-%m-%d %H:%M:%S}Z, so that nothing is known."
        return InstanceTenures(name, notes=(told,))
    if isinstance(found, StoreDamaged):
        return InstanceTenures(name, notes=(str(found),))
    return found


def _told(
    name: str, history: StoredHistory, found: Holding, rule: AccountRule, end: datetime
) -> InstanceTenures:
    syncs = [item for item in _course(history, found, rule) if item.at <= end]
    held_at = max((item.at for item in syncs), default=history.begins_at)
    made = tenures_of(name, _looks(history, found, syncs), held_at, blanks_of(syncs, end))
    return InstanceTenures(name, made, tuple(_notes(name, history, syncs)))


def _course(history: StoredHistory, found: Holding, rule: AccountRule) -> list[SyncOfCourse]:
    """Return the syncs in order; of those whose records are gone, the ones that changed."""
    read_at = dict(found.read_at)
    if history.beginning is Beginning.FIRST_SYNC:
        read_at[history.first_session_id] = history.begins_at
    marked = {item.session_id for item in history.syncs}
    course = [_sync(item, read_at.get(item.session_id), rule) for item in history.syncs]
    course += [
        SyncOfCourse(at, at, {}, is_known=False)
        for session_id, at in read_at.items()
        if session_id not in marked
    ]
    return sorted(course, key=lambda item: item.at)


def _sync(mark: SyncMark, read_at: datetime | None, rule: AccountRule) -> SyncOfCourse:
    unread = unread_by(LastSync(mark.completed_at, mark.details))
    return SyncOfCourse(
        read_at or mark.completed_at,
        min(mark.began_at, read_at or mark.began_at),
        {key: report for key, report in (unread or {}).items() if _decides(key, report, rule)},
        mark.before_at,
        unread is not None,
        mark.is_after_gap,
    )


def _decides(key: SectionKey, report: SectionReport, rule: AccountRule) -> bool:
    """Return whether a section that was not read may decide what is asked about."""
    if report.is_meant or not is_of_powers(rule):
        return not report.is_meant
    is_elsewhere = bool(key.database) and _OF_SERVER_ALONE.issuperset(rule.capabilities)
    return key.name in _OF_POWER and not is_elsewhere


def _looks(
    history: StoredHistory, holding_: Holding, syncs: Sequence[SyncOfCourse]
) -> Iterator[Look]:
    """Yield who held it in order, with when the last sync before began that could tell."""
    known: Mapping[datetime, datetime | None] = known_before(syncs)
    began = {item.at: item.began_at for item in syncs}
    first_unread = next((item.at for item in syncs if item.unread), None)
    for number, item in enumerate(holding_.found):
        if number == 0:
            kind = _BEGINS[history.beginning]
            began_at = began.get(item.at) if kind is EdgeKind.FIRST_SYNC else None
            yield Look(item.at, None, began_at, kind, item.held)
        elif item.is_by_clock:
            yield Look(item.at, None, item.at, EdgeKind.CLOCK, item.held)
        else:
            after = known.get(item.at)
            is_unread = after is None and first_unread is not None and first_unread < item.at
            kind = EdgeKind.UNREAD if is_unread else EdgeKind.SEEN
            yield Look(item.at, after, began.get(item.at), kind, item.held)


def _notes(name: str, history: StoredHistory, syncs: Sequence[SyncOfCourse]) -> Iterator[str]:
    """Yield sentences on what is not known of an instance."""
    if history.beginning is Beginning.PRUNED:
        yield (
            f"{name}: what was before {history.begins_at:%Y-%m-%d %H:%M}Z is not known any more: "
            "changes are kept for SYNC_PIPELINE_CHANGE_RETENTION_DAYS days."
        )
    if any(not item.is_known for item in syncs):
        first = next((item.at for item in syncs if item.is_known), None)
        before = f" before {first:%Y-%m-%d %H:%M}Z" if first else ""
        yield (
            f"{name}: what syncs{before} could not read is not known any more: their records are "
            "not kept (SYNC_PIPELINE_SESSION_RETENTION_DAYS)."
        )
    for key, report in _unread_last(history).items():
        if not report.is_meant:
            yield f"{name}: {Gap.of_section(key, report).told}"


def _unread_last(history: StoredHistory) -> Mapping[SectionKey, SectionReport]:
    if not history.syncs:
        return {}
    last = history.syncs[-1]
    return unread_by(LastSync(last.completed_at, last.details)) or {}
