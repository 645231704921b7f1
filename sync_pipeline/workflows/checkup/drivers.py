"""The drivers of the engines: a fault where the fleet has an engine without one."""

from __future__ import annotations

from collections.abc import Iterator

from sync_pipeline.engines.drivers import DRIVERS
from sync_pipeline.errors import ConfigurationError
from sync_pipeline.model.checkup import Check, fault, ok
from sync_pipeline.model.instance import EngineName
from sync_pipeline.workflows.checkup.known import Asked, UnknownStore

_REINSTALL = "Install sync_pipeline again, with its locked packages (docs/install.md)."


def look(asked: Asked) -> Iterator[Check]:
    """Yield how each driver is, and whether the fleet needs it."""
    try:
        needed: set[EngineName] | None = {item.engine for item in asked.fleet().instances}
    except UnknownStore:
        needed = None
    for engines, name, loaded in DRIVERS:
        label = f"driver {name}"
        of = ", ".join(engines)
        is_needed = needed is None or bool(needed & set(engines))
        why = "" if is_needed else f" No instance is of {of}."
        try:
            version = loaded(asked.settings)
        except ConfigurationError as error:
            found = (error.message, error.hint or _REINSTALL)
        except ImportError as error:
            found = (f"It can't be loaded ({type(error).__name__}).", _REINSTALL)
        else:
            yield ok(label, f"{version} is there for {of}.{why}")
            continue
        # Of a fleet that is not known nobody can say that it needs it.
        if is_needed and needed is not None:
            yield fault(label, f"{found[0]} Instances of {of} can't be reached.", found[1])
        else:
            yield ok(label, f"{found[0]} {why.strip() or f'It is for {of}.'}", found[1])
