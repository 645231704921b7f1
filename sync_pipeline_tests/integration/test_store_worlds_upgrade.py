"""A store of revision 0009, with snapshots as JSON, is upgraded: nothing of it is lost."""

from __future__ import annotations

import hashlib
import json
import logging
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import Engine, create_engine, event, text

from sync_pipeline.errors import StoreDamaged
from sync_pipeline.model.account import AccountKind, AccountState
from sync_pipeline.model.change import KnownAccount
from sync_pipeline.model.inventory import AccountFilter, ChangeFilter
from sync_pipeline.model.privilege import (
    AccountSetting,
    Grant,
    GrantScope,
    Membership,
    Securable,
    SecurableKind,
)
from sync_pipeline.reconcile.replay import replay
from sync_pipeline.store.database import Database
from sync_pipeline.store.store import Store

FIRST = datetime(2026, 3, 1, 12, tzinfo=UTC)
SECOND = datetime(2026, 3, 2, 12, tzinfo=UTC)
INSTANCES = ("one", "two", "three", "never synced")

# Written by revision 0009: the canonical form of an account, of the changes that led to it, and
# what it is today.
OLD_SNAPSHOT = """{
  "name": "app", "kind": "user", "can_login": true, "is_locked": true, "is_superuser": false,
  "database": "sales",
  "attributes": {"connection_limit": -1, "big": 100000000000000000000, "ratio": 0.5,
                 "inherits": true, "one": 1, "valid_until": null, "plugin": "用户'\\""},
  "memberships": [
    {"role": "team", "admin": false, "inherit": true, "set": false, "default": null,
     "grantor": "root"},
    {"role": "team", "admin": true, "inherit": null, "set": null, "default": true,
     "grantor": "", "scope": "common"}],
  "settings": [{"database": "", "name": "work_mem", "value": "4MB"},
               {"database": "sales", "name": "search_path", "value": "\\"$user\\", public"}],
  "grants": [
    {"privilege": "SELECT", "kind": "column", "grantable": false, "database": "sales",
     "schema": "public", "object": "orders", "column": "id", "catalog": "sales",
     "grantor": "root"},
    {"privilege": "bit 40", "kind": "server", "grantable": false, "unrecognised": true},
    {"privilege": "SELECT", "kind": "table", "grantable": true, "database": "sales",
     "schema": "public", "object": "orders", "scope": "inherited"},
    {"privilege": "SELECT", "kind": "table", "grantable": false, "database": "sales",
     "schema": "public", "object": "pay", "deny": true}]
}"""
NOW_KNOWN = AccountState(
    "app",
    AccountKind.USER,
    can_login=True,
    is_locked=True,
    database="sales",
    attributes=(
        ("big", 10**20),
        ("connection_limit", -1),
        ("inherits", True),
        ("one", 1),
        ("plugin", "用户'\""),
        ("ratio", 0.5),
        ("valid_until", None),
    ),
    memberships=(
        Membership("team", inherit=True, set_role=False, grantor="root"),
        Membership("team", admin=True, default=True, scope=GrantScope.COMMON),
    ),
    settings=(
        AccountSetting("", "work_mem", "4MB"),
        AccountSetting("sales", "search_path", '"$user", public'),
    ),
    grants=(
        Grant(
            Securable(SecurableKind.COLUMN, "sales", "public", "orders", "id", "sales"),
            "SELECT",
            grantor="root",
        ),
        Grant(Securable(SecurableKind.SERVER), "bit 40", recognised=False),
        Grant(
            Securable(SecurableKind.TABLE, "sales", "public", "orders"),
            "SELECT",
            grantable=True,
            scope=GrantScope.INHERITED,
        ),
        Grant(Securable(SecurableKind.TABLE, "sales", "public", "pay"), "SELECT", deny=True),
    ),
)
OLD_GONE = """{"name": "gone", "kind": "role", "can_login": false, "is_locked": false,
  "is_superuser": true, "attributes": {}, "memberships": [], "settings": [], "grants": []}"""
GONE = AccountState("gone", AccountKind.ROLE, can_login=False, is_superuser=True)
OLD_LOG = (
    ("app", "add", FIRST, """{"fields": [
        {"name": "attribute.big", "after": 100000000000000000000},
        {"name": "attribute.connection_limit", "after": -1},
        {"name": "attribute.inherits", "after": true},
        {"name": "attribute.one", "after": true},
        {"name": "attribute.plugin", "after": "用户'\\""},
        {"name": "attribute.ratio", "after": 0.5},
        {"name": "attribute.valid_until", "after": null},
        {"name": "can_login", "before": false, "after": true},
        {"name": "database", "after": "sales"}],
      "grants_added": [
        {"privilege": "bit 40", "kind": "server", "grantable": false, "unrecognised": true},
        {"privilege": "DELETE", "kind": "server", "grantable": false},
        {"privilege": "SELECT", "kind": "table", "grantable": true, "database": "sales",
         "schema": "public", "object": "orders", "scope": "inherited"},
        {"privilege": "SELECT", "kind": "table", "grantable": false, "database": "sales",
         "schema": "public", "object": "pay", "deny": true}],
      "memberships_added": [
        {"role": "team", "admin": false, "inherit": true, "set": false, "default": null,
         "grantor": "root"},
        {"role": "team", "admin": true, "inherit": null, "set": null, "default": true,
         "grantor": "", "scope": "common"}],
      "settings_added": [{"database": "", "name": "work_mem", "value": "4MB"},
        {"database": "sales", "name": "search_path", "value": "\\"$user\\", public"}]}""",
     '["account found by the first sync", "can log in"]'),
    ("gone", "add", FIRST, """{"fields": [
        {"name": "is_superuser", "before": false, "after": true},
        {"name": "kind", "before": "user", "after": "role"}]}""",
     '["account found by the first sync", "kind is role", "is superuser"]'),
    ("app", "modify_privilege", SECOND, """{"grants_added": [
        {"privilege": "SELECT", "kind": "column", "grantable": false, "database": "sales",
         "schema": "public", "object": "orders", "column": "id", "catalog": "sales",
         "grantor": "root"}],
      "grants_removed": [{"privilege": "DELETE", "kind": "server", "grantable": false}]}""",
     '["granted SELECT on column sales.public.orders.id (by root)", "revoked DELETE on server"]'),
    ("app", "modify_other", SECOND, """{"fields": [
        {"name": "attribute.one", "before": true, "after": 1},
        {"name": "is_locked", "before": false, "after": true}]}""", "[]"),
    ("gone", "remove", SECOND, "{}", '["account disappeared"]'),
)  # fmt: skip
KNOWN = {"app": KnownAccount(NOW_KNOWN, True), "gone": KnownAccount(GONE, False)}


class Cut(BaseException):
    """The upgrade ends here, as by a kill: nothing catches it."""


def config_of(engine: Engine) -> Config:
    config = Config()
    config.set_main_option("script_location", "sync_pipeline:store/migrations")
    config.attributes["engine"] = engine
    return config


@contextmanager
def opened(url: str) -> Iterator[Store]:
    store = Store.open(url)
    yield store
    store.close()


@pytest.fixture
def old_store(store_url: str, without_tables: None) -> str:
    """Make a store as revision 0009 left it: three instances that were synced twice."""
    database = Database(store_url)
    command.upgrade(config_of(database.engine), "0009")
    with database.write() as connection:
        run = lambda statement, **values: connection.execute(text(statement), values)  # noqa: E731
        for number, name in enumerate(INSTANCES, 1):
            run(
                "INSERT INTO instances (id, name, engine, host, port, credential, tls_mode, "
                "connect_seconds, statement_seconds, total_seconds, tags, is_active, created_at, "
                "updated_at) VALUES (:id, :name, 'postgresql', 'h', 1, 'c', 'disable', 1, 1, 1, "
                "'[]', true, :at, :at)",
                id=number, name=name, at="2026-03-01 12:00:00",
            )  # fmt: skip
        run(
            "INSERT INTO sync_sessions (session_id, sync_type, sync_category, status, started_at, "
            "total_instances, successful_instances, failed_instances, skipped_instances, "
            "cancelled_instances, job_name, run_id) VALUES ('s', 'manual_task', 'account', "
            "'completed', '2026-03-01 12:00:00', 0, 0, 0, 0, 0, 'j', 's')"
        )
        for number in (1, 2, 3):
            put_account(run, number * 10, number, "app", OLD_SNAPSHOT, "2026-03-02 12:00:00")
            put_account(run, number * 10 + 1, number, "gone", OLD_GONE, "2026-03-01 12:00:00")
            for account, kind, at, diff, lines in OLD_LOG:
                run(
                    "INSERT INTO account_change_log (instance_id, account_name, change_type, diff,"
                    " lines, session_id, changed_at) VALUES (:instance, :account, :kind, :diff, "
                    ":lines, 's', :at)",
                    instance=number, account=account, kind=kind, at=f"{at:%Y-%m-%d %H:%M:%S}",
                    diff=compact(diff), lines=compact(lines),
                )  # fmt: skip
    database.close()
    return store_url


def put_account(
    run: Any, account_id: int, instance_id: int, name: str, snapshot: str, changed_at: str
) -> None:
    run(
        "INSERT INTO instance_accounts (id, instance_id, account_name, kind, is_active, "
        "first_seen_at, last_seen_at) VALUES (:id, :instance, :name, 'user', :active, "
        "'2026-03-01 12:00:00', '2026-03-02 12:00:00')",
        id=account_id, instance=instance_id, name=name, active=name != "gone",
    )  # fmt: skip
    run(
        "INSERT INTO account_permissions (account_id, is_superuser, is_locked, can_login, snapshot,"
        " fingerprint, session_id, sync_session_id, last_sync_at, last_change_at) VALUES (:id, "
        "false, false, true, :snapshot, :fingerprint, 's_1', 's', '2026-03-02 12:00:00', :at)",
        id=account_id, snapshot=compact(snapshot), fingerprint=fingerprint(snapshot),
        at=changed_at,
    )  # fmt: skip


def compact(value: str) -> str:
    return json.dumps(json.loads(value))


def fingerprint(snapshot: str) -> str:
    value = json.loads(snapshot)
    written = json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(written.encode()).hexdigest()


def check_upgraded(url: str) -> None:
    """Every account of the old store is what it was, now and at each past moment."""
    with opened(url) as store:
        assert store.schema_revision >= "0010"
        for number, name in enumerate(INSTANCES[:3], 1):
            known = {item.state.name: item for item in store.accounts.known(number)}
            assert known == KNOWN
            assert [type(value) for _, value in known["app"].state.attributes] == [
                type(value) for _, value in NOW_KNOWN.attributes
            ]
            log = store.accounts.changes(
                ChangeFilter(instances=(number,), limit=None, oldest_first=True)
            )
            assert replay(entry.change for entry in log) == KNOWN
            assert [list(entry.change.lines) for entry in log] == [
                json.loads(lines) for *_, lines in OLD_LOG
            ]
            view = store.accounts.get(name, "app")
            assert view is not None
            assert (view.state, view.last_change_at) == (NOW_KNOWN, SECOND)
        assert store.accounts.known(4) == []
        found = store.accounts.find(AccountFilter(only_active=False))
        assert [item.state for item in found] == [NOW_KNOWN, GONE] * 3
        access = store.access.of([1, 4])
        assert dict(access[1].accounts) == {"app": NOW_KNOWN}
        assert dict(access[1].changed_at) == {"app": SECOND}
        assert access[4].accounts == {}
        told = store.accounts.changes(ChangeFilter(instances=(1,), with_silent=False))
        assert len(told) == 4


def columns(url: str, table: str) -> set[str]:
    engine = create_engine(url)
    with engine.connect() as connection:
        found = set(connection.execute(text(f"SELECT * FROM {table}")).keys())
    engine.dispose()
    return found


def test_every_account_is_what_it_was(old_store: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        check_upgraded(old_store)
    told = [record.message for record in caplog.records if "pgrad" in record.message]
    assert len(told) == 4
    assert told[-1] == "Upgrading the store: accounts of all 3 instances are packed."
    caplog.clear()
    check_upgraded(old_store)
    assert not caplog.records
    assert not columns(old_store, "account_permissions") & {"snapshot", "fingerprint"}


@pytest.mark.usefixtures("real_migrations")
def test_a_new_store_says_nothing(store_url: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING), opened(store_url):
        assert not caplog.records


def test_down_again_the_snapshots_are_as_they_were(old_store: str) -> None:
    check_upgraded(old_store)
    engine = create_engine(old_store)
    command.downgrade(config_of(engine), "0009")
    query = "SELECT snapshot, fingerprint FROM account_permissions ORDER BY account_id"
    with engine.connect() as connection:
        rows = connection.execute(text(query)).all()
    engine.dispose()
    found = [
        (value if isinstance(value, dict) else json.loads(value), digest) for value, digest in rows
    ]
    expected = [(json.loads(item), fingerprint(item)) for item in (OLD_SNAPSHOT, OLD_GONE)]
    assert found == expected * 3
    check_upgraded(old_store)


def interrupted_at(url: str, statement: int) -> bool:
    """Upgrade, and be cut off before a statement; return whether there was one."""
    database = Database(url)
    seen = iter(range(10_000))

    def cut(*_: object) -> None:
        if next(seen) == statement:
            raise Cut

    event.listen(database.engine, "before_cursor_execute", cut)
    try:
        database.upgrade()
    except Cut:
        return True
    finally:
        event.remove(database.engine, "before_cursor_execute", cut)
        database.close()
    return False


def test_wherever_it_is_interrupted_it_goes_on(old_store: str) -> None:
    """Each start gets a few statements further than the one before, until one gets through."""
    statement, cuts = 4, 0
    # What was done stays on SQLite if nothing takes it back: there it is cut off at each statement.
    step = 1 if old_store.startswith("sqlite") else 3
    while interrupted_at(old_store, statement):
        statement += step
        cuts += 1
        assert cuts < 300
    assert cuts > 3
    check_upgraded(old_store)


KILLED = """
import os, signal, sys
from sync_pipeline.store.store import Store
from sync_pipeline.store.worlds.packing import Packer
packed, calls = Packer.packed, []
def kill(self):
    calls.append(self)
    if len(calls) == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    return packed(self)
Packer.packed = kill
Store.open(sys.argv[1])
"""


def test_killed_in_the_middle_it_goes_on(old_store: str) -> None:
    command = [sys.executable, "-c", KILLED, old_store]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert "accounts of 1 of 3 instances are packed" in done.stderr
    database = Database(old_store)
    with database.read() as connection:
        assert connection.scalar(text("SELECT count(*) FROM instance_worlds")) == 1
    assert database.revision() == "0009"
    database.close()
    check_upgraded(old_store)


def test_of_two_at_once_both_find_it_done(old_store: str) -> None:
    failed: list[BaseException] = []

    def come() -> None:
        try:
            check_upgraded(old_store)
        except BaseException as error:  # noqa: BLE001 - told by the test's own thread
            failed.append(error)

    threads = [threading.Thread(target=come) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []


NEWER = {**json.loads(OLD_SNAPSHOT), "is_locked": False}


def written_by_an_older_process(url: str) -> None:
    database = Database(url)
    with database.write() as connection:
        connection.execute(
            text("UPDATE account_permissions SET snapshot = :value WHERE account_id = 10"),
            {"value": json.dumps(NEWER)},
        )
    database.close()


def check_newer(url: str) -> None:
    with opened(url) as store:
        known = {item.state.name: item.state for item in store.accounts.known(1)}
    assert known == {"gone": GONE, "app": AccountState.from_json(NEWER)}


def test_what_an_older_process_wrote_after_an_interruption_is_kept(old_store: str) -> None:
    database = Database(old_store)

    def cut(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if "DROP" in statement:
            raise Cut

    event.listen(database.engine, "before_cursor_execute", cut)
    with pytest.raises(Cut):
        database.upgrade()
    event.remove(database.engine, "before_cursor_execute", cut)
    database.close()
    written_by_an_older_process(old_store)
    check_newer(old_store)


def test_what_an_older_process_writes_at_the_end_is_kept(old_store: str) -> None:
    """When the last instance is packed, and the old column is still there."""

    class Writing(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if "of all 3 instances" in record.getMessage():
                written_by_an_older_process(old_store)
                done.append(record)

    done: list[logging.LogRecord] = []
    handler = Writing()
    logging.getLogger().addHandler(handler)
    try:
        check_newer(old_store)
    finally:
        logging.getLogger().removeHandler(handler)
    assert len(done) == 1


@pytest.mark.parametrize("store_url", ["postgresql"], indirect=True)
def test_an_account_that_comes_while_its_instance_is_packed_is_kept(old_store: str) -> None:
    """On SQLite nobody else writes meanwhile."""
    database = Database(old_store)
    written: list[str] = []

    def write(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if statement.startswith("UPDATE account_permissions") and not written:
            written.append(statement)
            other = Database(old_store)
            with other.write() as connection:
                run = lambda statement, **values: connection.execute(text(statement), values)  # noqa: E731
                put_account(run, 99, 1, "new", json.dumps(NEWER | {"name": "new"}), "2026-03-02")
            other.close()

    event.listen(database.engine, "before_cursor_execute", write)
    database.upgrade()
    database.close()
    with opened(old_store) as store:
        known = {item.state.name: item.state for item in store.accounts.known(1)}
    assert written
    assert known["new"] == AccountState.from_json(NEWER | {"name": "new"})


def test_a_snapshot_that_can_t_be_read_is_named(old_store: str) -> None:
    database = Database(old_store)
    with database.write() as connection:
        connection.execute(
            text("UPDATE account_permissions SET snapshot = :value WHERE account_id = 21"),
            {"value": '{"name": "gone"}'},
        )
    database.close()
    with pytest.raises(StoreDamaged, match=r"^two: The account 'gone' can't be read"):
        Store.open(old_store)
    assert "snapshot" in columns(old_store, "account_permissions")


def pages(url: str) -> tuple[int, int]:
    """Return how many pages a file of SQLite has, and how many of them are free."""
    database = Database(url)
    with database.read_once() as connection:
        counts = [
            connection.scalar(text(f"PRAGMA {name}")) for name in ("page_count", "freelist_count")
        ]
    database.close()
    return counts[0], counts[1]


@pytest.mark.parametrize("store_url", ["sqlite"], indirect=True)
def test_the_file_does_not_grow_and_its_free_pages_are_used_again(old_store: str) -> None:
    """Only VACUUM would make it smaller: pages that are free take the store's next rows."""
    grants = json.loads(OLD_SNAPSHOT)["grants"]
    many = [{**grants[2], "object": f"t{number}"} for number in range(2000)]
    fat = json.dumps({**json.loads(OLD_SNAPSHOT), "grants": many})
    database = Database(old_store)
    with database.write() as connection:
        run = lambda statement, **values: connection.execute(text(statement), values)  # noqa: E731
        for number in range(20):
            put_account(
                run,
                100 + number,
                1 + number % 3,
                f"fat{number}",
                fat,
                f"{SECOND:%Y-%m-%d %H:%M:%S}",
            )
    database.close()
    before, _ = pages(old_store)
    with opened(old_store) as store:
        assert len(store.accounts.known(1)) == 9
    after, free = pages(old_store)
    assert after <= before * 1.02 + 10
    assert free > before / 2
