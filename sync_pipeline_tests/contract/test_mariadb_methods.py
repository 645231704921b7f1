"""Any of an account's methods lets one in: each is read, and the weakest counts.

What is said is compared with logging in, to accounts made by statements and to rows that
somebody wrote by hand.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager

import pymysql
import pytest

from sync_pipeline.engines.mysql_protocol.accounts.json_text import unknown_words
from sync_pipeline.model.access import AccessWorld, AccountFacts
from sync_pipeline.model.account import AccountState
from sync_pipeline.model.instance import EngineName
from sync_pipeline_tests.contract.mysql_family import Family
from workbench.servers.running import RunningServer

HASH = "*667F407DE7C6AD07358FA38DAED7828A72014B4E"
NATIVE = "mysql_native_password"
EMPTY_SECOND = [{}, {"plugin": NATIVE, "authentication_string": ""}]
STOCK = {
    "access": 18446744073709551615,
    "plugin": NATIVE,
    "authentication_string": "invalid",
    "auth_or": [{}, {"plugin": "unix_socket"}],
}
"""What mariadb-install-db makes of root@localhost and mysql@localhost since 10.4."""


def by_hand(password: object = HASH, **more: object) -> str:
    return json.dumps({"access": 0, "plugin": NATIVE, "authentication_string": password, **more})


@pytest.fixture
def family(each_mariadb_server: RunningServer) -> Family:
    return Family(each_mariadb_server)


@contextmanager
def row(family: Family, priv: str, *, user: str = "odd", host: str = "%") -> Iterator[None]:
    """Write a row of the table by hand, as the server will take it at the next reload."""
    with family.admin() as cursor:
        cursor.execute("SET SESSION check_constraint_checks = 0")
        cursor.execute("INSERT INTO mysql.global_priv VALUES (%s, %s, %s)", (host, user, priv))
        cursor.execute("FLUSH PRIVILEGES")
    try:
        yield
    finally:
        family.run(f"DELETE FROM mysql.global_priv WHERE User = '{user}'", "FLUSH PRIVILEGES")


def may_log_in(family: Family, user: str = "odd", password: str = "") -> bool:
    server = family.server
    try:
        with pymysql.connect(host=server.host, port=server.port, user=user, password=password):
            return True
    except pymysql.MySQLError:
        return False


def read(family: Family, name: str) -> tuple[AccountState, AccountFacts]:
    snapshot = family.snapshot()
    accounts = {state.name: state for state in snapshot.accounts}
    world = AccessWorld("i", EngineName.MARIADB, snapshot.server.version, accounts)
    return accounts[name], family.engine.access_rules(world).facts(name)


def plugins(state: AccountState) -> tuple[object, object]:
    attributes = dict(state.attributes)
    return attributes["plugins"], attributes.get("passwords")


@pytest.mark.parametrize(
    ("methods", "expected"),
    [
        (f"{NATIVE} USING '{HASH}'", (NATIVE, None)),
        (NATIVE, (NATIVE, None)),
        (f"unix_socket OR {NATIVE}", (f"unix_socket, {NATIVE}", "empty, empty")),
        (f"{NATIVE} OR unix_socket", (f"{NATIVE}, unix_socket", "empty, empty")),
        (f"{NATIVE} USING '{HASH}' OR {NATIVE}", (f"{NATIVE}, {NATIVE}", "set, empty")),
        (f"{NATIVE} USING '{HASH}' OR unix_socket", (f"{NATIVE}, unix_socket", "set, empty")),
        (f"{NATIVE} USING 'invalid'", (NATIVE, "invalid")),
        (f"{NATIVE} USING 'invalid' OR unix_socket", (f"{NATIVE}, unix_socket", "invalid, empty")),
        (f"{NATIVE} USING 'invalid' OR {NATIVE}", (f"{NATIVE}, {NATIVE}", "invalid, empty")),
        (
            f"{NATIVE} USING '{HASH}' OR unix_socket OR {NATIVE}",
            (f"{NATIVE}, unix_socket, {NATIVE}", "set, empty, empty"),
        ),
        ("unix_socket", ("unix_socket", None)),
    ],
)
def test_an_empty_password_is_seen_in_each_place(
    family: Family, methods: str, expected: tuple[str, str | None]
) -> None:
    with family.users(f"odd@'%' IDENTIFIED VIA {methods}"):
        state, facts = read(family, "'odd'@'%'")
        assert facts.has_no_password is may_log_in(family)
    assert plugins(state) == expected
    assert ("It has no password" in facts.weak_authentication) is facts.has_no_password
    assert not list(unknown_words(state))


@pytest.mark.parametrize(
    ("priv", "is_strange"),
    [
        (by_hand(auth_or=EMPTY_SECOND), False),
        (by_hand(auth_or=[{"authentication_string": ""}]), False),
        (by_hand("", auth_or=[{"plugin": NATIVE, "authentication_string": HASH}]), False),
        (by_hand(auth_or="x"), False),
        (by_hand(plugin=""), False),
        (by_hand("", plugin=""), False),
        (by_hand("", plugin="MYSQL_NATIVE_PASSWORD"), False),
        (by_hand("", plugin=5), True),
        (by_hand(plugin=None), True),
        (by_hand(5), True),
        (by_hand(None), True),
        (by_hand(" "), False),
        (by_hand("INVALID"), False),
        (by_hand("", access=1.0), True),
        ("[1]", True),
        ("null", True),
        ("5", True),
        ("xx{", True),
        ("", True),
        ('{"access":1', True),
        ('{"access":0}', False),
    ],
)
def test_a_row_written_by_hand_is_read_as_the_server_reads_it(
    family: Family, priv: str, is_strange: bool
) -> None:
    with row(family, priv):
        state, facts = read(family, "'odd'@'%'")
        assert facts.has_no_password is may_log_in(family)
    assert bool(list(unknown_words(state))) is is_strange
    assert HASH not in repr(state)


@pytest.mark.parametrize(
    "priv",
    [
        by_hand("", auth_or=[{}, 5]),
        by_hand("", auth_or=[{}, {"plugin": 5}]),
        by_hand("", auth_or=[{}, {"plugin": NATIVE, "authentication_string": 5}]),
        by_hand("", auth_or=[]),
    ],
)
def test_a_row_that_the_server_does_not_load_is_kept_and_flagged(family: Family, priv: str) -> None:
    """Nobody can log in with it, today; it is there, and may be mended."""
    with row(family, priv):
        assert not may_log_in(family)
        snapshot = family.snapshot()
    state = next(item for item in snapshot.accounts if item.name == "'odd'@'%'")
    assert list(unknown_words(state))
    assert any("'odd'@'%'" in text for text in snapshot.warnings)


def test_the_stock_root_and_mysql_have_no_password_to_judge(family: Family) -> None:
    for user in ("stock", "mysql"):
        with row(family, json.dumps(STOCK), user=user, host="localhost"):
            state, facts = read(family, f"'{user}'@'localhost'")
        assert plugins(state) == (f"{NATIVE}, unix_socket", "invalid, empty")
        assert facts.weak_authentication == ""
        assert not facts.has_no_password
        assert facts.never_expires is None


def test_the_view_says_the_same_of_each_method(family: Family) -> None:
    script = family.engine.grants_script("method_monitor", "%", ()).splitlines()
    with row(family, by_hand(5, auth_or=EMPTY_SECOND)):
        family.run(*script)
        try:
            states = [
                next(item for item in snapshot.accounts if item.name == "'odd'@'%'")
                for snapshot in (
                    family.snapshot(),
                    family.snapshot(family.target("method_monitor", "<password>")),
                )
            ]
        finally:
            family.run(
                "DROP USER method_monitor@'%'",
                "DROP ROLE sync_pipeline_definer",
                "DROP DATABASE sync_pipeline",
            )
    assert states[0] == states[1]
