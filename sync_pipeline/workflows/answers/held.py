"""Who had what a rule says at each moment of one instance's history: later changes are taken back.

It is decided as now, at each moment at which it may have become another: where a sync changed what
counts, where the server became another version, where a date came that decides.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import groupby, pairwise
from typing import Any, Protocol

from sync_pipeline.access.tenures import Held
from sync_pipeline.engines.access.links import reach
from sync_pipeline.engines.base import KnowsUnreviewed
from sync_pipeline.engines.registry import ENGINES
from sync_pipeline.model.access import PowerKind
from sync_pipeline.model.account import AccountState
from sync_pipeline.model.change import ChangeType, KnownAccount, LoggedChange
from sync_pipeline.model.classification import AccountRule, Capability
from sync_pipeline.model.history import StoredHistory
from sync_pipeline.model.instance import Instance
from sync_pipeline.model.looked import HeldOf, HeldThen, LeftBySync, Span
from sync_pipeline.model.past import LastSync, StoredPast
from sync_pipeline.model.tenure import Way
from sync_pipeline.reconcile.replay import taken_back
from sync_pipeline.workflows.answers.access import LoadedInstance, judged_then
from sync_pipeline.workflows.answers.accounts import IsMeant, WantedAccounts
from sync_pipeline.workflows.answers.past import past_access

POWERS = {
    Capability.SUPERUSER: PowerKind.SUPERUSER,
    Capability.ADMINISTRATOR: PowerKind.ADMINISTRATOR,
    Capability.GRANT_ADMIN: PowerKind.GRANT_ADMIN,
    Capability.DANGEROUS: PowerKind.DANGEROUS,
}
_VERSION = ("engine", "server_version", "platform")
_Details = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Found:
    """Who held it from a moment on, by a sync of that moment or by a date that came."""

    at: datetime
    held: Held
    is_by_clock: bool = False


@dataclass(frozen=True, slots=True)
class Holding:
    """What was found of one instance, oldest first; `read_at` is when, by session of a change."""

    found: Sequence[Found]
    read_at: Mapping[str, datetime]


class KeptHeld(Protocol):
    """What was found out before."""

    def get(self, key: HeldOf, now: datetime) -> HeldThen | None:
        """Return what is kept and holds at a moment; None: nothing is."""

    def put(self, key: HeldOf, found: HeldThen) -> None:
        """Keep what was found."""


@dataclass(frozen=True, slots=True)
class Keeping:
    """Where what was found out of moments is kept; `account` is whom it is asked of, empty: all."""

    kept: KeptHeld
    account: str


def is_of_powers(rule: AccountRule) -> bool:
    """Return whether a rule asks for powers alone."""
    return not (rule.class_name or rule.roles) and POWERS.keys() >= {*rule.capabilities}


def holding(
    instance: Instance,
    history: StoredHistory,
    wanted: WantedAccounts,
    is_meant: IsMeant,
    end: datetime,
    keeping: Keeping | None = None,
) -> Holding:
    """Return who had what is wanted, from the begin of a history to a moment.

    With `keeping`, what was found out of a moment before is taken from there.

    Raises:
        StoreDamaged: an entry of the change log is not what was written.
    """
    course = _Course(instance, history, wanted, is_meant, end, keeping)
    found: list[Found] = []
    read_at: dict[str, datetime] = {}
    for item in course.found():
        if isinstance(item, Found):
            found.append(item)
        else:
            read_at.setdefault(*item)
    return Holding(found[::-1], read_at)


@dataclass(frozen=True, slots=True)
class _Course:
    instance: Instance
    history: StoredHistory
    wanted: WantedAccounts
    is_meant: IsMeant
    end: datetime
    keeping: Keeping | None

    def found(self) -> Iterator[Found | tuple[str, datetime]]:
        """Yield who held it, newest first, and when each session that changed something read it.

        The changes are taken back one sync after the other.
        """
        states = {item.state.name: item for item in self.history.present}
        upper: datetime | None = None
        lowest: datetime | None = None
        session, syncs = "", 0
        for at, entries in groupby(self.history.changes, key=_moment):
            group = list(entries)
            # What stands before a change with an earlier date counts from that date.
            if lowest is None or at < lowest:
                lowest, session = at, group[0].session_id
            if lowest <= self.end:
                yield session, lowest
                if (upper is None or lowest < upper) and self._matters(group, states):
                    told = self._details(lowest, session)
                    yield from self._within(states, syncs, told, lowest, upper)
                    upper = lowest
            states = taken_back(states.values(), (entry.change for entry in group))
            syncs += 1
        begin, first = self.history.begins_at, self.history.first_session_id
        yield from self._within(states, syncs, self._details(begin, first), begin, upper)

    def _matters(self, group: Sequence[LoggedChange], states: Mapping[str, KnownAccount]) -> bool:
        """Return whether a sync changed anything by which somebody may hold it, or no more."""
        name = self.instance.engine
        engine = ENGINES[name]
        # Under the same name may have been a server of another engine.
        is_another = any(
            mark.details.get("engine") not in (None, name) for mark in self.history.syncs
        )
        is_asked = is_another or not is_of_powers(self.wanted.rule)
        if is_asked or not isinstance(engine, KnowsUnreviewed):
            return True
        return not all(_is_plain(engine, entry, states) for entry in group)

    def _within(
        self,
        states: Mapping[str, KnownAccount],
        syncs: int,
        details: _Details,
        begin: datetime,
        end: datetime | None,
    ) -> Iterator[Found]:
        """Yield who held it between two moments in which no account changed, newest first."""
        moments = [(begin, details)]
        for before, mark in pairwise(self.history.syncs):
            is_within = begin < mark.completed_at and (end is None or mark.completed_at < end)
            if is_within and _version(mark.details) != _version(before.details):
                moments.append((mark.completed_at, mark.details))
        found: list[Found] = []
        ends = [*(at for at, _ in moments[1:]), end]
        for (at, told), upper in zip(moments, ends, strict=True):
            found += self._by_clock(states, syncs, told, at, upper)
        return reversed(found)

    def _by_clock(
        self,
        states: Mapping[str, KnownAccount],
        syncs: int,
        details: _Details,
        begin: datetime,
        end: datetime | None,
    ) -> Iterator[Found]:
        """Yield who held it at a moment, and from each date on by which that is decided."""
        at: datetime | None = begin
        while at is not None and at <= self.end and (end is None or at < end):
            held = self._held(states, syncs, details, at)
            yield Found(at, held.ways, is_by_clock=at != begin)
            at = held.span.valid_until

    def _held(
        self, states: Mapping[str, KnownAccount], syncs: int, details: _Details, at: datetime
    ) -> HeldThen:
        """Return who held it at a moment, and when that is decided anew."""
        if self.keeping is None:
            return self._judged(states, details, at)
        left = LeftBySync.of(self.instance, self.history.mark)
        told, rule = _version(details), self.wanted.rule
        key = HeldOf(left, syncs, told, rule, self.keeping.account)
        found = self.keeping.kept.get(key, at)
        if found is None:
            found = self._judged(states, details, at)
            self.keeping.kept.put(key, found)
        return found

    def _judged(
        self, states: Mapping[str, KnownAccount], details: _Details, at: datetime
    ) -> HeldThen:
        loaded = self._loaded(states, details, at)
        ways = {
            state.name: _ways(loaded, state, self.wanted.rule)
            for state in self.wanted.of(loaded, self.is_meant)
        }
        turns = loaded.judged.world.turns
        return HeldThen(ways, Span(turns.last, turns.next))

    def _loaded(
        self, states: Mapping[str, KnownAccount], details: _Details, at: datetime
    ) -> LoadedInstance:
        sync = LastSync(at, details)
        stored = StoredPast(states, self.history.sections, is_synced=True, sync=sync)
        past = past_access(self.instance, stored, at)
        then = replace(self.instance, engine=past.engine)
        return LoadedInstance(then, judged_then(then, past, at), past.stored)

    def _details(self, at: datetime, session_id: str) -> _Details:
        """Return what the sync that read the accounts of a moment told, or the last before it."""
        syncs = self.history.syncs
        for mark in syncs:
            if mark.session_id == session_id and mark.completed_at >= at:
                return mark.details
        before = bisect_right(syncs, at, key=lambda mark: mark.completed_at)
        return syncs[before - 1].details if before else {}


def _moment(entry: LoggedChange) -> datetime:
    return entry.changed_at


def _version(details: _Details) -> tuple[object, ...]:
    return tuple(details.get(name) for name in _VERSION)


def _is_plain(
    engine: KnowsUnreviewed, entry: LoggedChange, states: Mapping[str, KnownAccount]
) -> bool:
    """Return whether a change is of grants alone that give and take no power."""
    change = entry.change
    if change.change_type not in (ChangeType.MODIFY_PRIVILEGE, ChangeType.MODIFY_OTHER):
        return False
    diff, holder = change.diff, states[change.account].state
    others = (diff.fields, diff.memberships_added, diff.memberships_removed)
    return not any(others) and all(
        engine.is_unreviewed(holder, grant) for grant in (*diff.grants_added, *diff.grants_removed)
    )


def _ways(loaded: LoadedInstance, state: AccountState, rule: AccountRule) -> tuple[Way, ...]:
    """Return by what an account has it, as far as a path tells that."""
    kinds = [POWERS[item] for item in rule.capabilities if item in POWERS]
    powers = loaded.judged.powers(state.name, *kinds) if kinds else ()
    found = [
        Way(str(item.kind), item.source, tuple(map(str, item.path)), str(item.availability))
        for item in powers
    ]
    return tuple(dict.fromkeys((*found, *_by_roles(loaded, state.name, rule.roles))))


def _by_roles(loaded: LoadedInstance, name: str, roles: Sequence[str]) -> Iterator[Way]:
    if not roles:
        return
    accounts = loaded.judged.world.accounts

    def edges(one: str) -> Iterator[tuple[str, str]]:
        state = accounts.get(one)
        return ((item.role, "member") for item in (state.memberships if state else ()))

    reached = reach(name, edges)
    for role in roles:
        if role in reached and role != name:
            yield Way("role", "", tuple(map(str, reached[role].path)))
