"""Classes of accounts: counted with every sync, and listed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from sync_pipeline.access.classification.classes import AccountClass, count
from sync_pipeline.access.classification.file import parse_classes
from sync_pipeline.access.classification.subject import Population
from sync_pipeline.access.events.classes import ClassChange
from sync_pipeline.access.judged import Judged
from sync_pipeline.errors import ConfigurationError
from sync_pipeline.model.access import Turns
from sync_pipeline.model.account import AccountState
from sync_pipeline.model.change import KnownAccount, Reconciliation
from sync_pipeline.model.classification import DayCounts
from sync_pipeline.model.event import Event
from sync_pipeline.model.instance import Instance
from sync_pipeline.model.snapshot import Snapshot
from sync_pipeline.reconcile.before import states_before
from sync_pipeline.settings import Settings
from sync_pipeline.workflows.answers.access import judge
from sync_pipeline.workflows.answers.defects import log_defect
from sync_pipeline.workflows.answers.rule_files import read_rule_file
from sync_pipeline.workflows.answers.sync_news import SyncNews
from sync_pipeline.workflows.dates import date_of
from sync_pipeline.workflows.dependencies import SyncDeps


@dataclass(frozen=True, slots=True)
class Classified:
    """What a sync counted; without counts, `warning` says why, or no class is defined.

    `turns` say for how long the counts of the same accounts are these. `events` say which accounts
    came into a class or left it.
    """

    counts: DayCounts | None = None
    warning: str = ""
    turns: Turns = field(default_factory=Turns)
    events: tuple[Event, ...] = ()


def account_classes(settings: Settings) -> tuple[AccountClass, ...]:
    """Return the classes of the classification file; none where none is set.

    Raises:
        ConfigurationError: it can't be read or is not valid.
    """
    text = classes_text(settings)
    return () if text is None else parse_classes(text, str(settings.classification_file))


def classes_text(settings: Settings) -> str | None:
    """Return the text of the classification file; None where none is set.

    Raises:
        ConfigurationError: it can't be read.
    """
    path = settings.classification_file
    return None if path is None else read_rule_file(path, "SYNC_PIPELINE_CLASSIFICATION_FILE")


def classify_sync(
    deps: SyncDeps,
    instance: Instance,
    known: Callable[[], Sequence[KnownAccount]],
    result: Reconciliation,
    snapshot: Snapshot,
    news: SyncNews | None = None,
) -> Classified:
    """Count the accounts that a sync leaves active, before it is written.

    `known` returns all that were known with all of their grants; it is asked where there are
    classes. Without `news` nothing is told.

    A file or a rule that is wrong never loses the sync: there are no counts then, and a
    warning that says so.
    """
    if deps.settings.classification_file is None:
        return Classified()
    try:
        classes = account_classes(deps.settings)
        judged = _judged(instance, snapshot, active_after(known(), result))
        population = Population(instance, judged)
        counts = count(classes, population)
        events: tuple[Event, ...] = ()
        if news is not None and result.changes:
            then = _judged(instance, snapshot, states_before(known(), result).values())
            appeared = frozenset((*result.created, *result.reactivated))
            change = ClassChange(Population(instance, then), population, appeared)
            changed = {item.account for item in result.changes}
            events = tuple(change.events(classes, changed, news.origin))
    except ConfigurationError as error:
        return Classified(warning=f"Accounts were not classified: {error}")
    except Exception as error:  # noqa: BLE001 - a defect in a rule must not lose a sync
        log_defect(instance, error)
        return Classified(
            warning=f"Accounts were not classified: an unexpected {type(error).__name__}."
        )
    day = DayCounts(date_of(snapshot.observed_at, deps.settings), counts)
    return Classified(day, turns=judged.world.turns, events=events)


def _judged(instance: Instance, snapshot: Snapshot, states: Iterable[AccountState]) -> Judged:
    server = snapshot.server
    return judge(
        instance,
        {state.name: state for state in states},
        snapshot.sections,
        server.version,
        snapshot.observed_at,
        server.platform,
    )


def active_after(known: Sequence[KnownAccount], result: Reconciliation) -> tuple[AccountState, ...]:
    """Return the accounts that are active once a reconciliation is written."""
    states = {item.state.name: item.state for item in known}
    states.update({state.name: state for state in result.states})
    active = {item.state.name for item in known if item.is_active} | set(result.seen)
    return tuple(states[name] for name in sorted(active - set(result.deactivated)))


def class_named(settings: Settings, name: str) -> AccountClass:
    """Return a class of the classification file.

    Raises:
        ConfigurationError: there is no such class, or the file is not valid.
    """
    classes = {item.name: item for item in account_classes(settings)}
    if name not in classes:
        known = f"Known are: {', '.join(classes)}." if classes else "No class is defined."
        raise ConfigurationError(
            f"There is no class {name!r}.",
            hint=f"{known} SYNC_PIPELINE_CLASSIFICATION_FILE names their file.",
        )
    return classes[name]
