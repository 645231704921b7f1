"""What of an account of PostgreSQL the rules do not know, or can't be read as text. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from sync_pipeline.engines.postgresql.accounts.predefined import PREDEFINED_ROLES, RESERVED
from sync_pipeline.engines.postgresql.platform import SERVICES
from sync_pipeline.engines.postgresql.text import is_raw
from sync_pipeline.model.account import AccountState

_OF_SERVICES = frozenset(service.stand_in for service in SERVICES.values())
"""Roles of services: one is called as predefined roles are, and its grants say what it may."""


def kept_raw(state: AccountState) -> Iterator[str]:
    """Yield the names and values of an account that hold bytes of another encoding."""
    if is_raw(state.name):
        yield f"role {state.name}"
    for setting in state.settings:
        if is_raw(f"{setting.database}{setting.value}"):
            yield f"setting {setting} of {state.name}"
    for securable in dict.fromkeys(grant.securable for grant in state.grants):
        if is_raw(str(securable)):
            yield str(securable)


def unknown_words(state: AccountState) -> Iterator[str]:
    """Yield the predefined roles that are new: the account itself, or one that it has.

    The account may be all that a sync keeps of it, where roles of the system are left out.
    """
    for name in [state.name, *[item.role for item in state.memberships]]:
        is_known = name in PREDEFINED_ROLES or name in _OF_SERVICES
        if name.startswith(RESERVED) and not is_known:
            yield f"predefined role {name}"
