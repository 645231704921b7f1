"""Privileges, powers and what is not known of them, as JSON values and as cells."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from operator import attrgetter
from typing import Any

from sync_pipeline.model.access import EffectivePrivilege, Path, Power, path_text
from sync_pipeline.model.gap import Gap
from sync_pipeline.model.privilege import SECURABLE_PARTS, Securable

_parts = attrgetter(*SECURABLE_PARTS)


def way(entry: EffectivePrivilege) -> tuple[object, ...]:
    """Return the cells that say how an account comes by a privilege."""
    grantable = "yes" if entry.grantable else ""
    return path_text(entry.path), entry.source, grantable, "; ".join(entry.lacking)


def gaps_json(gaps: Iterable[Gap]) -> list[dict[str, str]]:
    """Return what is not known, why, and the statement that lets it be read."""
    fields = ("what", "status", "database", "section", "why", "needs")
    return [{name: str(value) for name in fields if (value := getattr(gap, name))} for gap in gaps]


def entry_json(item: EffectivePrivilege) -> dict[str, Any]:
    """Return a way to a privilege as JSON values."""
    return {
        "privilege": item.privilege,
        "securable": securable_json(item.securable),
        "source": item.source,
        "availability": item.availability,
        "grantable": item.grantable,
        "lacking": list(item.lacking),
        "path": path_json(item.path),
    }


def power_json(item: Power) -> dict[str, Any]:
    """Return a power as JSON values."""
    return {
        "kind": item.kind,
        "source": item.source,
        "availability": item.availability,
        "path": path_json(item.path),
    }


@lru_cache(maxsize=64)
def securable_json(item: Securable) -> dict[str, str]:
    """Return an object as JSON values, the same ones for all holders of it."""
    values = zip(SECURABLE_PARTS, _parts(item), strict=True)
    return {name: str(value) for name, value in values if value}


def path_json(path: Path) -> list[dict[str, str]]:
    """Return a path as JSON values."""
    return [{"account": step.account, "how": step.how} for step in path]
