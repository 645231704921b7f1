"""The roles of an account as a tree, which tells by which chain it has each. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sync_pipeline.model.account import AccountState

DEEPEST, MOST = 12, 200
"""Steps of a chain, and roles in all, that a tree shows."""


@dataclass(frozen=True, slots=True)
class Branch:
    """A role, how it is granted (`granted`, in words), and the roles that it has itself.

    `is_repeated`: these are drawn at another place, where the role is nearest. `more` are roles of
    its own that are not drawn, because the tree would be too deep or too large.
    """

    role: str
    granted: str
    branches: tuple[Branch, ...] = ()
    is_repeated: bool = False
    more: int = 0


@dataclass(frozen=True, slots=True)
class RoleTree:
    """The roles of an account; `more` are those that it has directly and that are not drawn."""

    branches: tuple[Branch, ...] = ()
    more: int = 0


def role_tree(accounts: Mapping[str, AccountState], name: str) -> RoleTree:
    """Return the roles of an account, each with what it has at one place: where it is nearest.

    So a cycle ends, and a diamond is drawn once.
    """
    owners, drawn = _nearest(accounts, name)
    branches, more = _branches(accounts, name, owners, drawn)
    return RoleTree(branches, more)


def _nearest(
    accounts: Mapping[str, AccountState], name: str
) -> tuple[Mapping[str, str], Mapping[str, int]]:
    """Return by whom each role is drawn with what it has, and how many roles are drawn of each."""
    owners, drawn = {name: ""}, {}
    left, level = MOST, [name]
    for _ in range(DEEPEST):
        following = []
        for one in level:
            roles = _roles(accounts, one)[:left]
            drawn[one] = len(roles)
            left -= len(roles)
            for role, _ in roles:
                if role not in owners:
                    owners[role] = one
                    following.append(role)
        level = following
    return owners, drawn


def _branches(
    accounts: Mapping[str, AccountState],
    name: str,
    owners: Mapping[str, str],
    drawn: Mapping[str, int],
) -> tuple[tuple[Branch, ...], int]:
    roles = _roles(accounts, name)
    shown = roles[: drawn.get(name, 0)]
    found = []
    for role, granted in shown:
        if owners[role] == name:
            branches, more = _branches(accounts, role, owners, drawn)
            found.append(Branch(role, granted, branches, more=more))
        else:
            found.append(Branch(role, granted, is_repeated=bool(_roles(accounts, role))))
    return tuple(found), len(roles) - len(shown)


def _roles(accounts: Mapping[str, AccountState], name: str) -> list[tuple[str, str]]:
    """Return the roles that an account has itself, each once, with the words of its grants."""
    state = accounts.get(name)
    found: dict[str, list[str]] = {}
    for item in state.memberships if state else ():
        words = str(item).removeprefix(f"role {item.role}").strip()
        found.setdefault(item.role, []).append(words)
    return [(role, "; ".join(filter(None, words))) for role, words in found.items()]
