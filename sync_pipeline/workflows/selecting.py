"""What `--instance`, `--tag`, `--engine` and `--environment` select, wherever they are given."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sync_pipeline.errors import ConfigurationError
from sync_pipeline.model.instance import Instance, Selection, require_known
from sync_pipeline.store.store import Store


def registered(store: Store, selection: Selection) -> list[Instance]:
    """Return what is selected of the instances that were not removed, active or not, by name.

    Raises:
        ConfigurationError: a value is that of no such instance.
    """
    return _taken(store.registry.instances(), selection)


@dataclass(frozen=True, slots=True)
class Past:
    """The instances whose history is asked for; None: all.

    `unknown` is a sentence where a name is of no instance there ever was. Its history is empty.
    """

    instances: tuple[Instance, ...] | None = None
    unknown: str = ""

    @property
    def ids(self) -> tuple[int, ...] | None:
        """Return the ids of these; None: all."""
        return None if self.instances is None else tuple(item.id for item in self.instances)

    @property
    def names(self) -> tuple[str, ...] | None:
        """Return the names of these; None: all."""
        return None if self.instances is None else tuple(item.name for item in self.instances)

    def nothing(self, sentence: str) -> str:
        """Return what is said where nothing was found."""
        return f"{sentence} {self.unknown}" if self.unknown else sentence


def ever(store: Store, selection: Selection) -> Past:
    """Return what is selected of all instances there ever were, removed ones too.

    Raises:
        ConfigurationError: a tag or an environment is that of no such instance.
    """
    if selection.is_everything:
        return Past()
    everything = store.registry.ever()
    known = {item.name for item in everything}
    strange = [name for name in selection.names if name not in known]
    named = replace(selection, names=tuple(name for name in selection.names if name in known))
    found = [item for item in _taken(everything, named) if selection.takes(item)]
    sentence = f"The instance {strange[0]!r} does not exist." if strange else ""
    return Past(tuple(found), sentence)


def selected_ever(store: Store, selection: Selection) -> list[Instance]:
    """Return what is selected of all instances there ever were, by name.

    Raises:
        ConfigurationError: a value is that of no such instance.
    """
    return _taken(store.registry.ever(), selection)


def ever_ids(store: Store, selection: Selection) -> tuple[int, ...] | None:
    """Return the ids of what is selected of all instances there ever were; None: all.

    Raises:
        ConfigurationError: a value is that of no such instance.
    """
    if selection.is_everything:
        return None
    return tuple(item.id for item in selected_ever(store, selection))


def active(store: Store, selection: Selection) -> list[Instance]:
    """Return what is selected of the active instances; one that is named need not be active.

    Raises:
        ConfigurationError: a value is that of no such instance, or nothing is selected.
    """
    everything = store.registry.instances()
    found = [
        item
        for item in _taken(everything, selection)
        if item.is_active or item.name in selection.names
    ]
    if not found and selection.is_everything:
        raise ConfigurationError(
            "There is no active instance.", hint="Add one: sync-pipeline instances add."
        )
    if not found:
        raise ConfigurationError(
            "No active instance is selected.", hint="See: sync-pipeline instances list."
        )
    return found


def asked_about(store: Store, selection: Selection, at: datetime | None) -> list[Instance]:
    """Return the instances that a question about access is about: those that are active.

    At a past moment: those that had not been removed by then, active now or not.

    Raises:
        ConfigurationError: a value is that of no such instance, or nothing is selected.
    """
    if at is None:
        return active(store, selection)
    found = _taken(store.registry.there_at(at), selection)
    if not found:
        raise ConfigurationError(
            "No instance of then is selected.", hint="See: sync-pipeline instances list."
        )
    return found


def _taken(everything: Sequence[Instance], selection: Selection) -> list[Instance]:
    require_known(selection, {item.name for item in everything})
    tags = (tag for item in everything for tag in item.tags)
    _require(selection.tags, tags, "No instance has the tag")
    environments = (item.environment for item in everything)
    _require(selection.environments, environments, "No instance is in the environment")
    return [item for item in everything if selection.takes(item)]


def _require(wanted: Iterable[str], there: Iterable[str | None], sentence: str) -> None:
    known = set(there)
    for value in wanted:
        if value not in known:
            raise ConfigurationError(
                f"{sentence} {value!r}.", hint="See: sync-pipeline instances list."
            )
