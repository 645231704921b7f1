"""The methods by which an account of MariaDB may log in: any of them is enough. Pure.

Source: MariaDB Server, sql/sql_acl.cc, `User_table_json::get_auth`; each case was tried by
logging in to 10.11 and 11.8. `auth_or` lists the methods, and an element without a plugin of
its own stands for the main one. A plugin that is no text is the default one, a password that
is none is empty. An element of another kind keeps the server from loading the account.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from sync_pipeline.engines.mysql_protocol.accounts.json_text import loaded, shown
from sync_pipeline.engines.mysql_protocol.accounts.plugins import EMPTY, INVALID, STORES_PASSWORD
from sync_pipeline.model.account import AttributeValue

DEFAULT_PLUGIN = "mysql_native_password"
_NO_TEXT = "none"
"""What the statements say of a password that is a number or the like."""


@dataclass(frozen=True, slots=True)
class Method:
    """A plugin and its password: `set`, `empty`, or `invalid`, with which nobody logs in."""

    plugin: str
    password: str

    @property
    def stores_password(self) -> bool:
        """Return whether it is a password that lets a client in."""
        return self.plugin.lower() in STORES_PASSWORD


def methods_of(plugin: str | None, password: str | None, auth_or: str | None) -> tuple[Method, ...]:
    """Return the methods in the order in which the server tries them; none: nobody logs in."""
    name = loaded(plugin)
    main = Method((name if isinstance(name, str) else "") or DEFAULT_PLUGIN, _known(password))
    elements = loaded(auth_or)
    if not isinstance(elements, list):
        return (main,)
    return tuple(found for item in elements if (found := _method(item, main)) is not None)


def _method(element: object, main: Method) -> Method | None:
    if not isinstance(element, Mapping) or element.get("type") != "OBJECT":
        return None
    name = element.get("plugin")
    if name is None:
        return main
    if not isinstance(name, str):
        return None
    return Method(name or DEFAULT_PLUGIN, _known(element.get("password")))


def _known(password: object) -> str:
    return EMPTY if password in (None, _NO_TEXT) else str(password)


def method_attributes(methods: tuple[Method, ...]) -> Iterator[tuple[str, AttributeValue]]:
    """Yield what an account's state says of its methods.

    An account has a password where each of its methods that takes one has one.
    `passwords` says it of each, where there are several or one can't be used.
    """
    passwords = [item.password for item in methods]
    by_password = [item.password for item in methods if item.stores_password] or passwords
    yield "plugins", ", ".join(item.plugin for item in methods)
    yield "has_authentication_string", bool(by_password) and EMPTY not in by_password
    if len(methods) > 1 or INVALID in passwords:
        yield "passwords", ", ".join(passwords)


def strange_methods(plugin: str | None, password: str | None, auth_or: str | None) -> Iterator[str]:
    """Yield what of the methods is not of its kind; no value of a password is shown."""
    if plugin is not None and not isinstance(loaded(plugin), str):
        yield shown("plugin", plugin)
    if password == _NO_TEXT:
        yield "authentication_string, which is no text"
    elements = loaded(auth_or)
    if auth_or is not None and not elements:
        yield shown("auth_or", auth_or)
    for number, item in enumerate(elements if isinstance(elements, list) else ()):
        if _method(item, Method("", "")) is None:
            yield f"auth_or[{number}], which is no method"
        elif isinstance(item, Mapping) and item.get("password") == _NO_TEXT:
            yield f"auth_or[{number}].authentication_string, which is no text"
