"""Which lines of pg_hba.conf are in force, and what they let happen."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_pipeline.engines.access.contract import LoginRule
from sync_pipeline.engines.postgresql.access.login_rules import login_rules
from sync_pipeline.model.access import AccessWorld
from sync_pipeline.model.account import AccountKind, AccountState
from sync_pipeline.model.instance import EngineName
from sync_pipeline.model.privilege import Membership
from sync_pipeline.model.server_fact import ServerFact, ServerFacts

MASKS = {"0": "0.0.0.0", "8": "255.0.0.0", "24": "255.255.255.0", "32": "255.255.255.255"}
SUPER = AccountState(
    "dba", AccountKind.USER, True, is_superuser=True, memberships=(Membership("admins"),)
)


APP = AccountState("app", AccountKind.USER, True)


def fact(number: int, value: Any) -> ServerFact:
    return ServerFact("login_rule", "", f"{number:06}", json.dumps(value))


def line(text: str) -> dict[str, Any]:
    """Return what the server says of a line that people write."""
    kind, databases, users, *rest = text.split()
    address = netmask = None
    if kind != "local":
        address, *rest = rest
        net, slash, bits = address.partition("/")
        if slash:
            address = net
            netmask = MASKS.get(bits) if "." in net else {"128": "f" + "fff:f" * 7 + "fff"}[bits]
    return {
        "line": 0,
        "type": kind,
        "databases": databases.split(","),
        "users": users.split(","),
        "address": address,
        "netmask": netmask,
        "method": rest[0],
    }


def of(*lines: str) -> list[LoginRule]:
    facts = [fact(n, {**line(text), "line": n}) for n, text in enumerate(lines, 1)]
    accounts = {"dba": SUPER, "app": APP}
    world = AccessWorld("db", EngineName.POSTGRESQL, "17", accounts, server=ServerFacts(facts))
    return list(login_rules(world))


def one(text: str) -> LoginRule:
    (found,) = of(text)
    return found


def test_a_line_as_people_read_it() -> None:
    found = one("host app,web all 10.1.2.0/24 scram-sha-256")
    assert (found.place, found.text) == (
        "line 1",
        "host app,web all 10.1.2.0/24 scram-sha-256",
    )


@pytest.mark.parametrize(
    ("text", "is_local", "is_wide"),
    [
        ("local all all peer", True, False),
        ("host all all 127.0.0.1/32 trust", True, False),
        ("host all all ::1/128 trust", True, False),
        ("host all all samehost trust", True, False),
        ("host all all samenet trust", False, False),
        ("host all all db.example.com trust", False, False),
        ("host all all 10.0.0.0/8 trust", False, False),
        ("host all all 0.0.0.0/0 trust", False, True),
        ("host all all all trust", False, True),
    ],
)
def test_from_where(text: str, is_local: bool, is_wide: bool) -> None:
    assert (one(text).is_local, one(text).is_wide) == (is_local, is_wide)


def test_a_wide_network_of_the_new_protocol() -> None:
    value = {**line("host all all all trust"), "address": "::", "netmask": "::"}
    world = AccessWorld("db", EngineName.POSTGRESQL, "17", {}, server=ServerFacts([fact(1, value)]))
    (found,) = login_rules(world)
    assert found.is_wide
    assert found.text == "host all all ::/0 trust"


@pytest.mark.parametrize(
    ("text", "weakness"),
    [
        ("host all all 10.0.0.0/8 password", "sends the password as it is typed"),
        ("hostssl all all 10.0.0.0/8 password", ""),
        ("local all all password", ""),
        ("host all all 127.0.0.1/32 password", ""),
        ("host all all 10.0.0.0/8 ident", "asks the client's own machine who is there"),
        ("host all all 10.0.0.0/8 md5", ""),
        ("host all all 10.0.0.0/8 scram-sha-256", ""),
    ],
)
def test_methods(text: str, weakness: str) -> None:
    assert one(text).weakness == weakness
    assert not one(text).is_without_password
    assert one(text.rpartition(" ")[0] + " trust").is_without_password


def test_who_is_a_superuser() -> None:
    for users, wanted in (("all", True), ("dba", True), ("+admins", True), ("app", False)):
        assert one(f"host app {users} 10.0.0.0/8 cert").lets_superusers is wanted
    assert not one("host replication all 10.0.0.0/8 cert").lets_superusers


@pytest.mark.parametrize(
    ("lines", "wanted"),
    [
        (("host all dba all reject", "host all all all cert"), False),
        (("host all +admins 10.0.0.0/8 reject", "host all all 10.1.0.0/24 cert"), False),
        (("host all dba all reject", "host all all all cert", "host all dba all cert"), False),
        (("host all dba 10.0.0.0/8 reject", "host all all all cert"), True),
        (("hostssl all dba all reject", "host all all all cert"), True),
        (("host app dba all reject", "host all all all cert"), True),
        (("host all app all reject", "host all all all cert"), True),
        (("local all dba reject", "host all all all cert"), True),
    ],
)
def test_superusers_who_are_refused_before(lines: tuple[str, ...], wanted: bool) -> None:
    assert [item.lets_superusers for item in of(*lines)] == [wanted]


def test_thousands_of_lines_are_not_compared_with_each_other() -> None:
    """Of a limit's worth, with as many users as one may have: minutes of work before."""
    users = [f"u{number}" for number in range(250)]
    base = {"type": "host", "databases": ["all"], "users": users, "netmask": "255.255.255.0"}
    facts = [
        fact(n, {**base, "line": n, "address": f"10.{n // 250}.{n % 250}.0", "method": "trust"})
        for n in range(1000)
    ]
    world = AccessWorld("db", EngineName.POSTGRESQL, "17", {}, server=ServerFacts(facts))
    before = time.process_time()
    assert len(list(login_rules(world))) == len(facts)
    assert time.process_time() - before < 10


@pytest.mark.parametrize(
    "value", ["[" * 1900, '{"a":' * 400, '"' + "9" * 1900 + '"', "9" * 1900, "1e999"]
)
def test_what_no_server_says(value: str) -> None:
    facts = [ServerFact("login_rule", "", "1", value)]
    world = AccessWorld("db", EngineName.POSTGRESQL, "17", {}, server=ServerFacts(facts))
    assert list(login_rules(world)) == []


def test_what_no_store_keeps_is_written_otherwise() -> None:
    """Python reads half a character, and the NUL, out of JSON."""
    odd = "x\ud800\0"
    value = {**line("host all all all trust"), "users": [odd], "address": odd, "line": odd}
    world = AccessWorld("db", EngineName.POSTGRESQL, "17", {}, server=ServerFacts([fact(1, value)]))
    (found,) = login_rules(world)
    assert found.text == r"host all x\ud800\x00 x\ud800\x00 trust"
    assert (found.place + found.text).encode()


@pytest.mark.parametrize(
    ("lines", "reached"),
    [
        (("host all all all reject", "host all all 10.0.0.0/8 trust"), []),
        (("host all all 10.0.0.0/8 reject", "host all all all trust"), ["line 2"]),
        (("host all all 10.0.0.0/8 cert", "host app app 10.1.0.0/24 trust"), ["line 1"]),
        (("host all all all reject", "host replication all all trust"), ["line 2"]),
        (("host app all all reject", "host all all all trust"), ["line 2"]),
        (("host all app all reject", "host all app,web all trust"), ["line 2"]),
        (("hostssl all all all reject", "host all all all trust"), ["line 2"]),
        (("host all all all reject", "hostssl all all all trust"), []),
        (("host all all all reject", "local all all trust"), ["line 2"]),
        (("local all all reject", "host all all all trust"), ["line 2"]),
        (("host all all all reject", "host all all ::1/128 trust"), []),
        (("host all all 0.0.0.0/0 reject", "host all all ::1/128 trust"), ["line 2"]),
        (("host all all 10.0.0.0/24 reject", "host all all 10.0.0.0/8 trust"), ["line 2"]),
        (("host all app,web all reject", "host app web all trust"), []),
        (("host all all local reject", "local all all trust"), ["line 2"]),
        (("host all all samenet reject", "host all all samenet trust"), []),
        (("host all all samenet reject", "host all all 10.0.0.0/8 trust"), ["line 2"]),
    ],
)
def test_the_first_line_that_fits_decides(lines: tuple[str, ...], reached: list[str]) -> None:
    assert [item.place for item in of(*lines)] == reached


def test_what_is_refused_without_tls_is_by_tls() -> None:
    (found,) = of("hostnossl all all all reject", "host all all all scram-sha-256")
    assert found.is_by_tls
    assert not one("host all all all scram-sha-256").is_by_tls
    assert one("hostssl all all all scram-sha-256").is_by_tls
    _, narrow = of("hostnossl app all all md5", "host all all all scram-sha-256")
    assert not narrow.is_by_tls
    (half,) = of("hostnossl app all all reject", "host all all all scram-sha-256")
    assert not half.is_by_tls


def test_a_line_that_lets_others_in_by_less_is_both() -> None:
    plain, by_tls = of("hostnossl all all all md5", "host all all all cert")
    assert (plain.is_by_tls, by_tls.is_by_tls) == (False, True)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=5,
)
KEYS = ("line", "type", "databases", "users", "address", "netmask", "method")


@given(st.dictionaries(st.sampled_from(KEYS), JSON) | JSON)
def test_whatever_a_server_says_is_understood_or_left_out(value: Any) -> None:
    facts = [fact(1, value), ServerFact("login_rule", "", "2", str(value))]
    world = AccessWorld("db", EngineName.POSTGRESQL, "17", {}, server=ServerFacts(facts))
    assert len(list(login_rules(world))) <= 2
