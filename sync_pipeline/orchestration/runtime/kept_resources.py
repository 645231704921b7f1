"""What the steps of a run are given is put together once, not for each step and value.

Dagster makes a class for each of its contexts, some nine a step, that has the resources as
attributes. They are the same resources each time: a run initialises them once.
"""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from typing import Any

from dagster._core.definitions.scoped_resources_builder import Resources, ScopedResourcesBuilder
from dagster._core.execution.resources_init import resource_initialization_manager
from dagster._utils import EventGenerationManager


class KeptResources(ScopedResourcesBuilder):
    """Gives the resources of a run to who asks for some of them. Safe for threads."""

    def build(self, required_resource_keys: AbstractSet[str] | None) -> Resources:
        """Return these resources as attributes of one object."""
        kept: dict[frozenset[str], Resources] = vars(self).setdefault("kept", {})
        wanted = frozenset(required_resource_keys or ())
        found = kept.get(wanted)
        if found is None:
            found = kept[wanted] = super().build(required_resource_keys)
        return found


class _Manager(EventGenerationManager[ScopedResourcesBuilder]):
    """Initialises resources as Dagster does, and keeps what is built of them."""

    def get_object(self) -> ScopedResourcesBuilder:
        """Return what builds, when all are initialised."""
        return KeptResources(*super().get_object())


def kept_resources(**wanted: Any) -> EventGenerationManager[ScopedResourcesBuilder]:
    """Return what initialises the resources of a run and ends them, as Dagster's own does."""
    manager = resource_initialization_manager(**wanted)
    return _Manager(manager.generator, ScopedResourcesBuilder)
