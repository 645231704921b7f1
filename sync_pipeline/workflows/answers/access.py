"""What accounts can do, asked of the store: one instance after the other is held."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sync_pipeline.access import questions
from sync_pipeline.access.answers import AccessComparison, AccountAccess, WhoCan
from sync_pipeline.access.judged import Judged
from sync_pipeline.engines.access.parts import Named
from sync_pipeline.engines.registry import ENGINES
from sync_pipeline.errors import ConfigurationError
from sync_pipeline.model.access import AccessWorld
from sync_pipeline.model.account import AccountState
from sync_pipeline.model.instance import Instance
from sync_pipeline.model.inventory import EVERY_GRANT, StoredAccess, Wanted
from sync_pipeline.model.platform import Platform
from sync_pipeline.model.privilege import SectionKey
from sync_pipeline.model.snapshot import SectionReport
from sync_pipeline.workflows.dependencies import SyncDeps


@dataclass(frozen=True, slots=True)
class LoadedInstance:
    """One instance with its accounts as last synced, under the rules of its engine."""

    instance: Instance
    judged: Judged
    stored: StoredAccess


def load(deps: SyncDeps, instances: Sequence[Instance]) -> list[LoadedInstance]:
    """Return what the store knows of instances, in the same order."""
    return list(_each(deps, instances, lambda _: EVERY_GRANT))


def _each(
    deps: SyncDeps, instances: Sequence[Instance], wanted: Callable[[Instance], Wanted]
) -> Iterator[LoadedInstance]:
    """Yield one instance after the other, with those grants that are wanted of it."""
    by_id = {item.id: item for item in instances}
    now = deps.clock()
    ids = [item.id for item in instances]
    for found, stored in deps.store.access.each(ids, lambda key: wanted(by_id[key])):
        item = by_id[found]
        version = item.server_version or ""
        judged = judge(item, stored.accounts, stored.sections, version, now)
        yield LoadedInstance(item, judged, stored)


def judge(
    instance: Instance,
    accounts: Mapping[str, AccountState],
    sections: Mapping[SectionKey, SectionReport],
    version: str,
    asked_at: datetime,
    platform: Platform | None = None,
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
        platform=platform or instance.platform or Platform.SELF_RUN,
    )
    return Judged(world, ENGINES[instance.engine].access_rules(world))


def who_can(deps: SyncDeps, privilege: str, text: str, instances: Sequence[Instance]) -> WhoCan:
    """Return who has a privilege on what a text names, on these instances.

    Raises:
        ConfigurationError: the text names nothing.
    """
    named = {name: Named(text, ENGINES[name].elsewhere) for name in ENGINES}
    loaded = _each(deps, instances, lambda item: named[item.engine].wanted)
    return questions.who_can((item.judged for item in loaded), privilege, text)


def access_of(deps: SyncDeps, account: str, instance: str) -> AccountAccess:
    """Return all that an account may do.

    Raises:
        ConfigurationError: there is no such instance or account.
    """
    (loaded,) = load(deps, [_named(deps, instance)])
    return questions.access_of(loaded.judged, account)


def compare(
    deps: SyncDeps, first: str, second: str, instance: str, other_instance: str
) -> AccessComparison:
    """Return how two accounts differ; each on its instance.

    Raises:
        ConfigurationError: there is no such instance or account.
    """
    one, other = load(deps, [_named(deps, instance), _named(deps, other_instance)])
    return questions.compare(one.judged, first, other.judged, second)


def _named(deps: SyncDeps, name: str) -> Instance:
    found = deps.store.registry.instance(name)
    if found is None:
        raise ConfigurationError(
            f"The instance {name!r} does not exist.", hint="See: sync-pipeline instances list."
        )
    return found
