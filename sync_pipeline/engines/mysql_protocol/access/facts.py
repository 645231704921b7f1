"""What a review asks of an account of MySQL or MariaDB, from its attributes."""

from __future__ import annotations

from datetime import datetime

from sync_pipeline.engines.mysql_protocol.access.names import user_and_host
from sync_pipeline.engines.mysql_protocol.accounts.hosts import is_any_host
from sync_pipeline.engines.mysql_protocol.accounts.plugins import (
    EMPTY,
    INVALID,
    SET,
    STORES_PASSWORD,
)
from sync_pipeline.engines.mysql_protocol.accounts.rows import NO_ACCOUNT
from sync_pipeline.model.access import AccountFacts
from sync_pipeline.model.account import AccountKind, AccountState, AttributeValue

WEAK = {
    "mysql_native_password": "mysql_native_password keeps an unsalted SHA-1 of the password",
    "mysql_old_password": "mysql_old_password keeps a hash that is broken within minutes",
    "mysql_clear_password": "mysql_clear_password sends the password in clear text",
}
"""MySQL 8.4 Reference Manual 8.4.1.1 (deprecated, insecure) and 8.4.1.4; MariaDB
Knowledge Base, Authentication Plugin - mysql_native_password and mysql_old_password."""


_HERE = frozenset({"localhost", "localhost.localdomain", "127.0.0.1", "127.%", "::1"})
"""Hosts from which a client is on the server's own, whose way to it nobody listens to."""


def has_password(state: AccountState) -> bool:
    """Return whether an account logs in with a password that the server keeps."""
    methods = _methods(dict(state.attributes))
    return state.kind is AccountKind.USER and any(_is_by_password(*item) for item in methods)


def has_empty_password(state: AccountState) -> bool:
    """Return whether one logs in with nothing: no method of the account needs anything."""
    methods = _methods(dict(state.attributes))
    return bool(methods) and all(_is_empty(*item) for item in methods)


def facts_of(
    state: AccountState,
    *,
    is_system: bool,
    is_built_in: bool,
    is_provider: bool = False,
    login_advice: str = "",
) -> AccountFacts:
    """Return the facts of one account. Roles are no people: they have no login to judge."""
    attributes = dict(state.attributes)
    if state.kind is not AccountKind.USER:
        return AccountFacts(is_system=is_system, is_provider=is_provider)
    user, host = user_and_host(state.name) or (state.name, "")
    plugins = _plugins(attributes)
    with_password = has_password(state)
    weakness = _weak(attributes) if state.can_login else ""
    return AccountFacts(
        is_system=is_system,
        is_built_in=is_built_in,
        is_provider=is_provider,
        is_anonymous=user == "",
        has_no_account=_flag(attributes, NO_ACCOUNT) is True,
        is_any_host=is_any_host(host),
        user=user,
        authentication=", ".join(plugins),
        weak_authentication=weakness,
        login_advice=login_advice if weakness else "",
        has_no_password=state.can_login and _has_no_password(attributes),
        never_expires=_never_expires(attributes) if with_password else None,
        is_expired=_flag(attributes, "password_expired"),
        has_password_rules=_flag(attributes, "validates_passwords") if with_password else None,
        password_changed_at=_changed_at(attributes) if with_password else None,
        requires_tls="ssl_type" in attributes if attributes else None,
        is_from_elsewhere=host not in _HERE,
    )


def _changed_at(attributes: dict[str, AttributeValue]) -> datetime | None:
    """Return when the password was set; None: the server says no such moment."""
    try:
        found = datetime.fromisoformat(str(attributes.get("password_last_changed")))
    except ValueError:
        return None
    return found if found.tzinfo is not None else None


def _plugins(attributes: dict[str, AttributeValue]) -> tuple[str, ...]:
    """Return the plugins that let a client in; further factors of MySQL come on top."""
    text = str(attributes.get("plugins", attributes.get("plugin", "")) or "")
    return tuple(part for part in text.split(", ") if part)


def _methods(attributes: dict[str, AttributeValue]) -> tuple[tuple[str, str], ...]:
    """Return each method that lets a client in, and whether it has a password."""
    plugins = _plugins(attributes)
    passwords = tuple(str(attributes.get("passwords", "")).split(", "))
    if len(passwords) != len(plugins) or passwords == ("",):
        is_empty = attributes.get("has_authentication_string") is False
        passwords = (EMPTY if is_empty else SET,) * len(plugins)
    return tuple(zip(plugins, passwords, strict=True))


def _is_by_password(plugin: str, password: str) -> bool:
    return plugin.lower() in STORES_PASSWORD and password != INVALID


def _weak(attributes: dict[str, AttributeValue]) -> str:
    """Say why a client gets in too easily: by the weakest method, any of which is enough.

    A second factor makes up for a weak first.
    """
    if attributes.get("further_plugins"):
        return ""
    methods = _methods(attributes)
    empty = [plugin for plugin, password in methods if _is_empty(plugin, password)]
    if empty:
        others = len(methods) - len(empty)
        beside = f", and {others} other ways to log in" if others else ""
        return f"It has no password ({', '.join(empty)}){beside}."
    for plugin, password in methods:
        if plugin.lower() in WEAK and password != INVALID:
            return f"{WEAK[plugin.lower()]}."
    return ""


def _has_no_password(attributes: dict[str, AttributeValue]) -> bool:
    """Return whether an empty password is all that a client needs."""
    is_more_needed = bool(attributes.get("further_plugins"))
    return not is_more_needed and any(_is_empty(*item) for item in _methods(attributes))


def _is_empty(plugin: str, password: str) -> bool:
    return password == EMPTY and plugin.lower() in STORES_PASSWORD


def _never_expires(attributes: dict[str, AttributeValue]) -> bool | None:
    """Return whether the password has no end, by the account or by the server's default.

    0 days: never. No number of its own (MariaDB may store -1): default_password_lifetime
    (MySQL 8.4 Reference Manual, 8.2.15 Password Management; MariaDB Knowledge Base, User
    Password Expiry).
    """
    own = attributes.get("password_lifetime")
    days = attributes.get("default_password_lifetime") if own in (None, -1) else own
    return None if days is None else days == 0


def _flag(attributes: dict[str, AttributeValue], name: str) -> bool | None:
    value = attributes.get(name)
    return None if value is None else bool(value)
