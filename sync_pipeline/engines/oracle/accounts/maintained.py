"""Which roles and accounts are Oracle's own, by what the data dictionary says of them."""

from __future__ import annotations

from sync_pipeline.model.account import AccountState

SYSTEM = "SYSTEM"
ADMINISTRATORS = frozenset({"SYS", SYSTEM})
"""Accounts that Oracle maintains and people log in with: never left out as its own."""


def maintained(state: AccountState) -> bool:
    """Return whether Oracle made an account or a role that nobody logs in with."""
    name = state.name.rpartition(".")[2]
    return dict(state.attributes).get("is_oracle_maintained") is True and name not in ADMINISTRATORS
