"""Routines that a server tells of: what is none is left out, what can't be written has no fix."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_pipeline.engines.access.contract import DefinerRoutine
from sync_pipeline.engines.postgresql.access.definers import definer_routines
from sync_pipeline.model.access import AccessWorld
from sync_pipeline.model.instance import EngineName
from sync_pipeline.model.server_fact import ServerFact, ServerFacts

VALUE = {
    "schema": "s",
    "name": "f",
    "arguments": "integer, x text",
    "owner": "postgres",
    "everyone": True,
}


def of(value: Any, database: str = "shop") -> list[DefinerRoutine]:
    fact = ServerFact("definer_routine", database, "s.f(integer)", json.dumps(value))
    other = ServerFact("definer_routine", database, "x", "no JSON")
    world = AccessWorld("db", EngineName.POSTGRESQL, "17", {}, server=ServerFacts([fact, other]))
    return list(definer_routines(world))


def test_a_routine_with_its_statements() -> None:
    (found,) = of(VALUE)
    alter = 'ALTER ROUTINE "shop"."s"."f"(integer, x text)'
    assert (found.fix, found.undo) == (
        f'{alter} SET search_path = "s", pg_temp;',
        f"{alter} RESET search_path;",
    )
    assert (found.owner, found.is_for_everyone) == ("postgres", True)
    assert not of({**VALUE, "everyone": "yes"})[0].is_for_everyone


@pytest.mark.parametrize("arguments", ["integer); DROP TABLE t; --", "integer\n", "x -- y"])
def test_no_statement_of_arguments_that_end_one(arguments: str) -> None:
    (found,) = of({**VALUE, "arguments": arguments})
    assert (found.fix, found.undo) == ("", "")


def test_names_are_quoted_or_not_written() -> None:
    (found,) = of({**VALUE, "name": 'f"; DROP', "schema": "S"})
    assert '"shop"."S"."f""; DROP"(integer, x text)' in found.fix
    (found,) = of({**VALUE, "name": "f\0"})
    assert found.fix == ""


@pytest.mark.parametrize("value", ["[" * 1900, '{"a":' * 400, "9" * 1900])
def test_what_no_server_says(value: str) -> None:
    fact = ServerFact("definer_routine", "shop", "x", value)
    world = AccessWorld("db", EngineName.POSTGRESQL, "17", {}, server=ServerFacts([fact]))
    assert list(definer_routines(world)) == []


def test_an_owner_that_no_store_keeps_is_written_otherwise() -> None:
    (found,) = of({**VALUE, "owner": "x\ud800\0"})
    assert (found.owner, found.fix) == (r"x\ud800\x00", "")


PARTS = st.none() | st.integers() | st.text(max_size=4) | st.lists(st.text(max_size=2))


@given(st.dictionaries(st.sampled_from(sorted(VALUE)), PARTS) | PARTS)
def test_whatever_a_server_says_is_understood_or_left_out(value: Any) -> None:
    assert len(of(value)) <= 1
