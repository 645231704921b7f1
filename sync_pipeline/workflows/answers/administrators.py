"""Who got power in a time and who lost it, and between which syncs: replayed from the change log.

Powers are judged as `accounts list --capability` judges them, under the rules of this version at
both ends, so that an upgrade of ours makes nobody an administrator.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import groupby

from sync_pipeline.access.classification.subject import Population
from sync_pipeline.access.judged import Judged
from sync_pipeline.access.telling import alike
from sync_pipeline.errors import ConfigurationError, StoreDamaged
from sync_pipeline.model.access import AccessWorld, PowerKind, path_text
from sync_pipeline.model.change import AccountChange, KnownAccount
from sync_pipeline.model.instance import Instance
from sync_pipeline.model.past import StoredSince
from sync_pipeline.model.privilege import OF_SERVER, SectionKey
from sync_pipeline.model.report import AdministratorNews, FirstRead, PowerSpell
from sync_pipeline.model.snapshot import SectionReport
from sync_pipeline.reconcile.replay import taken_back
from sync_pipeline.workflows.answers.access import judge
from sync_pipeline.workflows.answers.past import past_access, require_past
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
    require_past(deps, since)
    ids = deps.store.accounts.changed_since(since, [item.id for item in instances])
    by_id = {item.id: item for item in instances if item.id in ids}
    now = deps.clock()
    found = {
        key: _told(by_id[key], stored, since, now)
        for key, stored in deps.store.past.changed(list(by_id), since)
    }
    ordered = [found[key] for key in by_id if key in found]
    spells = [spell for item in ordered for spell in item.spells]
    spells.sort(key=lambda item: (item.instance, item.account, KINDS.index(item.power)))
    notes = alike([gap for item in ordered for gap in item.gaps])
    first = tuple(item.first for item in ordered if item.first)
    return AdministratorNews(tuple(spells), first, tuple(notes)[:MOST_NOTES])


@dataclass(frozen=True, slots=True)
class _Told:
    """What is told of one instance; `gaps` are its name and what is not known of it."""

    spells: tuple[PowerSpell, ...] = ()
    first: FirstRead | None = None
    gaps: tuple[tuple[str, str], ...] = ()


def _told(
    instance: Instance, stored: StoredSince | StoreDamaged, since: datetime, now: datetime
) -> _Told:
    if isinstance(stored, StoreDamaged):
        return _Told(gaps=((instance.name, f"{instance.name}: {stored.message}"),))
    name = instance.name
    present = {item.state.name: item.state for item in stored.known if item.is_active}
    version = instance.server_version or ""
    judged = judge(instance, present, stored.sections, version, now)
    course = _Course(instance, judged.world, stored, since)
    spells = tuple(course.spells())
    if not stored.then.is_synced:
        holders = {account for account, _ in _holds(instance, judged)}
        return _Told(spells, FirstRead(name, len(holders)))
    then = past_access(instance, replace(stored.then, accounts=course.before), since)
    return _Told(spells, gaps=tuple((name, text) for text in then.notes))


@dataclass(slots=True)
class _Course:
    """What an instance was from a moment on, made by taking back one sync after the other.

    `world` is what is known of it now. `before` are the accounts of the moment itself, once the
    spells are made; where the first sync came later, those that it found, which are no news.
    """

    instance: Instance
    world: AccessWorld
    stored: StoredSince
    since: datetime
    before: dict[str, KnownAccount] = field(default_factory=dict)

    def spells(self) -> Iterator[PowerSpell]:
        """Yield each time for which an account had a power, that began or ended since.

        Where a section that is read now was not then, nothing that came is certain.
        """
        moments = [
            (at, [entry.change for entry in entries])
            for at, entries in groupby(self.stored.changes, key=lambda entry: entry.changed_at)
        ]
        begins_at = self.since
        if not self.stored.then.is_synced and moments:
            begins_at, _ = moments.pop()
        states = list(self._states(moments, begins_at))
        states.reverse()
        is_certain = not _is_newly_read(self._sections(begins_at), self.world.sections)
        yield from _between(self.instance.name, states, is_certain=is_certain)

    def _states(
        self, moments: Iterable[tuple[datetime, Sequence[AccountChange]]], begins_at: datetime
    ) -> Iterator[tuple[datetime | None, _Holds]]:
        """Yield what was held from each moment on, newest first; the last has none: before all."""
        known = {item.state.name: item for item in self.stored.known}
        for number, (at, changes) in enumerate(moments):
            if number < MOST_MOMENTS:
                yield at, self._held(known, at)
            known = taken_back(known.values(), changes)
        self.before = known
        yield None, self._held(known, begins_at)

    def _held(self, known: Mapping[str, KnownAccount], at: datetime) -> _Holds:
        states = {name: item.state for name, item in known.items() if item.is_active}
        world = self.world
        judged = judge(self.instance, states, world.sections, world.version, at, world.platform)
        return _holds(self.instance, judged)

    def _sections(self, begins_at: datetime) -> _Sections:
        """Return how the sync with which the time begins had read each section."""
        then = replace(self.stored.then, accounts=self.before)
        if not then.is_synced:
            first = self.stored.first_sync
            then = replace(then, is_synced=True, sync=first, sections=self.stored.sections_ever)
        return past_access(self.instance, then, begins_at).stored.sections


def _holds(instance: Instance, judged: Judged) -> _Holds:
    """Return what the accounts hold that are not the engine's own, with the way to it."""
    found: dict[tuple[str, PowerKind], str] = {}
    for subject in Population(instance, judged).subjects():
        if subject.is_own:
            continue
        name = subject.state.name
        for power in judged.powers(name, *KINDS):
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
