"""Oracle's statements: each one documented, parsed in Oracle's dialect, on documented columns."""

from __future__ import annotations

from collections import Counter
from dataclasses import fields
from importlib import resources
from typing import Any

import pytest
import sqlglot
from hypothesis import given
from hypothesis import strategies as st
from sqlglot import exp

from sync_pipeline.engines.base import Query, sql_text
from sync_pipeline.engines.oracle.accounts.containers import CONTAINERS
from sync_pipeline.engines.oracle.engine import PACKAGE, Oracle
from sync_pipeline.engines.oracle.names import account_name, identifier
from sync_pipeline.engines.oracle.sizes import SIZE_QUERIES
from sync_pipeline.model.privilege import SectionName
from workbench.emulation.oracle import translated
from workbench.emulation.oracle_catalog import VIEWS

QUERIES = (*Oracle.account_queries, *SIZE_QUERIES)
FILES = sorted(
    item.name for item in (resources.files(PACKAGE) / "sql").iterdir() if item.name.endswith(".sql")
)


@pytest.mark.parametrize("file", FILES)
def test_each_file_is_one_documented_read(file: str) -> None:
    text = sql_text(PACKAGE, file)
    comment, select, body = text.partition("\nSELECT")
    assert select
    assert all(line.startswith("-- ") for line in comment.splitlines())
    assert "Since " in comment
    assert "Needs " in comment
    assert ";" not in body
    (tree,) = sqlglot.parse(text, read="oracle")
    assert isinstance(tree, exp.Select)


@pytest.mark.parametrize("file", FILES)
def test_each_file_names_the_views_that_it_needs(file: str) -> None:
    text = sql_text(PACKAGE, file)
    header = " ".join(line[3:] for line in text.splitlines() if line.startswith("-- "))
    for view in translated(text).views:
        known = VIEWS[view.replace("cdb_", "dba_", 1)]
        name = view.upper().replace("V$", "V_$")
        assert known.is_everywhere or f"SYS.{name}" in header
        root = file.removesuffix("_18.sql").removesuffix(".sql").endswith("_root")
        assert root or not view.startswith("cdb_")


@pytest.mark.parametrize("query", QUERIES, ids=lambda query: query.name)
def test_columns_are_bound_by_name(query: Query[Any]) -> None:
    for variant in query.variants:
        (tree,) = sqlglot.parse(sql_text(PACKAGE, variant.file), read="oracle")
        assert isinstance(tree, exp.Select)
        assert tree.named_selects == [item.name for item in fields(query.row)]
        views = set(translated(sql_text(PACKAGE, variant.file)).views)
        needs = variant.needs or query.needs
        granted = {
            view for view in views if not VIEWS[view.replace("cdb_", "dba_", 1)].is_everywhere
        }
        for view in granted:
            assert f"SYS.{view.upper().replace('V$', 'V_$')} TO" in needs


def test_every_file_is_used() -> None:
    variants = [variant for query in QUERIES for variant in query.variants]
    used = {file for variant in variants for file in (variant.file, variant.count)}
    used |= {query.count for query in QUERIES}
    assert set(FILES) - used == {
        "nodes_root.sql",
        "place.sql",
        "platform.sql",
        "platform_19.sql",
        "sessions.sql",
        "sessions_root.sql",
        "version.sql",
        "version_18.sql",
    }


def test_only_the_largest_tables_have_a_parameter() -> None:
    binds = {file: translated(sql_text(PACKAGE, file)).binds for file in FILES}
    assert {file: found for file, found in binds.items() if found} == {
        "size_tables.sql": {"wanted"},
        "size_tables_root.sql": {"wanted"},
    }


def test_a_text_is_chosen_by_version_and_place() -> None:
    users = Oracle.account_queries[0]
    assert users.file_for((12, 2)) == "users.sql"
    assert users.file_for((19, 22), "pdb") == "users_18.sql"
    assert users.file_for((12, 2, 0), "root") == "users_root.sql"
    assert users.file_for((23, 4), "root") == "users_root_18.sql"
    assert users.file_for((12, 1)) is None
    assert CONTAINERS.file_for((19,), "root") == "containers_root.sql"


def test_the_first_query_lists_the_accounts_and_each_section_is_filled() -> None:
    assert Oracle.account_queries[0].fills == (SectionName.ACCOUNTS,)
    filled = Counter(name for query in Oracle.account_queries for name in query.fills)
    assert set(filled) == {
        SectionName.ACCOUNTS,
        SectionName.MEMBERSHIPS,
        SectionName.SETTINGS,
        SectionName.SERVER,
        SectionName.SCHEMA,
        SectionName.TABLE,
        SectionName.COLUMN,
        SectionName.ROUTINE,
        SectionName.TYPE,
        SectionName.OTHER,
        SectionName.TABLESPACE,
        SectionName.PROXY,
        SectionName.SERVER_SETTINGS,
        SectionName.DEFAULT_PASSWORDS,
        SectionName.LINKS,
        SectionName.DEFINERS,
    }


names = st.text(st.sampled_from('AZ09_$#."a 角'), min_size=1, max_size=6)


@given(names, names, names, names)
def test_accounts_of_the_root_and_of_containers_never_share_a_name(
    first: str, second: str, other_first: str, other_second: str
) -> None:
    if (first, second) != (other_first, other_second):
        assert account_name(second, first, is_root=True) != account_name(
            other_second, other_first, is_root=True
        )
    assert account_name(first, "", is_root=True) != account_name(second, other_first, is_root=True)
    assert account_name(first, "", is_root=False) == first


def test_identifiers_are_written_as_people_mean_them() -> None:
    assert identifier("c##mon") == "C##MON"
    assert identifier("mon itor") == '"mon itor"'
