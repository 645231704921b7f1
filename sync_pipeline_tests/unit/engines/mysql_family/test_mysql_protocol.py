"""Names, patterns and rows of MySQL and MariaDB, without a server."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_pipeline.engines.mariadb.accounts.bits import server_grants
from sync_pipeline.engines.mysql.accounts.parse import account_states
from sync_pipeline.engines.mysql_protocol.accounts.names import (
    account_list,
    account_name,
    quoted,
)
from sync_pipeline.engines.mysql_protocol.accounts.rows import (
    ColumnRow,
    DatabaseRow,
    ProxyRow,
    RoutineRow,
    TableRow,
    shared_grants,
)
from sync_pipeline.model.privilege import Grant, Securable, SecurableKind


@given(st.tuples(st.text(), st.text()), st.tuples(st.text(), st.text()))
def test_two_accounts_never_share_a_name(one: tuple[str, str], two: tuple[str, str]) -> None:
    assert (account_name(*one) == account_name(*two)) == (one == two)


@given(
    st.lists(
        st.tuples(
            st.text(st.characters(exclude_categories=["Cs"]), min_size=1),
            st.text(st.characters(exclude_categories=["Cs"])),
            st.sampled_from("'`"),
        )
    )
)
def test_a_list_of_accounts_is_read_as_it_was_written(
    accounts: list[tuple[str, str, str]],
) -> None:
    def written(text: str, quote: str) -> str:
        escaped = text.replace("\\", "\\\\") if quote == "'" else text
        return quote + escaped.replace(quote, quote * 2) + quote

    text = " , ".join(f"{written(u, q)}@{written(h, q)}" for u, h, q in accounts)
    assert list(account_list(text)) == [(user, host) for user, host, _ in accounts]


def test_a_list_of_accounts_may_leave_out_quotes_and_hosts() -> None:
    assert list(account_list("r1,`r 2`@'%', \"r'3\" @ localhost")) == [
        *(("r1", "%"), ("r 2", "%"), ("r'3", "localhost"))
    ]
    assert list(account_list("")) == []


def database_kind(pattern: str, *, is_literal: int = 0) -> SecurableKind:
    row = DatabaseRow("u", "%", pattern, is_literal, "SELECT")
    ((grant,),) = shared_grants([row], [], [], [], []).values()
    assert grant.securable.database == pattern
    return grant.securable.kind


@pytest.mark.parametrize("name", ["app", r"a\_b", r"a\%", r"\_\%", r"a\\\_b"])
def test_an_escaped_wildcard_is_a_letter(name: str) -> None:
    assert database_kind(name) is SecurableKind.DATABASE


@pytest.mark.parametrize("name", ["a_b", "%", r"a\_b%", r"a\\_b", r"\\%", "_"])
def test_a_wildcard_makes_a_pattern_unless_the_server_takes_names_literally(name: str) -> None:
    assert database_kind(name) is SecurableKind.DATABASE_PATTERN
    assert database_kind(name, is_literal=1) is SecurableKind.DATABASE


def test_grant_option_alone_stands_on_usage_and_on_columns_where_there_are_some() -> None:
    table = TableRow("u", "%", "d", "t", "g", "Grant")
    alone = shared_grants([], [table], [], [], [])["u", "%"]
    securable = Securable(SecurableKind.TABLE, "d", "", "t")
    assert alone == [Grant(securable, "USAGE", grantable=True, grantor="g")]
    column = ColumnRow("u", "%", "d", "t", "c", "Select,Insert")
    found = shared_grants([], [table], [column], [], [])["u", "%"]
    on_column = Securable(SecurableKind.COLUMN, "d", "", "t", "c")
    assert found == [
        Grant(on_column, "SELECT", grantable=True),
        Grant(on_column, "INSERT", grantable=True),
    ]


def test_what_we_do_not_know_is_kept_and_flagged() -> None:
    routine = RoutineRow("u", "%", "d", "r", "MACRO", "g", "Execute")
    (grant,) = shared_grants([], [], [], [routine], [])["u", "%"]
    assert (grant.privilege, grant.recognised) == ("EXECUTE (MACRO)", False)
    table = TableRow("u", "%", "d", "t", "g", "Select,Teleport")
    found = {g.privilege: g.recognised for g in shared_grants([], [table], [], [], [])["u", "%"]}
    assert found == {"SELECT": True, "TELEPORT": False}
    newer = list(server_grants(1 | 1 << 45, 130000, (13, 0, 0)))
    assert [(g.privilege, g.recognised) for g in newer] == [
        *(("SELECT", True), ("access bit 45", False))
    ]


@given(st.text(st.characters(max_codepoint=0xFFFF, exclude_categories=["Cs"])))
def test_names_of_routines_are_read_as_they_were_granted(name: str) -> None:
    as_stored = "".join(
        bytes([byte]).decode("cp1252" if byte not in CP1252_GAPS else "latin-1")
        for byte in name.encode()
    )
    row = RoutineRow(as_stored, "%", as_stored, as_stored, "FUNCTION", "g", "Execute")
    ((principal, (grant,)),) = shared_grants([], [], [], [row], []).items()
    assert principal == (name, "%")
    assert (grant.securable.database, grant.securable.name) == (name, name)


CP1252_GAPS = {0x81, 0x8D, 0x8F, 0x90, 0x9D}


def test_an_empty_catalog_has_no_accounts() -> None:
    proxy = ProxyRow("u", "%", "", "", 1, "g")
    (grant,) = shared_grants([], [], [], [], [proxy])["u", "%"]
    assert str(grant) == "PROXY on account ''@'' with grant option (by g)"
    assert account_states([], [], [], [], [], {}) == ()
    assert quoted("it's") == "'it''s'"
