"""Which clients a host part lets in: what is said is compared with logging in.

Linux has every address of 127.0.0.0/8, so that one machine is many clients.
"""

from __future__ import annotations

from collections.abc import Sequence

import pymysql
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sync_pipeline.engines.mysql_protocol.accounts.hosts import (
    covers,
    is_any_host,
    lets_nobody_in,
    matches,
)
from sync_pipeline.model.access import AccessWorld
from sync_pipeline.model.privilege import Securable, SecurableKind
from sync_pipeline_tests.contract.mysql_family import Family
from workbench.servers.running import RunningServer

CLIENTS = ("127.0.0.1", "127.0.0.200", "127.9.0.1")
HOSTS = (
    *("127.0.0.1", "127.0.0.0/255.255.255.0", "127.0.0.0/24", "127.0.0.0/8", "127.0.0.5/24"),
    *("127.0.0.5/255.255.255.0", "127.0.0.0/255.0.255.0", "127.0.0.0/255.0.0.0", "_%", "%.%"),
    *("0.0.0.0/0.0.0.0", "0.0.0.0/0", "127.%", "127.0.0._", "127.0.0.1_", "1%", "127.0.0.0/25"),
    *("127.0.0.128/25", "127.000.000.001", "127.0.0.1/32", "127.0.0.1/255.255.255.255"),
    *("localhost", "LOCALHOST", "%.0.0.%", "%%", "_", "___%", "127.0.0.0/33", "127.0.0.0/"),
    *("127.0.0.0/ 24", "127.0.0.0/255.255.255", "::1", "::%", "127.0.0.1/%", "%/%", "128.0.0.0/1"),
    *("127.0.0.0/024", "0.0.0.0/128.0.0.0", " 127.0.0.1", "0x7f.0.0.1", "127.1", "0.0.0.0/1"),
    *("127.0.0.0/255.255.255.128", "127.0.0.0/255.255.255.1", "%1", "%.1", "127.0.0.0/-1"),
)
OCTETS = st.sampled_from(["127", "0", "1", "5", "13", "200", "9", "%", "_", "1_", "%3", "00"])
MASKS = st.sampled_from(["255", "0", "128", "254", "1"])
NETWORKS = st.tuples(
    st.lists(OCTETS, min_size=4, max_size=4), st.lists(MASKS, min_size=4, max_size=4)
)
PATTERNS = (
    st.lists(OCTETS, min_size=1, max_size=5).map(".".join)
    | NETWORKS.map(lambda pair: f"{'.'.join(pair[0])}/{'.'.join(sorted(pair[1], key=int)[::-1])}")
    | NETWORKS.map(lambda pair: f"{'.'.join(pair[0])}/{'.'.join(pair[1])}")
    | st.tuples(st.lists(OCTETS, min_size=4, max_size=4), st.integers(0, 33)).map(
        lambda pair: f"{'.'.join(pair[0])}/{pair[1]}"
    )
    | st.text("127.0%_/", max_size=9)
)
ADDRESSES = st.tuples(*[st.sampled_from([0, 1, 5, 13, 127, 128, 200, 255])] * 4).map(
    lambda parts: ".".join(map(str, parts))
)


@pytest.fixture
def family(mysql_family_server: RunningServer) -> Family:
    return Family(mysql_family_server)


def logged_in_as(family: Family, user: str, client: str) -> str | None:
    """Return the account that a client is, None where it may not log in.

    Without TLS: a login with it costs many times as much, and there are hundreds.
    """
    server = family.server
    try:
        with (
            pymysql.connect(
                host=server.host,
                port=server.port,
                user=user,
                bind_address=client,
                ssl_disabled=True,
            ) as link,
            link.cursor() as cursor,
        ):
            cursor.execute("SELECT CURRENT_USER()")
            (row,) = cursor.fetchall()
            return str(row[0])
    except pymysql.MySQLError:
        return None


def let_in(family: Family, hosts: Sequence[str]) -> dict[str, list[bool]]:
    """Return which of the clients each host part lets in, an account for each."""
    names = ", ".join(f"hosts{number}@'{host}'" for number, host in enumerate(hosts))
    family.run(f"CREATE USER {names}")
    try:
        return {
            host: [logged_in_as(family, f"hosts{number}", client) is not None for client in CLIENTS]
            for number, host in enumerate(hosts)
        }
    finally:
        family.run(f"DROP USER {names}")


def said(family: Family, hosts: Sequence[str]) -> dict[str, list[bool]]:
    return {
        host: [matches(host, client, None, knows_cidr=family.is_mysql) for client in CLIENTS]
        for host in hosts
    }


def test_who_is_let_in_is_who_is_said_to_be(family: Family) -> None:
    found = let_in(family, HOSTS)
    assert found == said(family, HOSTS)
    for host, clients in found.items():
        assert lets_nobody_in(host, knows_cidr=family.is_mysql) <= (not any(clients)), host
        assert is_any_host(host) <= all(clients), host


def test_random_host_parts_let_in_whom_they_are_said_to(family: Family) -> None:
    random = st.lists(PATTERNS.filter(lambda host: host != ""), min_size=8, unique=True)

    @settings(max_examples=2, deadline=None, suppress_health_check=list(HealthCheck))
    @given(random)
    def check(hosts: list[str]) -> None:
        assert let_in(family, hosts) == said(family, hosts)

    check()


@settings(max_examples=400)
@given(PATTERNS, PATTERNS, ADDRESSES, st.booleans())
def test_who_covers_another_lets_in_whom_it_lets_in(
    wider: str, host: str, address: str, knows_cidr: bool
) -> None:
    if covers(wider, host, knows_cidr=knows_cidr) and matches(
        host, address, None, knows_cidr=knows_cidr
    ):
        assert matches(wider, address, None, knows_cidr=knows_cidr)


@pytest.mark.parametrize(
    ("wider", "host", "cidr", "netmask"),
    [
        ("10.0.0.0/8", "10.1.0.0/16", True, False),
        ("10.0.0.0/255.0.0.0", "10.1.0.0/255.255.0.0", True, True),
        ("10.0.0.0/8", "10.1.0.0/255.255.0.0", True, False),
        ("10.1.0.0/255.255.0.0", "10.0.0.0/255.0.0.0", False, False),
        ("10.0.0.0/255.0.0.0", "10.2.3.4", True, True),
        ("10.0.0.0/255.0.0.0", "10.%", False, False),
        ("10.0.0.0/255.255.255.0", "10.0.0._", False, False),
        ("10.0.0.0/255.255.255.0", "10.0.0%", False, False),
        ("10.0.1.0/255.255.255.0", "10.0.1%", False, False),
        ("10.0.%", "10.0.0.0/255.255.0.0", True, True),
        ("10.0._.%", "10.0.0.0/255.255.0.0", False, False),
        ("10.0.0.1__", "10.0.0.100/30", True, False),
        ("%.%.%.%", "10.0.0.0/255.0.0.0", True, True),
        ("_%", "10.0.0.0/255.0.0.0", True, True),
        ("_%", "localhost", True, True),
        ("%.%", "localhost", False, False),
        ("%.%", "%.example.com", True, True),
        ("_%", "%", False, False),
        ("%", "_%", True, True),
        ("0.0.0.0/0.0.0.0", "10.0.0.1", False, False),
        ("0.0.0.0/0", "10.0.0.1", False, False),
        ("10.0.0.1", "010.000.000.001", True, False),
        ("127.0.0.1", "localhost", False, False),
        ("::%", "::1", True, True),
        ("DB%", "db1.example.com", True, True),
    ],
)
def test_a_host_part_covers_another(wider: str, host: str, cidr: bool, netmask: bool) -> None:
    assert covers(wider, host, knows_cidr=True) is cidr
    assert covers(wider, host, knows_cidr=False) is netmask


@pytest.mark.parametrize(
    ("host", "is_any"),
    [
        *((host, True) for host in ("", "%", "%%", "_%", "%_", "___%", "%.%", "%.%.%.%", "_%._%")),
        *((host, False) for host in ("_", "__.%", "%.%.%.%.%", "1%", "0.0.0.0/0.0.0.0")),
        *((host, False) for host in ("0.0.0.0/0", "10.0.0.1/0.0.0.0", "localhost", "::%")),
    ],
)
def test_any_host(host: str, is_any: bool) -> None:
    assert is_any_host(host) is is_any


def test_an_account_of_no_host_says_so(family: Family) -> None:
    with family.users("hosts@'0.0.0.0/0.0.0.0'"):
        family.run("GRANT SELECT ON *.* TO hosts@'0.0.0.0/0.0.0.0'")
        snapshot = family.snapshot()
    accounts = {state.name: state for state in snapshot.accounts}
    world = AccessWorld("i", family.engine.name, snapshot.server.version, accounts)
    rules = family.engine.access_rules(world)
    name = "'hosts'@'0.0.0.0/0.0.0.0'"
    (held,) = rules.decide(name, "SELECT", Securable(SecurableKind.SERVER)).held
    assert any("none fits 0.0.0.0/0.0.0.0" in text for text in held.lacking)
    assert not rules.facts(name).is_any_host


SPECIFIC = (
    *("127.0.0.1", "127.0.0.0/255.255.255.0", "127.0.0.0/255.0.0.0", "127.0.0._", "127.0.0.%"),
    *("127.%", "%.1", "1%", "%.%", "_%", "%"),
)
CIDR = ("127.0.0.0/24", "127.0.0.0/8", "127.0.0.1/32", "127.0.0.0/30")


def test_the_rows_of_one_user_are_looked_at_in_the_order_of_the_server(family: Family) -> None:
    """Of two accounts of a name, which is the client, and whose row of a database counts."""
    hosts = (*SPECIFIC, *(CIDR if family.is_mysql else ()))
    server = family.server
    names = [f"hosts@'{host}'" for host in hosts]
    family.run("CREATE DATABASE hosted", "CREATE TABLE hosted.t (a int)")
    try:
        with family.users(*names):
            # Each has its own word on the database: which one is there says whose row it is.
            for name in names:
                family.run(f"GRANT INSERT ON hosted.* TO {name}")
            for host in hosts:
                family.run(f"GRANT SELECT ON hosted.* TO hosts@'{host}'")
                snapshot = family.snapshot()
                accounts = {state.name: state for state in snapshot.accounts}
                world = AccessWorld("i", family.engine.name, snapshot.server.version, accounts)
                rules = family.engine.access_rules(world)
                me = logged_in_as(family, "hosts", "127.0.0.1")
                assert me is not None
                user, _, mine = me.partition("@")
                on = Securable(SecurableKind.DATABASE, "hosted")
                said = rules.decide(f"'{user}'@'{mine}'", "SELECT", on).is_allowed_at_login
                with pymysql.connect(
                    host=server.host, port=server.port, user="hosts", bind_address="127.0.0.1"
                ) as link:
                    try:
                        link.cursor().execute("SELECT * FROM hosted.t")
                        may = True
                    except pymysql.MySQLError:
                        may = False
                assert said is may, (host, me)
                family.run(f"REVOKE SELECT ON hosted.* FROM hosts@'{host}'")
    finally:
        family.run("DROP DATABASE hosted")
