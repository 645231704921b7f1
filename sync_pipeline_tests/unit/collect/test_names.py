"""Names that not every store can keep."""

from __future__ import annotations

import re

from hypothesis import example, given
from hypothesis import strategies as st

from sync_pipeline.collect.names import keepable, spelled_warning
from sync_pipeline.model.account import AccountKind, AccountState
from sync_pipeline.model.privilege import Membership

PARTS = st.sampled_from(
    ["\0", "\ud800", "\udfff", "\\", "x00", "x5c", "ud800", r"\x00", r"\x5cx00", "a", "'", "é"]
)
NAMES = st.lists(PARTS, max_size=6).map("".join)


def named(name: str, *roles: str) -> AccountState:
    memberships = tuple(map(Membership, roles))
    return AccountState(name, AccountKind.USER, can_login=True, memberships=memberships)


@given(NAMES, NAMES)
@example("\0", r"\x00")
@example(r"\x00", r"\x5cx00")
def test_no_two_names_become_one_and_any_store_keeps_them(one: str, other: str) -> None:
    first, second, _ = keepable([named(one, other), named(other), named("\0")])
    assert (first.name == second.name) == (one == other)
    assert first.memberships[0].role == second.name
    for name in (first.name, second.name):
        assert "\0" not in name
        name.encode()


def test_a_name_that_is_kept_as_it_is_stays_the_same() -> None:
    (alone,) = keepable([named(r"\x00")])
    assert alone.name == r"\x00"
    for name in ("app", r"C:\x", r"\xe9", "'o''d'@'%'", r"\ud7ff", "💥"):
        assert keepable([named(name), named("\0")])[0].name == name


def test_what_is_spelled_is_told() -> None:
    (told,) = spelled_warning([named("o\0d"), named("app"), named(r"\x00")])
    assert re.search(r": o\\x00d\.$", told)
    assert not list(spelled_warning([named("app")]))
