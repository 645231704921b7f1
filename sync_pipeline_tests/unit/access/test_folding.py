"""Folded lines and listed ones are together all holders, each of them once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from sync_pipeline.access.answers import Holder, Verdict
from sync_pipeline.access.folding import Crowd, Fold, crowd_of, folded
from sync_pipeline.model.access import Decision
from sync_pipeline.model.account import AccountKind, AccountState
from sync_pipeline.model.privilege import Securable, SecurableKind

OBJECTS = [Securable(SecurableKind.TABLE, "shop", name=name) for name in ("items", "orders")]


@st.composite
def answers(draw: st.DrawFn) -> list[Holder]:
    """Return holders in the order of an answer: by instance, object and account."""
    keys = draw(
        st.lists(
            st.tuples(st.sampled_from("ab"), st.sampled_from(OBJECTS), st.integers(0, 9)),
            unique=True,
        )
    )
    return [
        Holder(
            instance,
            AccountState(
                f"u{number}",
                AccountKind.USER,
                can_login=draw(st.booleans()),
                is_superuser=draw(st.booleans()),
            ),
            Decision(f"u{number}", "SELECT", on),
            draw(st.sampled_from(Verdict)),
            stands_for_all=draw(st.booleans()),
            is_anonymous=draw(st.booleans()),
        )
        for instance, on, number in sorted(keys)
    ]


def told(holders: Sequence[Holder]) -> list[Holder]:
    lines = list(folded(iter(holders)))
    return [item for line in lines for item in (line.holders if isinstance(line, Fold) else [line])]


def by_key(holders: Sequence[Holder]) -> list[Holder]:
    return sorted(
        holders, key=lambda item: (item.instance, item.decision.securable, item.state.name)
    )


@given(answers())
def test_no_holder_is_lost_or_told_twice(holders: list[Holder]) -> None:
    assert by_key(told(holders)) == by_key(holders)


@given(answers())
def test_a_fold_is_of_one_object_and_of_those_that_are_alike(holders: list[Holder]) -> None:
    lines = list(folded(holders))
    folds = [line for line in lines if isinstance(line, Fold)]
    for fold in folds:
        assert len(fold.holders) > 1
        assert {crowd_of(item) for item in fold.holders} == {fold.crowd}
        assert len({(item.instance, item.decision.securable) for item in fold.holders}) == 1
    keys = [(f.holders[0].instance, f.holders[0].decision.securable, f.crowd) for f in folds]
    assert len(keys) == len(set(keys))
    # Nobody of whom something else is to be said is in one.
    for item in holders:
        if item.verdict is not Verdict.AT_LOGIN:
            assert crowd_of(item) is None
            assert item in lines


def test_everyone_is_no_superuser() -> None:
    public = AccountState("public", AccountKind.PUBLIC, can_login=False, is_superuser=True)
    decision = Decision("public", "SELECT", OBJECTS[0])
    holder = Holder("a", public, decision, Verdict.AT_LOGIN, stands_for_all=True)
    assert crowd_of(holder) is Crowd.EVERYONE
    nameless = replace(holder, stands_for_all=False, is_anonymous=True)
    assert crowd_of(nameless) is Crowd.EVERYONE
