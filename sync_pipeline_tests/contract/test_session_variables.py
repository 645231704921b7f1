"""No variable of a server changes what is read of it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pymysql
import pytest

from sync_pipeline.connect import Deadline, open_connection
from sync_pipeline.engines.mysql_protocol.wire import variables
from sync_pipeline.engines.mysql_protocol.wire.variables import BOUNDS, LEFT, MOST, PINNED, Pin
from sync_pipeline.model.snapshot import Snapshot
from sync_pipeline.settings import project_root
from sync_pipeline_tests.contract.mysql_family import Family
from workbench.servers.running import RunningServer

MONITOR = "variables_monitor"
HARMLESS = frozenset().union(*(names for reason, names in LEFT.items() if "harm" not in reason))
CLASSIFIED = frozenset({pin.name for pin in PINNED} | set(BOUNDS)).union(*LEFT.values())
OF_BUILDS = frozenset({"debug", "debug_sync", "debug_dbug"})
"""Of servers that were built to be debugged."""


@pytest.fixture
def family(mysql_family_server: RunningServer) -> Iterator[Family]:
    found = Family(mysql_family_server)
    with found.users(
        "u@'%' IDENTIFIED BY 'x'",
        "`Öd`@'10.%'",
        *(f"many{number}@'%'" for number in range(8)),
        f"{MONITOR}@'%' IDENTIFIED BY 'x'",
    ):
        found.run("GRANT SELECT ON `a\\_b`.* TO u@'%'", "GRANT CREATE ON c.d TO `Öd`@'10.%'")
        found.run(*found.engine.grants_script(MONITOR, "%", ()).splitlines()[1:])
        if not found.is_mysql:
            found.run("CREATE USER either@'%' IDENTIFIED VIA unix_socket OR mysql_native_password")
        yield found
        found.run(
            "DROP USER IF EXISTS either@'%'",
            "DROP ROLE IF EXISTS sync_pipeline_definer",
            "DROP DATABASE IF EXISTS sync_pipeline",
        )


def as_monitor(family: Family) -> Snapshot:
    return family.snapshot(family.target(MONITOR, "x"))


def told(snapshot: Snapshot) -> tuple[object, ...]:
    return snapshot.accounts, dict(snapshot.sections), snapshot.warnings


@contextmanager
def set_globally(family: Family, values: dict[str, list[object]]) -> Iterator[set[str]]:
    """Set what can be set, the last value that is taken, and put everything back."""
    with family.admin() as cursor:
        cursor.execute("SET SESSION sql_mode = '', SESSION sql_select_limit = DEFAULT")
        cursor.execute("SHOW GLOBAL VARIABLES")
        before = dict(cursor.fetchall())
        done: set[str] = set()
        try:
            for name, candidates in values.items():
                for value in candidates if name in before else ():
                    try:
                        cursor.execute(f"SET GLOBAL {name} = %s", (value,))
                        done.add(name)
                    except pymysql.MySQLError:
                        continue
            yield done
        finally:
            for name in done:
                old = before[name]
                number = int(old) if re.fullmatch(r"-?\d+", old) else old
                try:
                    cursor.execute(f"SET GLOBAL {name} = %s", (number,))
                except pymysql.MySQLError:
                    cursor.execute(f"SET GLOBAL {name} = DEFAULT")


HOSTILE: list[dict[str, list[object]]] = [
    {"sql_select_limit": [3]},
    {"max_join_size": [1]},
    {"group_concat_max_len": [4]},
    {"max_sort_length": [4, 64], "sort_buffer_size": [1024, 32768]},
    {
        "sql_mode": [
            "PIPES_AS_CONCAT,ANSI_QUOTES,IGNORE_SPACE,NO_BACKSLASH_ESCAPES,PAD_CHAR_TO_FULL_LENGTH"
        ]
    },
    {"sql_mode": ["ANSI", "ORACLE"]},
    {"sql_mode": ["TRADITIONAL,ONLY_FULL_GROUP_BY,REAL_AS_FLOAT,HIGH_NOT_PRECEDENCE"]},
    {
        "time_zone": ["+13:00"],
        "lc_time_names": ["de_DE"],
        "lc_messages": ["de_DE"],
        "sql_auto_is_null": [1],
        "sql_safe_updates": [1],
        "div_precision_increment": [0],
        "default_week_format": [7],
        "autocommit": [0],
        "completion_type": [1, 2],
        "information_schema_stats_expiry": [31536000],
        "windowing_use_high_precision": [0],
        "terminology_use_previous": ["BEFORE_8_0_26"],
        "use_secondary_engine": ["FORCED"],
        "old_mode": ["ZERO_DATE_TIME_CAST,NO_NULL_COLLATION_IDS"],
        "default_regex_flags": ["EXTENDED"],
        "query_cache_type": ["ON"],
        "system_versioning_asof": ["2000-01-01 00:00:00"],
        "wait_timeout": [1],
        "net_read_timeout": [1],
        "net_write_timeout": [1],
        "lock_wait_timeout": [1],
        "max_execution_time": [1],
        "max_statement_time": [0.0001],
        "transaction_isolation": ["READ-UNCOMMITTED", "SERIALIZABLE"],
        "tx_isolation": ["READ-UNCOMMITTED", "SERIALIZABLE"],
        "idle_transaction_timeout": [1],
        "idle_readonly_transaction_timeout": [1],
    },
    {
        "character_set_client": ["latin1"],
        "character_set_results": ["ascii"],
        "character_set_connection": ["latin1"],
        "collation_connection": ["latin1_german2_ci"],
        "character_set_server": ["latin1"],
        "character_set_database": ["latin1"],
    },
]


@pytest.mark.parametrize("values", HOSTILE, ids=lambda values: next(iter(values)))
def test_what_is_read_is_what_was_read(family: Family, values: dict[str, list[object]]) -> None:
    before, sizes = told(as_monitor(family)), family.sizes().databases
    with set_globally(family, values) as done:
        assert done or set(values) <= {"sql_mode"}
        assert told(as_monitor(family)) == before
        assert {item.name for item in family.sizes().databases} == {item.name for item in sizes}


def test_what_init_connect_sets_is_set_back(family: Family) -> None:
    """It runs in each session of an account without SUPER, and can set what no global can."""
    before = told(as_monitor(family))
    text = (
        "SET SESSION sql_select_limit = 2, group_concat_max_len = 4, timestamp = 1, "
        "character_set_results = NULL, sql_auto_is_null = 1, time_zone = '-11:00'"
    )
    with set_globally(family, {"init_connect": [text]}) as done:
        assert done
        assert told(as_monitor(family)) == before


def extremes(family: Family) -> list[dict[str, list[object]]]:
    """Return for each variable that is left alone values that are far from its own."""
    if family.is_mysql:
        names = {str(name) for name, _ in family.rows("SHOW GLOBAL VARIABLES")}
        return [dict.fromkeys(names & HARMLESS, values) for values in ([2, 1, 0], [1, 2, MOST])]
    low: dict[str, list[object]] = {}
    high: dict[str, list[object]] = {}
    for name, least, most, words in family.rows(
        "SELECT LOWER(VARIABLE_NAME), NUMERIC_MIN_VALUE, NUMERIC_MAX_VALUE, ENUM_VALUE_LIST "
        "FROM information_schema.SYSTEM_VARIABLES WHERE VARIABLE_SCOPE = 'SESSION'"
    ):
        if name in HARMLESS:
            texts: list[Any] = str(words).split(",") if words else []
            low[name] = texts[::-1] or [int(float(least or 0))]
            high[name] = texts or [min(int(float(most or 1)), MOST)]
    return [low, high]


def test_the_variables_that_are_left_alone_change_nothing(family: Family) -> None:
    before = told(as_monitor(family))
    for values in extremes(family):
        with set_globally(family, values) as done:
            assert len(done) > len(values) / 2
            assert told(as_monitor(family)) == before


def session_variables(family: Family) -> set[str]:
    if not family.is_mysql:
        return {
            str(name).lower()
            for (name,) in family.rows(
                "SELECT VARIABLE_NAME FROM information_schema.SYSTEM_VARIABLES "
                "WHERE VARIABLE_SCOPE LIKE 'SESSION%'"
            )
        }
    found = set()
    with family.admin() as cursor:
        cursor.execute("SHOW SESSION VARIABLES")
        for name, _ in cursor.fetchall():
            try:
                cursor.execute(f"SET SESSION {name} = @@SESSION.{name}")
            except pymysql.MySQLError as error:
                # A variable of the server alone, or one that can't be set.
                if error.args[0] in (1193, 1228, 1229, 1238):
                    continue
            found.add(str(name).lower())
    return found


def test_every_variable_of_a_session_has_been_looked_at(family: Family) -> None:
    """A new one of a new version may change what is read: decide, and put it into a list."""
    assert session_variables(family) - CLASSIFIED - OF_BUILDS == set()


def test_a_session_has_the_values_that_it_set(family: Family) -> None:
    product = "MySQL" if family.is_mysql else "MariaDB"
    names = [pin.name for pin in PINNED if product in pin.products and pin.value != "DEFAULT"]
    values = {pin.name: pin.value.strip("'") for pin in PINNED}
    text = ", ".join(f"CONCAT(@@SESSION.{name}, '') AS {name}" for name in names)
    with open_connection(family.engine, family.target(), Deadline(20)) as connection:
        (row,) = connection.fetch(f"SELECT {text}")
    words = {"ON": "1", "OFF": "0"}
    assert {name: words.get(str(row[name]), str(row[name])) for name in names} == {
        name: words.get(values[name], values[name]) for name in names
    }


def test_a_variable_that_a_server_lacks_is_passed_over(
    family: Family, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An older server, or a kindred product, has nothing that it could change."""
    unknown = Pin("no_such_variable", "1", "nothing")
    monkeypatch.setattr(variables, "PINNED", (unknown, *PINNED))
    before = told(as_monitor(family))
    with set_globally(family, {"sql_select_limit": [3]}):
        assert told(as_monitor(family)) == before


def test_a_variable_is_in_one_list() -> None:
    lists = [{pin.name for pin in PINNED}, set(BOUNDS), *LEFT.values()]
    assert sum(map(len, lists)) == len(CLASSIFIED)


def test_the_documented_lists_are_those_of_the_program() -> None:
    text = (project_root() / "docs" / "session-variables.md").read_text(encoding="utf-8")
    for pin in PINNED:
        of = "" if len(pin.products) > 1 else pin.products[0]
        assert f"| `{pin.name}` | `{pin.value}` | {of} | {pin.changes} |" in text
    for name, reason in BOUNDS.items():
        assert f"| `{name}` | | | {reason} |" in text
    for reason, names in LEFT.items():
        listed = ", ".join(f"`{name}`" for name in sorted(names))
        assert f"- **{reason}**: {listed}." in text
