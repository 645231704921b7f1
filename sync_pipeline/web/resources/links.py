"""Values that lead to another page."""

from __future__ import annotations

from datetime import datetime

from sync_pipeline.web.views import Link


def instance_link(name: str) -> Link:
    """Return the name of an instance, which leads to its page."""
    return Link(name, "/instance", {"name": name})


def account_link(instance: str, name: str, at: datetime | None = None) -> Link | None:
    """Return the name of an account, which leads to its page, of a moment where one is given.

    None for the instance itself.
    """
    if not name:
        return None
    of = {"at": shown_at(at)} if at else {}
    return Link(name, "/account", {"instance": instance, "name": name, **of})


def history_link(instance: str, name: str) -> Link:
    """Return the name of an account that may be known of before the move alone."""
    return Link(name, "/history", {"instance": instance, "name": name})


def session_link(session_id: str) -> Link:
    """Return the id of a session, which leads to its page."""
    return Link(session_id, "/session", {"id": session_id})


def shown_at(at: datetime) -> str:
    """Return a moment (UTC) as addresses have it."""
    return at.isoformat().replace("+00:00", "Z")


def capacity_link(text: str, instance: str, database: str = "") -> Link:
    """Return a text that leads to the sizes of an instance, or of one of its databases."""
    if database:
        return Link(text, "/capacity-database", {"instance": instance, "database": database})
    return Link(text, "/capacity-instance", {"instance": instance})
