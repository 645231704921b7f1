"""The roles of an account as a tree: all of them, each chain once, and never too large."""

from __future__ import annotations

from collections.abc import Iterator

from hypothesis import given
from hypothesis import strategies as st

from sync_pipeline.access.roles import DEEPEST, MOST, Branch, RoleTree, role_tree
from sync_pipeline.engines.access.links import reach
from sync_pipeline.model.account import AccountKind, AccountState
from sync_pipeline.model.privilege import Membership

NAMES = "abcdefgh"
Graph = dict[str, AccountState]
GRAPHS = st.dictionaries(st.sampled_from(NAMES), st.lists(st.sampled_from(NAMES), max_size=4))


def graph(edges: dict[str, list[str]]) -> Graph:
    return {
        name: AccountState(
            name, AccountKind.ROLE, can_login=False, memberships=tuple(map(Membership, roles))
        )
        for name, roles in edges.items()
    }


def every(branches: tuple[Branch, ...], depth: int = 1) -> Iterator[tuple[int, Branch]]:
    for item in branches:
        yield depth, item
        yield from every(item.branches, depth + 1)


@given(edges=GRAPHS)
def test_a_tree_has_each_role_and_what_it_has_at_one_place(edges: dict[str, list[str]]) -> None:
    accounts = graph(edges)
    tree = role_tree(accounts, "a")
    drawn = [item for _, item in every(tree.branches)]
    reached = set(reach("a", lambda name: ((role, "") for role in edges.get(name, ()))))
    assert {item.role for item in drawn} | {"a"} == reached
    whole = [item.role for item in drawn if not item.is_repeated and edges.get(item.role)]
    assert len(whole) == len(set(whole))
    assert set(whole) | {"a"} >= {name for name in reached if edges.get(name)}
    assert not any(item.more for item in drawn)


def test_a_long_chain_and_a_wide_role_end() -> None:
    chain = graph({f"r{number}": [f"r{number + 1}"] for number in range(100)})
    found = list(every(role_tree(chain, "r0").branches))
    assert max(depth for depth, _ in found) == DEEPEST
    assert found[-1][1].more == 1
    wide = role_tree(graph({"a": [f"r{number}" for number in range(1000)]}), "a")
    assert (len(wide.branches), wide.more) == (MOST, 1000 - MOST)
    assert role_tree({}, "nobody") == RoleTree()


def test_a_role_says_how_it_is_granted() -> None:
    granted = Membership("team", admin=True, grantor="boss")
    state = AccountState("a", AccountKind.USER, can_login=True, memberships=(granted,))
    (branch,) = role_tree({"a": state}, "a").branches
    assert (branch.role, branch.granted) == ("team", "(admin) (by boss)")
