"""What a server says that it is set to is taken in within bounds, and never as "fine"."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_pipeline.collect.server_facts import facts_of
from sync_pipeline.engines.base import ANYBODY, FactRow, Query, Variant
from sync_pipeline.engines.postgresql.engine import ROLES
from sync_pipeline.engines.wire.rows import PackedRows
from sync_pipeline.errors import QueryError
from sync_pipeline.model.privilege import SectionName
from sync_pipeline.model.server_fact import MOST_CHARACTERS, MOST_FACTS, ServerFact, ServerFacts

QUERY = Query(
    "server_settings",
    FactRow,
    (SectionName.SERVER_SETTINGS,),
    (Variant((1,), "server_settings.sql"),),
    ANYBODY,
)


def packed(*rows: tuple[object, object, object, object]) -> PackedRows:
    found = PackedRows()
    found.add(("name", "database", "subject", "value"), rows)
    return found


def test_rows_are_facts_of_the_server_or_of_the_database_they_were_read_in() -> None:
    rows = packed(("ssl", "", "", "on"), ("size", "a", "x", 3), ("none", None, None, None))
    assert facts_of(QUERY, rows, "", 0) == [
        ServerFact("ssl", "", "", "on"),
        ServerFact("size", "a", "x", "3"),
        ServerFact("none", "", "", ""),
    ]
    inside = facts_of(QUERY, rows, "sales", 0)
    assert {item.database for item in inside} == {"sales"}


def test_what_reads_something_else_gives_no_facts() -> None:
    assert facts_of(ROLES, packed(("ssl", "", "", "on")), "", MOST_FACTS) == []


def test_more_or_longer_facts_than_are_kept_are_not_known_at_all() -> None:
    rows = packed(*(("a", "", str(number), "x") for number in range(3)))
    assert len(facts_of(QUERY, rows, "", MOST_FACTS - 3)) == 3
    with pytest.raises(QueryError, match=f"More than {MOST_FACTS} facts"):
        facts_of(QUERY, rows, "", MOST_FACTS - 2)
    for place in range(4):
        parts = ["a", "", "", "b"]
        parts[place] = "x" * MOST_CHARACTERS
        assert len(facts_of(QUERY, packed(tuple(parts)), "", 0)) == 1  # type: ignore[arg-type]
        parts[place] += "x"
        with pytest.raises(QueryError, match="a text of more than"):
            facts_of(QUERY, packed(tuple(parts)), "", 0)  # type: ignore[arg-type]


@given(st.text(st.characters(codec=None, categories=None)))
def test_whatever_text_comes_a_store_can_hold_it(text: str) -> None:
    (fact,) = facts_of(QUERY, packed(("a", "", "", text[:200])), "", 0)
    assert "\0" not in fact.value
    fact.value.encode()


def test_a_fact_that_is_not_there_is_not_known() -> None:
    server = ServerFacts([ServerFact("tls", "", "", "ON"), ServerFact("chain", "a", "", "0")])
    assert (server.value("tls"), server.is_on("tls")) == ("ON", True)
    assert (server.value("tls", "a"), server.is_on("tls", "a")) == (None, None)
    assert (server.value("chain"), server.is_on("chain", "a")) == (None, False)
    assert server.is_on("other") is None
    assert ServerFacts([ServerFact("tls", "", "", "maybe")]).is_on("tls") is None
    assert server.each("other") == ()
