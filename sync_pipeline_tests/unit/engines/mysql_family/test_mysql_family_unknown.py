"""What MySQL and MariaDB keep that is not known here: never an error, never dropped."""

from __future__ import annotations

import json
from dataclasses import fields
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_pipeline.engines.base import CatalogColumn
from sync_pipeline.engines.mariadb.access.doubts import CATALOG
from sync_pipeline.engines.mariadb.accounts import parse as mariadb_parse
from sync_pipeline.engines.mariadb.accounts.stored import number, whole_number
from sync_pipeline.engines.mariadb.engine import MariaDb
from sync_pipeline.engines.mysql.accounts import parse as mysql_parse
from sync_pipeline.engines.mysql.engine import MySql
from sync_pipeline.model.access import AccessWorld
from sync_pipeline.model.account import AccountKind, AccountState
from sync_pipeline.model.instance import EngineName
from sync_pipeline.model.privilege import Grant, Securable, SecurableKind

ALICE = "'alice'@'%'"
SERVER = Securable(SecurableKind.SERVER)
HR = Securable(SecurableKind.DATABASE, "hr")
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["Database", "Privileges", "x"]), inner, max_size=3)
    ),
    max_leaves=8,
)


def mysql_state(**values: Any) -> AccountState:
    row = {item.name: None for item in fields(mysql_parse.AccountRow)}
    row |= {"user": "alice", "host": "%", "privileges": "", "plugin": "caching_sha2_password"}
    row |= {"account_locked": "N", "password_expired": "N", **values}
    (state,) = mysql_parse.account_states([mysql_parse.AccountRow(**row)], [], [], [], [], {})
    return state.canonical()


def mariadb_state(version: tuple[int, ...] = (11, 8, 9), **values: Any) -> AccountState:
    row = {item.name: None for item in fields(mariadb_parse.AccountRow)}
    row |= {"user": "alice", "host": "%", **values}
    (state,) = mariadb_parse.account_states([mariadb_parse.AccountRow(**row)], [], {}, version)
    return state.canonical()


def unknown_of(state: AccountState) -> object:
    return dict(state.attributes).get("unknown_keys")


@given(VALUES)
def test_restrictions_of_any_shape_are_read(value: object) -> None:
    for grant in mysql_state(restrictions=json.dumps(value)).grants:
        assert grant.deny


def test_a_restriction_that_can_not_be_read_is_kept_and_flagged() -> None:
    entries = [{"Database": "hr", "Privileges": ["SELECT"]}, {"Databases": "hr"}]
    assert set(mysql_state(restrictions=json.dumps(entries)).grants) == {
        Grant(SERVER, 'Restrictions = {"Databases": "hr"}', deny=True, recognised=False),
        Grant(HR, "SELECT", deny=True),
    }


@given(st.lists(st.text(max_size=8)), VALUES)
def test_attributes_of_any_shape_are_read_and_those_not_known_are_named(
    keys: list[str], value: object
) -> None:
    text = json.dumps(value)
    state = mysql_state(attribute_keys=json.dumps(keys), factors=text, failed_login_attempts=text)
    strange = set(keys) - {"metadata", "Restrictions", "additional_password"}
    if strange:
        assert unknown_of(state) is not None


@pytest.mark.parametrize(
    "keys", [None, '["metadata", "Restrictions", "Password_locking", "additional_password"]']
)
def test_known_attributes_change_nothing(keys: str | None) -> None:
    state = mysql_state(attribute_keys=keys, failed_login_attempts="3")
    assert unknown_of(state) is None
    assert dict(state.attributes)["failed_login_attempts"] == 3


@given(st.dictionaries(st.sampled_from([*mariadb_parse.AccountRow.__slots__[2:-2]]), VALUES))
def test_global_priv_of_any_shape_is_read(values: dict[str, object]) -> None:
    row = {name: json.dumps(value) for name, value in values.items()}
    for version in ((10, 6, 0), (11, 8, 9), (13, 1, 2), (99, 0, 0)):
        state = mariadb_state(version, **row)
        assert AccountState.from_json(json.loads(json.dumps(state.to_json()))) == state


def test_the_keys_of_an_ordinary_account_are_known() -> None:
    keys = [
        *("access", "version_id", "plugin", "authentication_string", "auth_or", "default_role"),
        *("account_locked", "password_last_changed", "password_lifetime", "is_role", "ssl_type"),
        *("ssl_cipher", "x509_issuer", "x509_subject", "max_questions", "max_updates"),
        *("max_connections", "max_user_connections", "max_statement_time"),
    ]
    text = json.dumps(keys)
    assert unknown_of(mariadb_state(json_keys=text)) is None
    with_denies = json.dumps([*keys, "denies"])
    assert unknown_of(mariadb_state(json_keys=with_denies)) == "denies"
    assert unknown_of(mariadb_state((13, 1, 0), json_keys=with_denies)) is None


@pytest.mark.parametrize(
    ("text", "value"),
    [
        *[(None, 7), ("", 7), ('"5"', 7), ("null", 7), ("true", 7), ("[1]", 7), ("{}", 7)],
        *[("0", 0), ("-0", 0), ("12.9", 12), ("-3e9", -3), (str(2**63), -(2**63))],
        *[(str(2**64 - 1), -1), (str(2**64), -1), ("9" * 9999, -1), (f"-{2**70}", -(2**63))],
    ],
)
def test_a_number_is_what_the_server_takes_it_for(text: str | None, value: int) -> None:
    assert whole_number(text, 7) == value


@given(st.integers(-(2**63), 2**63 - 1))
def test_a_number_of_64_bits_is_itself(value: int) -> None:
    assert whole_number(str(value)) == number(str(value)) == value


@pytest.mark.parametrize(
    ("engine", "state"),
    [
        (MySql(), mysql_state(privileges="SELECT", attribute_keys='["Quotas"]')),
        (MariaDb(), mariadb_state(access="1", json_keys='["access", "Quotas"]')),
    ],
)
def test_an_unknown_key_is_named_with_each_answer_about_the_account(engine, state) -> None:
    world = AccessWorld("i", EngineName(engine.name), "10.11.6", {ALICE: state})
    if engine.name is EngineName.MYSQL:
        world = AccessWorld("i", engine.name, "8.4.0", {ALICE: state})
    rules = engine.access_rules(world)
    for word in ("SELECT", "INSERT"):
        (unknown,) = rules.decide(ALICE, word, HR).unknown
        assert "Quotas" in unknown


def test_a_deny_that_can_not_be_read_makes_a_yes_uncertain() -> None:
    state = mariadb_state((13, 1, 0), access="1", denies='[{"type":"planet","bits":1}]')
    world = AccessWorld("i", EngineName.MARIADB, "13.1.0", {ALICE: state})
    decision = MariaDb().access_rules(world).decide(ALICE, "SELECT", HR)
    assert decision.is_allowed
    assert any("planet" in text and "takes" in text for text in decision.unknown)


def test_a_column_that_is_not_known_is_found() -> None:
    known = [CatalogColumn("db", "Select_priv"), CatalogColumn("global_priv", "Priv")]
    strange = [CatalogColumn("db", "Teleport_priv"), CatalogColumn("planets", "Host")]
    assert CATALOG.unknown([*known, *strange]) == ("db.Teleport_priv", "planets.Host")


def test_public_is_everybody_where_the_version_knows_it() -> None:
    for version, kind in (((10, 6, 22), AccountKind.ROLE), ((10, 11, 2), AccountKind.PUBLIC)):
        state = mariadb_state(version, user="PUBLIC", host="", is_role="true")
        assert (state.kind, state.can_login) == (kind, False)
