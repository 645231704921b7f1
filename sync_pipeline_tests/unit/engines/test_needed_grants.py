"""What people are told to grant is a whole statement, for the account that the server knows."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass, replace
from importlib import import_module
from pkgutil import iter_modules
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sync_pipeline.cli.grants import _optional
from sync_pipeline.collect.sizes import SizeScope, _Link, _Reader
from sync_pipeline.engines.base import ANYBODY, UNWRITABLE, Engine, Grantee, Query
from sync_pipeline.engines.registry import ENGINES
from sync_pipeline.errors import PrivilegeError
from sync_pipeline.model.gap import it_needs
from sync_pipeline.model.instance import EngineName
from sync_pipeline.model.snapshot import ServerIdentity
from workbench.strategies.any_engine import newest

every_engine = pytest.mark.parametrize("engine", ENGINES.values(), ids=list(map(str, ENGINES)))
PLACEHOLDER = re.compile(r"\{\w*\}")
FAMILY = (EngineName.MYSQL, EngineName.MARIADB)
names = st.text(st.characters(exclude_characters="{}\0", exclude_categories=["Cs"]), min_size=1)
FEW = settings(max_examples=50, deadline=None)
OTHERS = re.compile(r"GRANT SELECT ON mysql\.\w+ TO sync_pipeline_definer;")
"""What the role of the view needs, which is no account of ours."""


def queries_of(engine: Engine) -> Iterator[Query[Any]]:
    """Yield every query that a module of the engine declares, of accounts and of sizes."""
    package = import_module(type(engine).__module__.rpartition(".")[0])
    found: dict[str, Query[Any]] = {}
    for module in iter_modules(package.__path__, f"{package.__name__}."):
        for value in vars(import_module(module.name)).values():
            found.update((item.name, item) for item in queries_in(value))
    yield from found.values()


def queries_in(value: object) -> Iterator[Query[Any]]:
    """Yield a query, or those of a group of them."""
    if isinstance(value, Query):
        yield value
    elif isinstance(value, tuple):
        for item in value:
            yield from queries_in(item)
    elif is_dataclass(value) and not isinstance(value, type):
        for one in fields(value):
            yield from queries_in(getattr(value, one.name))


def servers_of(query: Query[Any], engine: Engine, account: str) -> Iterator[ServerIdentity]:
    """Yield a server for each text of the query, old or new, wherever it fits."""
    for variant in (*query.variants, *query.made):
        yield ServerIdentity(newest(engine.name), variant.since, None, variant.place, account)


@every_engine
@FEW
@given(username=names, database=names, host=names)
def test_no_placeholder_is_left_in_what_a_query_needs(
    engine: Engine, username: str, database: str, host: str
) -> None:
    account = engine.written_account(username, host)
    for query in queries_of(engine):
        for server in servers_of(query, engine, account):
            for where in ("", database):
                told = Grantee(engine, server, username).told(PrivilegeError("no"), query, where)
                assert not PLACEHOLDER.search(told)
                if query.needs_at(server) == ANYBODY:
                    assert told.startswith("Every account may run it")
                    continue
                assert told.startswith(it_needs(""))
                is_ours = account in told or "{user_text}" in query.needs_at(server)
                assert is_ours or OTHERS.search(told) or account == UNWRITABLE


@every_engine
def test_every_query_says_what_it_needs(engine: Engine) -> None:
    asked = list(queries_of(engine))
    assert {query.name for query in engine.account_queries} <= {query.name for query in asked}
    assert len([query for query in asked if query.name.startswith("size_")]) >= 5
    for query in asked:
        for needs in {query.needs, *(item.needs for item in (*query.variants, *query.made))}:
            assert needs == ANYBODY or needs.endswith(";"), query.name


@every_engine
def test_an_account_has_its_host_where_the_engine_has_hosts(engine: Engine) -> None:
    account = engine.written_account("mon", "10.0.%")
    server = ServerIdentity(newest(engine.name), (99,), account=account)
    for query in queries_of(engine):
        told = Grantee(engine, server, "another").told(PrivilegeError("no"), query)
        assert "another" not in told
        if engine.name in FAMILY and query.needs.startswith("GRANT"):
            assert "TO 'mon'@'10.0.%';" in told


@every_engine
def test_what_is_denied_is_revoked_before_it_is_granted(engine: Engine) -> None:
    query = replace(engine.account_queries[0], needs="GRANT X TO {user};", variants=(), made=())
    error = PrivilegeError("no", missing="X", denied_to=("a'b", "c"))
    grantee = Grantee(engine, ServerIdentity("1", (1,)), "mon")
    to = engine.written
    assert grantee.told(error, query, "shop") == (
        f"It needs: USE {to('shop')}; REVOKE X FROM {to(chr(97) + chr(39) + 'b')}; "
        f"REVOKE X FROM {to('c')}; GRANT X TO {to('mon')};"
    )
    assert grantee.told(PrivilegeError("no", hint="Look there."), query) == "Look there."


@every_engine
@FEW
@given(username=names)
def test_the_optional_statements_of_a_script_are_filled(engine: Engine, username: str) -> None:
    account = engine.written_account(username, "%")
    for line in _optional(engine, account):
        assert not PLACEHOLDER.search(line)


@every_engine
def test_sizes_fill_a_statement_as_accounts_do(engine: Engine) -> None:
    account = engine.written_account("mon", "10.0.%")
    server = ServerIdentity("1", (1,), account=account)
    nothing: Any = None
    reader = _Reader(engine, nothing, _Link(nothing, nothing), SizeScope("x"), server, nothing)
    needs: Mapping[str, str] = {"GRANT X TO {user};": f"GRANT X TO {account};"}
    for template, statement in needs.items():
        assert reader.filled(template) == Grantee(engine, server, "x").filled(template) == statement
