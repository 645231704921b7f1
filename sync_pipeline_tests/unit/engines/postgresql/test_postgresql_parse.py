"""Rows of PostgreSQL's catalogs become states, whatever their order."""

from __future__ import annotations

import random
import re
from collections import Counter
from dataclasses import dataclass, fields, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_pipeline.engines.base import Query, sql_text
from sync_pipeline.engines.postgresql.accounts.parse import (
    AclItem,
    AclRow,
    MembershipRow,
    RoleRow,
    SettingRow,
    account_states,
)
from sync_pipeline.engines.postgresql.engine import OLDEST, PACKAGE, PostgreSql
from sync_pipeline.engines.postgresql.names import quoted
from sync_pipeline.errors import UnsupportedServer
from sync_pipeline.model.account import AccountState
from sync_pipeline.model.privilege import SectionName, SecurableKind

ENGINE = PostgreSql()
NEW_KINDS = {SecurableKind.RELATION, SecurableKind.ROUTINE}
"""What the queries call a relation or a routine of a kind that they do not know."""
PLAIN = RoleRow("app", False, True, False, False, True, False, False, -1, None)
names = st.sampled_from(["app", "APP", "a b", 'q"', "50%", "角色"])
roles = st.lists(names, unique=True, max_size=4).map(
    lambda found: [replace(PLAIN, name=name) for name in found]
)
memberships = st.lists(
    st.builds(
        MembershipRow,
        role=names,
        member=names,
        grantor=names,
        admin=st.booleans(),
        inherit=st.none(),
        set_role=st.none(),
    ),
    max_size=6,
    unique=True,
)
setting_rows = st.lists(
    st.builds(
        SettingRow,
        database=st.sampled_from(["", "bench"]),
        role=st.one_of(st.just(""), names),
        setting=st.sampled_from(["work_mem=4MB", "application_name=a=b", "search_path="]),
    ),
    max_size=4,
    unique=True,
)
items = st.lists(
    st.builds(
        AclItem,
        catalog=st.sampled_from(["", "bench"]),
        row=st.builds(
            AclRow,
            kind=st.sampled_from([str(kind) for kind in SecurableKind]),
            database=st.just(""),
            schema=names,
            name=names,
            column_name=st.just(""),
            grantee=st.one_of(st.just("public"), names),
            grantor=names,
            privilege=st.sampled_from(["SELECT", "ALTER SYSTEM", "OWNER", "FUTURE"]),
            grantable=st.booleans(),
        ),
    ),
    max_size=8,
    unique=True,
)


def by_name(states: tuple[AccountState, ...]) -> dict[str, dict[str, Any]]:
    return {state.name: state.to_json() for state in states}


@given(roles, memberships, setting_rows, items, st.randoms(use_true_random=False))
def test_the_order_of_rows_never_matters(
    role_rows: list[RoleRow],
    member_rows: list[MembershipRow],
    parameters: list[SettingRow],
    acl: list[AclItem],
    chance: random.Random,
) -> None:
    first = account_states(role_rows, member_rows, parameters, acl)
    for rows in (role_rows, member_rows, parameters, acl):
        chance.shuffle(rows)
    assert by_name(account_states(role_rows, member_rows, parameters, acl)) == by_name(first)


@given(roles, items)
def test_every_item_of_a_known_account_is_kept_exactly_once(
    role_rows: list[RoleRow], acl: list[AclItem]
) -> None:
    states = account_states(role_rows, [], [], acl)
    assert [state.name for state in states] == ["public", *(row.name for row in role_rows)]
    known = {state.name for state in states}
    assert Counter(
        (state.name, grant.privilege, grant.grantor, grant.grantable, grant.securable.name)
        for state in states
        for grant in state.grants
    ) == Counter(
        (i.row.grantee, i.row.privilege, i.row.grantor, i.row.grantable, i.row.name)
        for i in acl
        if i.row.grantee in known
    )
    assert all(
        grant.recognised is (grant.privilege != "FUTURE" and grant.securable.kind not in NEW_KINDS)
        for state in states
        for grant in state.grants
    )


def test_a_setting_keeps_everything_after_its_first_equals_sign() -> None:
    rows = [SettingRow("", "app", "options=-c a=b"), SettingRow("bench", "", "empty=")]
    public, app = account_states([PLAIN], [], rows, [])
    assert [str(setting) for setting in app.settings] == ["options = -c a=b"]
    assert [str(setting) for setting in public.settings] == ["empty =  in database bench"]


@given(st.text(st.characters(exclude_characters="\0"), min_size=1))
def test_a_quoted_name_holds_no_end_of_its_own(name: str) -> None:
    text = quoted(name)
    assert text[0] == text[-1] == '"'
    assert text[1:-1].replace('""', "") == name.replace('"', "")
    assert text[1:-1].count('"') == 2 * name.count('"')


@pytest.mark.parametrize("query", ENGINE.account_queries, ids=lambda query: query.name)
def test_every_query_is_one_documented_statement(query: Query[Any]) -> None:
    assert query.file_for((13, 22)) is None
    for variant in query.variants:
        text = sql_text(PACKAGE, variant.file)
        comment, body = re.split(r"\n(?=SELECT|WITH)", text, maxsplit=1)
        assert all(line.startswith("-- ") for line in comment.splitlines())
        assert "Since " in comment
        assert "Needs " in comment
        assert ";" not in body
        bound = [f" AS {item.name}" for item in fields(query.row)]
        assert all(any(column in part for part in body.split("\n")) for column in bound)


def test_every_section_of_postgresql_is_filled_by_one_query() -> None:
    filled = Counter(name for query in ENGINE.account_queries for name in query.fills)
    others = {
        SectionName.SERVER,
        SectionName.PROXY,
        SectionName.PRINCIPAL,
        SectionName.OTHER,
        SectionName.DEFAULT_PASSWORDS,
        SectionName.LINKS,
        SectionName.OBJECT_DEFINERS,
    }
    assert set(filled) == set(SectionName) - others
    assert set(filled.values()) == {1}
    assert ENGINE.account_queries[0].fills == (SectionName.ACCOUNTS,)


@dataclass
class _ToldIdentity:
    """Stands for servers that can't be had here: versions before 14 and kindred products."""

    product: str
    version_number: str

    def fetch(self, sql: str) -> list[dict[str, Any]]:
        version = self.product.split()[1]
        number = self.version_number
        row = {"product": self.product, "version": version, "version_number": number, "tls": None}
        return [row]

    def abort(self) -> None: ...

    def close(self) -> None: ...


@pytest.mark.parametrize(
    ("product", "number"),
    [
        ("PostgreSQL 13.22 on x86_64", "130022"),
        ("PostgreSQL 8.0.2 on i686, Redshift 1.0.12103", "80002"),
        ("CockroachDB CCL v24.1.0", "130000"),
        ("EnterpriseDB 9.6.2.7", "90602"),
    ],
)
def test_old_versions_and_other_products_are_not_supported(product: str, number: str) -> None:
    with pytest.raises(UnsupportedServer) as caught:
        ENGINE.identify(_ToldIdentity(product, number))
    assert product in str(caught.value)


def test_the_oldest_supported_version_is_14() -> None:
    identity = ENGINE.identify(_ToldIdentity("PostgreSQL 14.0 on x86_64", "140000"))
    assert identity.version_number == (14, 0)
    assert identity.version_number >= OLDEST
