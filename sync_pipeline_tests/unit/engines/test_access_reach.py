"""The walk over roles and the reading of object names, which all engines share."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_pipeline.engines.access.contract import split_kind
from sync_pipeline.engines.access.links import reach
from sync_pipeline.model.access import Path, Step

NODES = "abcdefg"
graphs = st.dictionaries(
    st.sampled_from(NODES), st.lists(st.sampled_from(NODES), max_size=4), max_size=len(NODES)
)
part_text = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8)
plain_words = st.text("abcxyz0_$ -", min_size=1, max_size=6).filter(lambda word: word.strip())


def walk(graph: dict[str, list[str]], start: str) -> dict[str, Path]:
    def edges(node: str) -> list[tuple[str, str]]:
        return [(other, f"{node}>{other}") for other in graph.get(node, ())]

    return {node: link.path for node, link in reach(start, edges).items()}


def distances(graph: dict[str, list[str]], start: str) -> dict[str, int]:
    """Return how far each node is, by as many rounds over all edges as there are nodes."""
    found = {start: 0}
    for _ in NODES:
        for node, others in graph.items():
            for other in others:
                if node in found:
                    found[other] = min(found.get(other, len(NODES)), found[node] + 1)
    return found


@given(graph=graphs, start=st.sampled_from(NODES))
def test_all_that_can_be_reached_is_reached_by_a_shortest_path(
    graph: dict[str, list[str]], start: str
) -> None:
    found = walk(graph, start)
    assert {node: len(path) - 1 for node, path in found.items()} == distances(graph, start)
    assert next(iter(found)) == start


@given(graph=graphs, start=st.sampled_from(NODES))
def test_paths_begin_at_the_start_and_follow_edges(graph: dict[str, list[str]], start: str) -> None:
    for node, path in walk(graph, start).items():
        assert path[0] == Step(start)
        assert path[-1].account == node
        for one, two in itertools.pairwise(path):
            assert two.account in graph[one.account]
            assert two.how == f"{one.account}>{two.account}"


def test_a_circle_of_roles_ends() -> None:
    assert set(walk({"a": ["b"], "b": ["c"], "c": ["a"]}, "a")) == {"a", "b", "c"}


@given(parts=st.lists(part_text, min_size=1, max_size=4), kind=st.one_of(st.just(""), plain_words))
def test_quoted_parts_come_back_as_they_were(parts: list[str], kind: str) -> None:
    path = ".".join('"' + part.replace('"', '""') + '"' for part in parts)
    text = f"{kind}:{path}" if kind else path
    assert split_kind(text) == (kind.strip(), tuple(parts))


@given(parts=st.lists(plain_words, min_size=1, max_size=4))
def test_plain_parts_need_no_quotes(parts: list[str]) -> None:
    assert split_kind(".".join(parts)) == ("", tuple(parts))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("table:a.b.c", ("table", ("a", "b", "c"))),
        ("materialized view:a.b", ("materialized view", ("a", "b"))),
        ("server:", ("server", ())),
        ("", ("", ())),
        # Colons after a dot or in quotes belong to names.
        ("a.b:c", ("", ("a", "b:c"))),
        ('"a:b".c', ("", ("a:b", "c"))),
        ('table:"a""b".c', ("table", ('a"b', "c"))),
    ],
)
def test_a_kind_is_what_stands_before_the_first_colon(
    text: str, expected: tuple[str, tuple[str, ...]]
) -> None:
    assert split_kind(text) == expected


@pytest.mark.parametrize("text", ["a..b", ".a", "a.", '"a', '"a"b', 'x."a""', "table:.a"])
def test_what_cannot_be_read_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is"):
        split_kind(text)
