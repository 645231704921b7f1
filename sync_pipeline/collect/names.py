"""Names that not every store can keep: they are spelled, so that one account costs no sync."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import chain

from sync_pipeline.model.account import AccountState
from sync_pipeline.model.text import first_names
from sync_pipeline.visible import visible

# PostgreSQL's text has no NUL, and no half of a surrogate pair has a form in UTF-8.
_NOT_KEPT = re.compile("[\x00\ud800-\udfff]")
_LIKE_SPELLED = re.compile(r"\\(?=(?:x5c)*(?:x00|ud[89a-f][0-9a-f]{2}))")
_MOST_NAMED = 5


def keepable(accounts: Sequence[AccountState]) -> tuple[AccountState, ...]:
    r"""Return accounts with names that any store can keep, NUL as `\x00`; no two become one.

    Servers take such names in no statement, but who may write their tables can put them there.
    """
    roles = (item.role for account in accounts for item in account.memberships)
    if not any(map(_NOT_KEPT.search, chain((account.name for account in accounts), roles))):
        return tuple(accounts)
    return tuple(_named(account) for account in accounts)


def spelled_warning(accounts: Iterable[AccountState]) -> Iterator[str]:
    """Yield a warning that tells of accounts, with their own names, whose names are spelled."""
    names = [visible(item.name) for item in accounts if _NOT_KEPT.search(item.name)]
    if names:
        told = first_names(names[:_MOST_NAMED], len(names))
        yield f"Names with characters that no statement can hold, kept as they are shown: {told}."


def _named(account: AccountState) -> AccountState:
    return replace(
        account,
        name=_spelled(account.name),
        memberships=tuple(replace(item, role=_spelled(item.role)) for item in account.memberships),
    )


def _spelled(name: str) -> str:
    return _NOT_KEPT.sub(_code, _LIKE_SPELLED.sub(r"\\x5c", name))


def _code(found: re.Match[str]) -> str:
    code = ord(found[0])
    return f"\\u{code:04x}" if code else r"\x00"
