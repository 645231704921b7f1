"""What accounts can do, asked of the store: one instance after the other is held."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import chain
from typing import Protocol, Self

from sync_pipeline.access import questions
from sync_pipeline.access.answers import AccessComparison, AccountAccess
from sync_pipeline.access.judged import Judged
from sync_pipeline.access.questions import Search
from sync_pipeline.engines.access.parts import Named
from sync_pipeline.engines.registry import ENGINES
from sync_pipeline.errors import ConfigurationError
from sync_pipeline.model.access import AccessWorld
from sync_pipeline.model.account import AccountState
from sync_pipeline.model.instance import Instance
from sync_pipeline.model.inventory import EVERY_GRANT, Listing, StoredAccess, Wanted
from sync_pipeline.model.looked import Lacking
from sync_pipeline.model.past import Which
from sync_pipeline.model.platform import Platform
from sync_pipeline.model.privilege import SectionKey
from sync_pipeline.model.server_fact import ServerFact, ServerFacts
from sync_pipeline.model.snapshot import SectionReport
from sync_pipeline.workflows.answers.past import PastAccess, each_at, require_past
from sync_pipeline.workflows.dependencies import SyncDeps


@dataclass(frozen=True, slots=True)
class LoadedInstance:
    """One instance with its accounts as last synced, under the rules of its engine."""

    instance: Instance
    judged: Judged
    stored: StoredAccess


def load(
    deps: SyncDeps, instances: Sequence[Instance], *, with_damaged: bool = False
) -> list[LoadedInstance]:
    """Return what the store knows of instances, in the same order.

    `with_damaged`: for a question about many, of which one does not cost the answer about the
    others. It has no accounts then, and a section that says why.

    Raises:
        StoreDamaged: what is stored of an instance is not what was written (not `with_damaged`).
    """
    return list(load_each(deps, instances, deps.clock(), with_damaged=with_damaged))


def load_each(
    deps: SyncDeps,
    instances: Sequence[Instance],
    now: datetime,
    wanted: Callable[[Instance], Wanted] = lambda _: EVERY_GRANT,
    *,
    with_damaged: bool = False,
    with_facts: bool = False,
) -> Iterator[LoadedInstance]:
    """Yield one instance after the other as of now, with those grants that are wanted of it.

    `with_facts`: with what its server is set to, which no answer about a privilege needs.
    """
    by_id = {item.id: item for item in instances}
    ids = [item.id for item in instances]
    each = deps.store.access.each(
        ids, lambda key: wanted(by_id[key]), with_damaged=with_damaged, with_facts=with_facts
    )
    for found, stored in each:
        item = by_id[found]
        version = item.server_version or ""
        judged = judge(
            item, stored.accounts, stored.sections, version, now, facts=stored.server_facts
        )
        yield LoadedInstance(item, judged, stored)


def load_each_at(
    deps: SyncDeps,
    instances: Sequence[Instance],
    moment: datetime,
    wanted: Callable[[Instance], Wanted] = lambda _: EVERY_GRANT,
    *,
    with_damaged: bool = False,
) -> Iterator[LoadedInstance]:
    """Yield one instance after the other as it was known at a past moment.

    Dates, such as a password's end, are judged as of then; the rules are those of its version.

    Raises:
        ConfigurationError: the moment has not come, or changes since then were pruned.
        StoreDamaged: what is stored is not what was written (not `with_damaged`).
    """
    require_past(deps, moment)
    return (
        LoadedInstance(item, judged_then(item, past, moment), past.stored)
        for item, past in each_at(deps, instances, moment, wanted, with_damaged=with_damaged)
    )


def judged_then(instance: Instance, past: PastAccess, moment: datetime) -> Judged:
    """Return what was known of an instance at a moment under the rules of its version of then."""
    stored = past.stored
    judged = judge(instance, stored.accounts, stored.sections, past.version, moment, past.platform)
    return replace(judged, past=past.notes)


def judge(
    instance: Instance,
    accounts: Mapping[str, AccountState],
    sections: Mapping[SectionKey, SectionReport],
    version: str,
    asked_at: datetime,
    platform: Platform | None = None,
    facts: Iterable[ServerFact] = (),
) -> Judged:
    """Return accounts of an instance under the rules of its engine, as of a moment.

    Without a platform it is the one that was recorded of the instance.
    """
    world = AccessWorld(
        instance.name,
        instance.engine,
        version,
        accounts,
        sections,
        asked_at=asked_at,
        platform=platform or instance.runs_on,
        server=ServerFacts(facts),
    )
    return Judged(world, ENGINES[instance.engine].access_rules(world))


def search(
    deps: SyncDeps,
    privilege: str,
    text: str,
    lots: Iterable[Sequence[Instance]],
    at: datetime | None = None,
    some_of: Callable[[Iterator[Judged | Lacking]], Iterator[Judged | Lacking]] = iter,
    lacks: Lacks | None = None,
) -> Search:
    """Return what finds who has a privilege on what a text names, on instances, lot by lot.

    `at` (UTC): who had it at a past moment. It looks at those that `some_of` yields of them; each
    is read when it is asked for, but for those of which `lacks` knows that they have no such thing
    now.

    Raises:
        ConfigurationError: the moment has not come, or changes since then were pruned.
    """
    named = {name: Named(text, ENGINES[name].elsewhere) for name in ENGINES}

    def wanted(item: Instance) -> Wanted:
        return named[item.engine].wanted

    def loaded(some: Sequence[Instance]) -> Iterator[LoadedInstance]:
        if at is None:
            return load_each(deps, some, deps.clock(), wanted, with_damaged=True)
        return load_each_at(deps, some, at, wanted, with_damaged=True)

    if at is not None:
        require_past(deps, at)
    listings = _Listings.of(deps)
    if lacks is None or at is not None:
        each = chain.from_iterable(map(loaded, lots))
        return Search(some_of(map(listings.listed, each)), privilege, text)
    worlds = _Worlds(loaded, listings, lacks)
    return Search(some_of(worlds.each(lots)), privilege, text, worlds.note)


class Lacks(Protocol):
    """Knows instances on which what a text names is not, and others as they were read before."""

    def known(
        self, some: Sequence[Instance], usernames: Mapping[str, str]
    ) -> Mapping[int, Lacking | LoadedInstance]:
        """Return what is known of instances, by their ids."""

    def keep(self, loaded: LoadedInstance) -> None:
        """Take one that was read."""

    def note(self, loaded: LoadedInstance, username: str, found: Lacking) -> None:
        """Take what was found of one."""


@dataclass(slots=True)
class _Worlds:
    """Yields one instance after the other, and notes on which the named turns out not to be."""

    loaded: Callable[[Sequence[Instance]], Iterator[LoadedInstance]]
    listings: _Listings
    lacks: Lacks
    last: LoadedInstance | None = None

    def each(self, lots: Iterable[Sequence[Instance]]) -> Iterator[Judged | Lacking]:
        for some in lots:
            known = self.lacks.known(some, self.listings.usernames)
            rest = self.loaded([item for item in some if item.id not in known])
            for item in some:
                found = known.get(item.id)
                if isinstance(found, Lacking):
                    yield found
                    continue
                if found is None:
                    found = next(rest)
                    self.lacks.keep(found)
                self.last = found
                yield self.listings.listed(found)

    def note(self, _judged: Judged, found: Lacking) -> None:
        if self.last is not None and not self.last.stored.is_damaged:
            username = self.listings.usernames.get(self.last.instance.credential, "")
            self.lacks.note(self.last, username, found)


@dataclass(frozen=True, slots=True)
class _Listings:
    """What all instances are listed by: the names of accounts, by credential, and the settings."""

    usernames: Mapping[str, str]
    excluded_databases: tuple[str, ...]
    excluded_accounts: tuple[str, ...]

    @classmethod
    def of(cls, deps: SyncDeps) -> Self:
        """Return it, by one statement."""
        # Their secrets are none of this question's, and of the console's least.
        usernames = deps.store.registry.usernames()
        settings = deps.settings
        return cls(usernames, settings.excluded_databases, settings.excluded_accounts)

    def listed(self, loaded: LoadedInstance) -> Judged:
        """Return an instance with what tells where an object may be."""
        instance, stored = loaded.instance, loaded.stored
        own = ENGINES[instance.engine].system_databases
        databases = stored.databases
        listing = Listing(
            databases and replace(databases, excluded=(*own, *self.excluded_databases)),
            self.usernames.get(instance.credential, ""),
            stored.changed_at,
            self.excluded_accounts,
        )
        return replace(loaded.judged, listing=listing)


def access_of(
    deps: SyncDeps, account: str, instance: str, at: datetime | None = None
) -> AccountAccess:
    """Return all that an account may do, or might at a past moment (UTC).

    Raises:
        ConfigurationError: there is, or was, no such instance or account; the moment has not
            come, or changes since then were pruned.
    """
    return questions.access_of(_judged(deps, Which(instance, account, at)), account)


def compare(deps: SyncDeps, first: Which, second: Which) -> AccessComparison:
    """Return how two accounts differ; each on its instance, and at its moment.

    Raises:
        ConfigurationError: there is, or was, no such instance or account; a moment has not come,
            or changes since then were pruned.
    """
    one, other = (_judged(deps, which) for which in (first, second))
    return questions.compare(one, first.account, other, second.account)


def _judged(deps: SyncDeps, which: Which) -> Judged:
    if which.at is None:
        (loaded,) = load(deps, [_named(deps, which.instance)])
        return loaded.judged
    found = [item for item in deps.store.registry.there_at(which.at) if item.name == which.instance]
    if not found:
        raise _no_instance(which.instance)
    (loaded,) = load_each_at(deps, found, which.at)
    return loaded.judged


def _named(deps: SyncDeps, name: str) -> Instance:
    found = deps.store.registry.instance(name)
    if found is None:
        raise _no_instance(name)
    return found


def _no_instance(name: str) -> ConfigurationError:
    return ConfigurationError(
        f"The instance {name!r} does not exist.", hint="See: sync-pipeline instances list."
    )
