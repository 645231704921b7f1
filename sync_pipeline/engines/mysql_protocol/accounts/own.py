"""Which accounts are the server's own: by their names, as long as nobody can log in with one. Pure.

The servers make them locked (MySQL 8.4 Reference Manual, 8.2.9, "Reserved Accounts"; MariaDB
Knowledge Base, "mariadb.sys"). One that somebody opened is a way in, and is judged as any other.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace

from sync_pipeline.model.account import AccountState


def is_closed_own(state: AccountState, names: Collection[str]) -> bool:
    """Return whether an account is one of the server's own, of these names, and closed."""
    return state.name in names and (state.is_locked or not state.can_login)


def with_own(states: Iterable[AccountState], names: Collection[str]) -> tuple[AccountState, ...]:
    """Return states, of which the server's own are marked."""
    return tuple(
        replace(state, is_system=True) if is_closed_own(state, names) else state for state in states
    )
