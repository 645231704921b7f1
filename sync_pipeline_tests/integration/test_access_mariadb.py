"""Access, findings and classes of a real MariaDB, from its sync to the command's answer."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pymysql
import pytest

from sync_pipeline.engines.mariadb.engine import MariaDb
from sync_pipeline.model.session import RecordStatus, SyncCategory
from workbench.benches.command import CANARY, Command
from workbench.benches.review_bench import ReviewBench
from workbench.servers.running import RunningServer

USERS = ("'rv_boss'@'%'", "'rv_app'@'localhost'", "'rv_lead'@'localhost'", "''@'rv.invalid'")
STATEMENTS = (
    "CREATE DATABASE rv_shop",
    "CREATE TABLE rv_shop.orders (id INT)",
    "CREATE ROLE rv_team",
    "CREATE ROLE rv_dba",
    *(f"CREATE USER {user} IDENTIFIED BY '{CANARY}'" for user in USERS),
    "CREATE USER 'rv_open'@'localhost'",
    "GRANT ALL ON *.* TO rv_dba WITH GRANT OPTION",
    "GRANT rv_dba TO rv_team",
    "GRANT rv_team TO 'rv_boss'@'%'",
    "GRANT SELECT, INSERT ON rv_shop.orders TO 'rv_app'@'localhost'",
    "GRANT SELECT ON rv_shop.* TO 'rv_lead'@'localhost' WITH GRANT OPTION",
    r"GRANT SELECT ON `rv\_gone`.* TO 'rv_app'@'localhost'",
)
CLASSES = """
classes:
  writers: {match: {privilege: INSERT, "on": rv_shop.orders, name: "'rv_%"}}
  dba: {match: {role: rv_dba, capability: superuser, not: {name: "'root'@%"}}}
"""


@pytest.fixture
def bench(command: Command, mariadb_server: RunningServer) -> Iterator[ReviewBench]:
    bench = ReviewBench(command, mariadb_server)
    try:
        bench.sql(*STATEMENTS)
        yield bench
    finally:
        bench.sql(
            f"DROP USER IF EXISTS {', '.join((*USERS, *MORE))}, 'rv_open'@'localhost'",
            "DROP ROLE IF EXISTS rv_team, rv_dba",
            "DROP DATABASE IF EXISTS rv_shop",
        )


def ours(items: list[Mapping[str, Any]]) -> dict[tuple[str, str], Mapping[str, Any]]:
    """Return findings on the accounts that this test made, by account and rule."""
    mine = ("rv_", "'rv_", "''@'rv")
    return {
        (item["account"], item["rule"]): item
        for item in items
        if item["account"].startswith(mine) and item["rule"] != "no-password-rules"
    }


def test_who_can_and_the_fixes_are_true_on_the_server(bench: ReviewBench) -> None:
    bench.sync()
    run = bench.command.ok
    said = run("access", "who-can", "insert", "rv_shop.orders", "--json").json
    can = {item["account"]: item["verdict"] for item in said["holders"]}
    assert said["is_complete"] is True
    assert (can["'rv_app'@'localhost'"], can["'rv_boss'@'%'"]) == ("yes", "after set role")
    assert "'rv_lead'@'localhost'" not in can
    assert {item["product"] for item in said["not_modelled"]} == {"MariaDB"}
    notes = run("access", "who-can", "insert", "rv_shop.orders").out
    assert "Note: Not looked at on MariaDB, and could change the answer: read_only (" in notes
    difference = run(
        "access", "diff", "'rv_app'@'localhost'", "'rv_lead'@'localhost'", "--instance", "db"
    ).out
    assert "INSERT" in difference
    found = ours(run("findings", "--json").json["findings"])
    assert set(found) == {
        ("'rv_boss'@'%'", "superuser"),
        ("'rv_boss'@'%'", "any-host-privileged"),
        ("rv_team", "superuser"),
        ("rv_dba", "superuser"),
        ("'rv_lead'@'localhost'", "grant-option"),
        ("''@'rv.invalid'", "anonymous-account"),
        ("'rv_open'@'localhost'", "weak-authentication"),
        *((user, "no-password-expiry") for user in (*USERS, "'rv_open'@'localhost'")),
        *((user, "weak-authentication") for user in USERS),
    }
    boss = found["'rv_boss'@'%'", "superuser"]
    assert [step["account"] for step in boss["path"]] == ["'rv_boss'@'%'", "rv_team", "rv_dba"]
    assert (boss["severity"], found["rv_dba", "superuser"]["severity"]) == ("high", "info")
    weak = {key[0]: item["severity"] for key, item in found.items() if key[1].startswith("weak")}
    assert weak["'rv_open'@'localhost'"] == weak["'rv_boss'@'%'"] == "high"
    assert weak["'rv_app'@'localhost'"] == "medium"
    for key in (
        ("'rv_boss'@'%'", "superuser"),
        ("rv_dba", "superuser"),
        ("'rv_lead'@'localhost'", "grant-option"),
        ("'rv_open'@'localhost'", "weak-authentication"),
        ("'rv_app'@'localhost'", "no-password-expiry"),
    ):
        bench.sql(*found[key]["fix"].splitlines())
    bench.sync()
    fixed = ours(run("findings", "--json").json["findings"])
    assert set(found) - set(fixed) == {
        ("'rv_boss'@'%'", "superuser"),
        ("rv_team", "superuser"),
        ("rv_dba", "superuser"),
        ("'rv_boss'@'%'", "any-host-privileged"),
        ("'rv_lead'@'localhost'", "grant-option"),
        ("'rv_open'@'localhost'", "weak-authentication"),
        ("'rv_open'@'localhost'", "no-password-expiry"),
        ("'rv_app'@'localhost'", "no-password-expiry"),
    }


def test_rights_on_a_database_that_is_gone_need_a_list_of_databases(bench: ReviewBench) -> None:
    bench.sync()
    notes = bench.command.ok("findings", "--json").json["notes"]
    assert any("gone-database was not looked for" in note for note in notes)
    bench.sync(SyncCategory.CAPACITY)
    said = bench.command.ok("findings", "--json", "--rule", "gone-database").json
    (finding,) = [item for item in said["findings"] if item["account"] == "'rv_app'@'localhost'"]
    assert r"SELECT in the database rv\_gone" in finding["evidence"]
    bench.sql(*finding["fix"].splitlines())
    bench.sync()
    assert (
        ours(bench.command.ok("findings", "--json", "--rule", "gone-database").json["findings"])
        == {}
    )


def test_each_sync_counts_the_classes(bench: ReviewBench, tmp_path: Path) -> None:
    bench.classify(tmp_path, CLASSES)
    bench.sync()
    assert bench.counts() == {"writers": 2, "dba": 2}
    bench.sql("REVOKE rv_dba FROM rv_team", f"DROP USER {USERS[1]}", f"CREATE USER {USERS[1]}")
    record = bench.sync()
    assert record.details["warnings"] == []
    assert bench.counts() == {"writers": 0, "dba": 0}
    assert bench.sync().counters.items_synced == 0
    assert bench.counts() == {"writers": 0, "dba": 0}
    listed = bench.command.ok("accounts", "list", "--class", "writers", "--json").json
    assert listed == []


@pytest.mark.parametrize(
    ("text", "warning"),
    [
        ("classes: {a: {match: {nme: x}}}", "classes.yaml is not valid. line 1"),
        ("classes: [", "is not valid YAML"),
    ],
)
def test_a_broken_file_never_loses_a_sync(
    bench: ReviewBench, tmp_path: Path, text: str, warning: str
) -> None:
    bench.classify(tmp_path, CLASSES)
    bench.sync()
    bench.classify(tmp_path, text)
    bench.sql("GRANT SELECT ON rv_shop.* TO rv_team")
    record = bench.sync()
    assert (record.status, record.counters.items_updated) == (RecordStatus.COMPLETED, 1)
    (said,) = record.details["warnings"]
    assert said.startswith("Accounts were not classified: The file ")
    assert warning in said
    assert bench.report is not None
    assert "1 warnings" in bench.report.message
    bench.classify(tmp_path, CLASSES)
    assert bench.counts() == {"writers": 2, "dba": 2}


def test_a_defect_in_the_rules_never_loses_a_sync(bench: ReviewBench, tmp_path: Path) -> None:
    def broken(*_: object) -> None:  # stands in for a bug that we don't know of
        raise ZeroDivisionError(CANARY)

    bench.classify(tmp_path, CLASSES)
    bench.command.patch.setattr(MariaDb, "access_rules", broken)
    record = bench.sync()
    assert record.status is RecordStatus.COMPLETED
    assert record.details["warnings"] == [
        "Accounts were not classified: an unexpected ZeroDivisionError."
    ]


def test_without_a_file_nothing_is_counted(bench: ReviewBench) -> None:
    assert bench.sync().details["warnings"] == []
    store = bench.command.store()
    assert store.classes.present() == []
    store.close()


CHANGES = (
    "GRANT SELECT ON rv_shop.* TO 'rv_boss'@'%'",
    "REVOKE ALL, GRANT OPTION FROM 'rv_boss'@'%'",
    "GRANT INSERT ON rv_shop.orders TO 'rv_two'@'%'",
    "REVOKE ALL, GRANT OPTION FROM 'rv_two'@'%'",
    "GRANT SELECT ON rv_shop.orders TO PUBLIC",
    "REVOKE ALL, GRANT OPTION FROM PUBLIC",
    "GRANT ALL ON *.* TO 'rv_one'@'%'",
    "REVOKE ALL, GRANT OPTION FROM 'rv_one'@'%'",
    "GRANT SELECT, INSERT ON rv_shop.orders TO 'rv_one'@'%'",
    "SET DEFAULT ROLE rv_team FOR 'rv_boss'@'%'",
    "SET DEFAULT ROLE NONE FOR 'rv_boss'@'%'",
)
ER_TABLEACCESS_DENIED_ERROR = 1142
TRIED = {"SELECT": "SELECT 1 FROM rv_shop.orders", "INSERT": "INSERT rv_shop.orders VALUES (1)"}
NAMED = {
    "rv_one": "'rv_one'@'%'",
    "rv_two": "'rv_two'@'%'",
    "rv_boss": "'rv_boss'@'%'",
}

MORE = ("'rv_one'@'%'", "'rv_two'@'%'")


def allowed(bench: ReviewBench, user: str, statement: str) -> bool:
    """Try a statement as a user, as whom one can log in from here."""
    server = bench.server
    with (
        closing(
            pymysql.connect(host=server.host, port=server.port, user=user, password=CANARY.encode())
        ) as connection,
        connection.cursor() as cursor,
    ):
        try:
            cursor.execute(statement)
        except pymysql.err.OperationalError as error:
            if error.args[0] != ER_TABLEACCESS_DENIED_ERROR:
                raise
            return False
    return True


def test_who_could_is_what_the_server_let_do_then(bench: ReviewBench) -> None:
    """Through a random series of changes; each try is with what the account has at login."""
    chance = random.Random(4)
    tried = {}
    bench.sql(*(f"CREATE USER {name} IDENTIFIED BY '{CANARY}'" for name in MORE))
    for _ in range(4):
        bench.sql(*chance.sample(CHANGES, 4))
        bench.sync()
        tried[bench.now] = {
            word: {name for user, name in NAMED.items() if allowed(bench, user, statement)}
            for word, statement in TRIED.items()
        }
    bench.sql(f"DROP USER {', '.join(MORE)}")
    bench.sync()
    assert len({str(answers) for answers in tried.values()}) > 2
    bench.command.patch.setattr("sync_pipeline.cli.context.utc_now", lambda: bench.now)
    for moment, answers in tried.items():
        for word, names in answers.items():
            asked = ("access", "who-can", word, "table:rv_shop.orders", "--at", moment.isoformat())
            found = bench.command.ok(*asked, "--json").json
            can = {item["account"] for item in found["holders"] if item["verdict"] == "yes"}
            everyone = {"PUBLIC"} & can and set(NAMED.values())
            assert names == (can | everyone) & set(NAMED.values()), (moment, word)
