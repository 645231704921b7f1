"""Account states that hold what encodings, delimiters, numbers and limits could spoil."""

from __future__ import annotations

from hypothesis import strategies as st

from sync_pipeline.model.account import AccountKind, AccountState
from sync_pipeline.model.privilege import (
    AccountSetting,
    Grant,
    GrantScope,
    Membership,
    Securable,
    SecurableKind,
)

ODD_TEXT = [
    "",
    "\0",
    "a\0b",
    "\ud800",
    "\udfff\ud83d",
    "😀",
    "é",
    "e\u0301",
    '"\\',
    "\n",
    "a",
    "a'",
    "a b",
    "it's",
    "'\"",
    "long",
]


@st.composite
def odd_texts(draw: st.DrawFn) -> str:
    """Draw texts that encodings, delimiters or limits could spoil; a function of a short name."""
    kinds = st.sampled_from(ODD_TEXT), st.text(st.characters(), max_size=5)
    found = draw(st.one_of(*kinds))
    return "x" * draw(st.integers(9_999, 10_001)) if found == "long" else found


texts = odd_texts()
values = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**200), 2**200),
    st.floats(allow_nan=False),
    texts,
)
options = st.sampled_from([None, True, False])
odd_grants = st.builds(
    Grant,
    st.builds(Securable, st.sampled_from(SecurableKind), texts, texts, texts, texts, texts),
    texts,
    st.booleans(),
    st.booleans(),
    texts,
    st.booleans(),
    st.sampled_from(GrantScope),
)
odd_memberships = st.builds(
    Membership, texts, st.booleans(), options, options, options, texts, st.sampled_from(GrantScope)
)
odd_states = st.builds(
    AccountState,
    name=texts,
    kind=st.sampled_from(AccountKind),
    can_login=st.booleans(),
    is_locked=st.booleans(),
    is_superuser=st.booleans(),
    database=texts,
    attributes=st.dictionaries(texts, values, max_size=3).map(lambda items: tuple(items.items())),
    memberships=st.lists(odd_memberships, max_size=3).map(tuple),
    settings=st.lists(st.builds(AccountSetting, texts, texts, texts), max_size=3).map(tuple),
    grants=st.lists(odd_grants, max_size=4).map(tuple),
)
