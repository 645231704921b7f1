"""Who got power in a time and who lost it, and between which syncs: replayed from the change log.

Powers are judged as `accounts list --capability` judges them, under the rules of this version at
both ends, so that an upgrade of ours makes nobody an administrator.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

from sync_pipeline.access.classification.subject import Population
from sync_pipeline.access.telling import alike
from sync_pipeline.errors import ConfigurationError, StoreDamaged
from sync_pipeline.model.access import PowerKind, path_text
from sync_pipeline.model.change import AccountChange, KnownAccount
from sync_pipeline.model.instance import Instance
from sync_pipeline.model.privilege import OF_SERVER, SectionKey
from sync_pipeline.model.report import AdministratorNews, FirstRead, PowerSpell
from sync_pipeline.model.snapshot import SectionReport
from sync_pipeline.reconcile.replay import taken_back
from sync_pipeline.workflows.answers.access import (
    LoadedInstance,
    judge,
    load_each,
    load_each_at,
)
from sync_pipeline.workflows.dependencies import SyncDeps

KINDS = (PowerKind.SUPERUSER, PowerKind.GRANT_ADMIN, PowerKind.DANGEROUS)
MOST_MOMENTS = 60
"""Of an instance of which the powers are judged; before these, several syncs count as one."""
MOST_NOTES = 200
_Holds = Mapping[tuple[str, PowerKind], str]
"""How each account comes by each power that it has."""
_Sections = Mapping[SectionKey, SectionReport]


def administrator_news(
    deps: SyncDeps, instances: Sequence[Instance], since: datetime
) -> AdministratorNews:
    """Return whose power came and went since a moment (UTC), by instance and account.

    Instances that did not change since are not read, and no more than one is held.
    """
    try:
        return _news(deps, instances, since)
    except ConfigurationError as error:
        return AdministratorNews(notes=(f"{error.message} {error.hint}".strip(),))


def _news(deps: SyncDeps, instances: Sequence[Instance], since: datetime) -> AdministratorNews:
    ids = deps.store.accounts.changed_since(since, [item.id for item in instances])
    changed = [item for item in instances if item.id in ids]
    spells: list[PowerSpell] = []
    first: list[FirstRead] = []
    gaps: list[tuple[str, str]] = []
    then = load_each_at(deps, changed, since, with_damaged=True)
    present = load_each(deps, changed, deps.clock(), with_damaged=True)
    for before, now in zip(then, present, strict=True):
        name = now.instance.name
        is_first = not before.judged.is_synced
        if is_first:
            first.append(FirstRead(name, len({account for account, _ in _holds(now)})))
        else:
            gaps += [(name, text) for text in before.judged.past]
        try:
            sections = None if is_first else before.stored.sections
            spells += spells_since(deps, now, sections, since)
        except StoreDamaged as error:
            gaps.append((name, f"{name}: {error.message}"))
    notes = alike(gaps)
    spells.sort(key=lambda item: (item.instance, item.account, KINDS.index(item.power)))
    return AdministratorNews(tuple(spells), tuple(first), tuple(notes)[:MOST_NOTES])


def spells_since(
    deps: SyncDeps, now: LoadedInstance, sections: _Sections | None, since: datetime
) -> Iterator[PowerSpell]:
    """Yield each time for which an account of an instance had a power, that began or ended since.

    `sections` are those of then: where one that is read now was not, nothing that came is certain.
    None: the first sync of the instance came later, and what it found is no news.

    Raises:
        ConfigurationError: changes since then were pruned.
        StoreDamaged: what is stored is not what was written.
    """
    views, changes = deps.store.accounts.since(since, [now.instance.id])
    known = {view.state.name: KnownAccount(view.state, view.is_active) for view in views}
    moments = [
        (at, [entry.change for entry in entries])
        for at, entries in groupby(changes, key=lambda entry: entry.changed_at)
    ]
    if sections is None and moments:
        since, _ = moments.pop()
        (begun,) = load_each_at(deps, [now.instance], since, with_damaged=True)
        sections = begun.stored.sections
    states = list(_states(now, known, moments, since))
    states.reverse()
    is_certain = not _is_newly_read(sections or {}, now.stored.sections)
    yield from _between(now.instance.name, states, is_certain=is_certain)


def _states(
    now: LoadedInstance,
    known: Mapping[str, KnownAccount],
    moments: Iterable[tuple[datetime, Sequence[AccountChange]]],
    since: datetime,
) -> Iterator[tuple[datetime | None, _Holds]]:
    """Yield what was held from each moment on, newest first; the last has no moment: before all."""
    for number, (at, changes) in enumerate(moments):
        if number < MOST_MOMENTS:
            yield at, _holds(_then(now, known, at))
        known = taken_back(known.values(), changes)
    yield None, _holds(_then(now, known, since))


def _then(now: LoadedInstance, known: Mapping[str, KnownAccount], at: datetime) -> LoadedInstance:
    world = now.judged.world
    states = {name: item.state for name, item in known.items() if item.is_active}
    judged = judge(now.instance, states, world.sections, world.version, at, world.platform)
    return LoadedInstance(now.instance, judged, now.stored)


def _holds(loaded: LoadedInstance) -> _Holds:
    """Return what the accounts hold that are not the engine's own, with the way to it."""
    found: dict[tuple[str, PowerKind], str] = {}
    for subject in Population(loaded.instance, loaded.judged).subjects():
        if subject.is_own:
            continue
        name = subject.state.name
        for power in loaded.judged.powers(name, *KINDS):
            found.setdefault((name, power.kind), f"{path_text(power.path)}: {power.source}")
    return found


def _is_newly_read(before: _Sections, now: _Sections) -> bool:
    return any(
        report.is_known and key.name not in OF_SERVER and not _was_known(before, key)
        for key, report in now.items()
    )


def _was_known(before: _Sections, key: SectionKey) -> bool:
    """Return whether a section was read; one of a database that was not there is no gap."""
    report = before.get(key)
    return bool(key.database) if report is None else report.is_known


@dataclass(slots=True)
class _Open:
    since: datetime | None
    path: str


def _between(
    instance: str, states: Sequence[tuple[datetime | None, _Holds]], *, is_certain: bool
) -> Iterator[PowerSpell]:
    """Yield the spells of states, oldest first, that began or ended between them."""
    open_now: dict[tuple[str, PowerKind], _Open] = {}
    for at, holds in states:
        for key in [key for key in open_now if key not in holds]:
            was = open_now.pop(key)
            sure = is_certain or was.since is None
            yield PowerSpell(instance, *key, was.since, at, was.path, sure)
        for key, path in holds.items():
            if key not in open_now:
                open_now[key] = _Open(at, path)
            else:
                open_now[key].path = path
    for key, item in open_now.items():
        if item.since is not None:
            yield PowerSpell(instance, *key, item.since, None, item.path, is_certain)
