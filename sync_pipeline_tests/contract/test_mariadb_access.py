"""The access masks of MariaDB: bit by bit, and of every version that wrote one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pymysql
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sync_pipeline.engines.base import Connection
from sync_pipeline.engines.mariadb.accounts.bits import (
    BITS,
    EVERYTHING,
    GRANT_BIT,
    all_privileges,
    effective_access,
    words_of,
)
from sync_pipeline.engines.mariadb.engine import MariaDb
from sync_pipeline.model.access import AccessWorld
from sync_pipeline.model.privilege import Grant, Securable, SecurableKind
from sync_pipeline.model.snapshot import ServerIdentity
from sync_pipeline_tests.contract import mysql_show_grants as show
from sync_pipeline_tests.contract.mysql_family import Family
from workbench.servers.running import RunningServer

pytestmark = pytest.mark.mariadb

LENGTHS = (30, 38, 39, 40)
"""How many bits the versions know: before 10.5.2, then, from 10.5.8, from 11.3."""
MASKS = st.one_of(
    st.builds(
        lambda length, lacking: (1 << length) - 1 & ~(1 << lacking),
        st.sampled_from(LENGTHS),
        st.integers(0, 41),
    ),
    st.builds(lambda *bits: sum({1 << bit for bit in bits}), *[st.sampled_from([15, 19, 20])] * 2),
    st.integers(0, 2**30 - 1),
    st.integers(0, 2**39 - 1),
    st.integers(0, 2**42 - 1),
    st.sampled_from([EVERYTHING, -1, 0, 1 << GRANT_BIT, 2**39 - 1, 2**30 - 1, 2**63]),
)
VERSIONS = st.sampled_from(
    [
        0,
        100300,
        100400,
        100501,
        100502,
        100507,
        100508,
        100509,
        100603,
        101100,
        101119,
        110000,
        110200,
        110300,
        110809,
        9999999,
    ]
)


@pytest.fixture
def family(each_mariadb_server: RunningServer) -> Iterator[Family]:
    found = Family(each_mariadb_server)
    yield found
    found.run("DELETE FROM mysql.global_priv WHERE User LIKE 'mask%'", "FLUSH PRIVILEGES")


def test_each_privilege_has_the_bit_that_the_table_says(family: Family) -> None:
    with family.users("'mask'@'%'"):
        for bit, word in BITS.items():
            if word not in all_privileges(family.version):
                continue
            family.run(f"GRANT {word} ON *.* TO 'mask'@'%'")
            (access,) = family.rows(
                "SELECT JSON_VALUE(Priv, '$.access') FROM mysql.global_priv WHERE User = 'mask'"
            )
            assert int(access[0]) == 1 << bit, word
            family.run(f"REVOKE {word} ON *.* FROM 'mask'@'%'")


@settings(max_examples=25, deadline=None)
@given(masks=st.lists(st.tuples(MASKS, VERSIONS), min_size=1, max_size=12))
def check_masks(family: Family, masks: list[tuple[int, int]]) -> None:
    values = ", ".join(
        f"('%', 'mask{number}', '{{\"access\":{access}"
        + (f',"version_id":{version}' if version else "")
        + "}')"
        for number, (access, version) in enumerate(masks)
    )
    family.run(
        "DELETE FROM mysql.global_priv WHERE User LIKE 'mask%'",
        f"INSERT INTO mysql.global_priv VALUES {values}",
        "FLUSH PRIVILEGES",
    )
    states = {state.name: state for state in family.snapshot().accounts}
    for number, (access, version) in enumerate(masks):
        name = f"'mask{number}'@'%'"
        said = show.read(
            (line for (line,) in family.rows(f"SHOW GRANTS FOR {name}")),
            name,
            is_mysql=False,
            version=family.version,
        )
        recognised = [grant for grant in states[name].grants if grant.recognised]
        ours = {(g.privilege, g.grantable) for g in recognised}
        assert ours == {(fact[0], fact[5]) for fact in said.grants}, (access, version)
        assert states[name].is_superuser == ("SUPER" in {fact[0] for fact in said.grants})


def test_masks_of_every_version_mean_what_show_grants_says(family: Family) -> None:
    check_masks(family)


SUPER = 1 << 15
OF_SUPER_IN_10_5 = {
    *("SET USER", "FEDERATED ADMIN", "CONNECTION ADMIN", "READ_ONLY ADMIN"),
    *("REPLICATION SLAVE ADMIN", "BINLOG ADMIN", "BINLOG REPLAY"),
}
OF_SUPER_IN_11_0 = OF_SUPER_IN_10_5 | {
    *("BINLOG MONITOR", "REPLICATION MASTER ADMIN", "SLAVE MONITOR"),
}


@pytest.mark.parametrize(
    ("server", "written_by", "gained"),
    [
        *[(server, 0, OF_SUPER_IN_10_5) for server in (100523, 100622, 101119)],
        *[(server, 0, OF_SUPER_IN_11_0) for server in (110006, 110402, 110809, 120302, 130101)],
        *[(server, 100603, set()) for server in (100523, 100622, 101011)],
        (101119, 100603, {"READ_ONLY ADMIN"}),
        (101119, 101100, set()),
        *[(server, 100603, OF_SUPER_IN_11_0) for server in (110402, 110809, 120302)],
        *[
            (server, 101119, OF_SUPER_IN_11_0 - {"READ_ONLY ADMIN"})
            for server in (110402, 110809, 120302)
        ],
        *[(server, 110000, set()) for server in (101119, 110402, 110809, 120302)],
    ],
)
def test_super_of_an_older_version_is_all_that_it_allowed_there(
    server: int, written_by: int, gained: set[str]
) -> None:
    honoured, ignored = effective_access(SUPER, written_by, server)
    assert set(words_of(honoured)) == {"SUPER"} | gained
    assert ignored == 0


def test_all_of_an_older_version_is_all_again_since_11_4_2() -> None:
    everything = (1 << 39) - 1
    honoured = {
        server: set(words_of(effective_access(everything, 100603, server)[0]))
        for server in (101119, 110302, 110401, 110402, 110809)
    }
    lost = {server for server, words in honoured.items() if "SHOW CREATE ROUTINE" not in words}
    assert lost == {101119, 110302, 110401}


GARBAGE = {
    '"access":"32768"': set(),
    '"access":1.5': {"SELECT"},
    '"access":1e3': {"SELECT"},
    '"access":true': set(),
    '"access":null': set(),
    '"access":[1]': set(),
    '"access":-2': set(),
    f'"access":{10**22}': None,
    f'"access":-{10**22}': set(),
    f'"access":{"9" * 5000}': None,
    '"access":1,"version_id":"x"': {"SELECT"},
    '"access":1,"version_id":null': {"SELECT"},
    '"access":1,"version_id":1e5': set(),
    '"access":1,"version_id":101119.9': {"SELECT"},
    '"access":1,"version_id":-5': set(),
    f'"access":1,"version_id":{10**22}': set(),
    '"access":1,"access":2': {"SELECT"},
    '"access":1,"is_role":1,"account_locked":"true"': {"SELECT"},
    '"access":1,"password_lifetime":"x","max_questions":"many","ssl_type":9': {"SELECT"},
    '"access":1,"password_last_changed":1e30,"max_statement_time":1e999': {"SELECT"},
    '"access":1,"password_last_changed":99999999999999999': {"SELECT"},
    "": set(),
}
"""What a row may hold, and what 10.5, 10.11 and 11.8 make of it; None: ALL."""
PLAIN = ("", '"access":1,"access":2', '"access":1,"password_last_changed":99999999999999999')
NEGATIVE = ('"access":-2', '"access":1,"version_id":-5')


def test_rows_that_hold_garbage_are_read_as_the_server_reads_them(family: Family) -> None:
    family.run(
        *(
            f"INSERT INTO mysql.global_priv VALUES ('%', 'mask{number}', '{{{text}}}')"
            for number, text in enumerate(GARBAGE)
        ),
        "FLUSH PRIVILEGES",
    )
    states = {state.name: state for state in family.snapshot().accounts}
    for number, (text, expected) in enumerate(GARBAGE.items()):
        name = f"'mask{number}'@'%'"
        said = show.read(
            (line for (line,) in family.rows(f"SHOW GRANTS FOR {name}")),
            name,
            is_mysql=False,
            version=family.version,
        )
        ours = {(g.privilege, g.grantable) for g in states[name].grants if g.recognised}
        assert ours == {(fact[0], fact[5]) for fact in said.grants}, text
        everything = all_privileges(family.version)
        assert {word for word, _ in ours} == (everything if expected is None else expected), text
        is_flagged = "unknown_keys" in dict(states[name].attributes)
        assert is_flagged is (text not in (*PLAIN, *NEGATIVE)), text
        assert states[name].can_login, text


def test_keys_that_are_not_known_are_named_and_their_values_stay_on_the_server(
    family: Family,
) -> None:
    family.run(
        """INSERT INTO mysql.global_priv VALUES ('%', 'mask', '{"access":1,"new_key":"s3cret",
        "denies":[{"type":"global","bits":1}],"plugin":"","authentication_string":"",
        "auth_or":[{"plugin":"ed25519","second_factor":"s3cret"},{}]}')""",
        "INSERT INTO mysql.global_priv VALUES ('%', 'mask2', '{\"access\":1}')",
        "FLUSH PRIVILEGES",
    )
    states = {state.name: state for state in family.snapshot().accounts}
    assert dict(states["'mask'@'%'"].attributes)["unknown_keys"] == (
        "denies, new_key, auth_or.second_factor"
    )
    # A server before 13.1 takes no notice of denies, as SHOW GRANTS shows.
    assert any("GRANT SELECT" in line for (line,) in family.rows("SHOW GRANTS FOR 'mask'@'%'"))
    assert [str(grant) for grant in states["'mask'@'%'"].grants] == ["SELECT on server"]
    assert "s3cret" not in repr(states["'mask'@'%'"])
    assert "unknown_keys" not in dict(states["'mask2'@'%'"].attributes)


class Newer(MariaDb):
    """Reads a server as if it were 13.1, which keeps denies and can't be had yet."""

    __module__ = MariaDb.__module__  # where its statements are

    def identify(self, connection: Connection) -> ServerIdentity:
        return replace(super().identify(connection), version_number=(13, 1, 2))


def test_denies_are_read_from_the_json_that_a_server_keeps(family: Family) -> None:
    family.engine = Newer()
    family.run(
        """INSERT INTO mysql.global_priv VALUES ('%', 'mask', '{"access":32769,
        "version_id":130102,"denies":[
        {"type":"global","bits":32768},
        {"type":"db","db":"h\\\\u00e4 \\\\"x","bits":1},
        {"type":"column","db":"hr","table":"staff","column":"salary","bits":3},
        {"type":"package body","db":"hr","package body":"k","bits":262144},
        {"type":"planet","bits":1}]}')""",
        """INSERT INTO mysql.global_priv VALUES ('', 'mask_r', '{"is_role":true,
        "denies":[{"type":"global","bits":2}]}')""",
    )
    states = {state.name: state for state in family.snapshot().accounts}
    salary = Securable(SecurableKind.COLUMN, "hr", "", "staff", "salary")
    server = Securable(SecurableKind.SERVER)
    assert set(states["'mask'@'%'"].grants) == {
        *(Grant(server, "SELECT"), Grant(server, "SUPER"), Grant(server, "SUPER", deny=True)),
        Grant(Securable(SecurableKind.DATABASE, 'hä "x'), "SELECT", deny=True),
        *(Grant(salary, "SELECT", deny=True), Grant(salary, "INSERT", deny=True)),
        Grant(Securable(SecurableKind.PACKAGE_BODY, "hr", "", "k"), "EXECUTE", deny=True),
        Grant(*(server, 'denies = {"type": "planet", "bits": 1}', False, True), recognised=False),
    }
    assert not states["'mask'@'%'"].is_superuser
    assert "unknown_keys" not in dict(states["'mask'@'%'"].attributes)
    assert states["mask_r"].grants == (Grant(server, "INSERT", deny=True),)


REFUSED = (1044, 1227)
OF_THE_SERVER = {
    "BINLOG MONITOR": "SHOW MASTER STATUS",
    "SLAVE MONITOR": "SHOW SLAVE STATUS",
    "CONNECTION ADMIN": "SET GLOBAL slow_launch_time = @@GLOBAL.slow_launch_time",
    "READ_ONLY ADMIN": "SET GLOBAL read_only = @@GLOBAL.read_only",
    "SET USER": "CREATE DEFINER = 'root'@'localhost' PROCEDURE of_super.p() DO 0",
    "BINLOG ADMIN": "SET GLOBAL binlog_cache_size = @@GLOBAL.binlog_cache_size",
    "BINLOG REPLAY": "SET SESSION gtid_seq_no = 0",
    "REPLICATION MASTER ADMIN": "SHOW SLAVE HOSTS",
    "REPLICATION SLAVE ADMIN": "SET GLOBAL slave_net_timeout = @@GLOBAL.slave_net_timeout",
}


def test_super_allows_what_it_allows_in_this_version(family: Family) -> None:
    """What was taken from SUPER, and when, is asked of the server: 10.11 and 11.0 took it."""
    name = "'super'@'%'"
    with family.users(name):
        family.run(
            "CREATE DATABASE of_super",
            f"GRANT SUPER ON *.* TO {name}",
            f"GRANT CREATE ROUTINE ON of_super.* TO {name}",
        )
        try:
            snapshot = family.snapshot()
            accounts = {state.name: state for state in snapshot.accounts}
            rules = family.engine.access_rules(
                AccessWorld("i", family.engine.name, snapshot.server.version, accounts)
            )
            with pymysql.connect(
                host=family.server.host, port=family.server.port, user="super"
            ) as link:
                for word, statement in OF_THE_SERVER.items():
                    decision = rules.decide(name, word, Securable(SecurableKind.SERVER))
                    assert decision.is_allowed_at_login is _is_done(link, statement), word
                    assert not any(way.grantable for way in decision.held)
        finally:
            family.run("DROP DATABASE of_super")


def _is_done(link: pymysql.Connection, statement: str) -> bool:
    try:
        with link.cursor() as cursor:
            cursor.execute(statement)
    except pymysql.err.OperationalError as error:
        if error.args[0] not in REFUSED:
            raise
        return False
    return True
