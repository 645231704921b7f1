"""A sync that finds its instance as it was leaves what a whole sync would leave.

Two stores know the same server. One recognises what is unchanged, the other compares everything
each time; whatever happens, they hold the same accounts, changes, sections and records.
"""

from __future__ import annotations

import random
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pymysql
import pytest

from sync_pipeline import engines
from sync_pipeline.errors import PrivilegeError, SuspiciousSnapshot
from sync_pipeline.model.instance import TlsMode, TlsOptions
from sync_pipeline.model.inventory import AccountFilter, ChangeFilter
from sync_pipeline.model.session import InstanceRecord, RecordStatus
from sync_pipeline.settings import DetailLevel
from sync_pipeline.store.accounts import AccountStore
from sync_pipeline.store.store import Store
from sync_pipeline.workflows.answers.access import load_each
from sync_pipeline.workflows.answers.history import accounts_at
from sync_pipeline.workflows.syncing import unchanged
from sync_pipeline.workflows.syncing.accounts import AccountSyncReport, sync_instance_accounts
from sync_pipeline_tests.integration.test_sync_accounts import Bench
from workbench.running.system import wait_for
from workbench.servers.running import RunningServer
from workbench.servers.statements import counted

Run = Callable[..., None]
LONG_AGO, FAR = "2001-01-01", "2026-03-02 03:00:00+00"
CLASSES = """
classes:
  robots: {match: {capability: can login}}
  old: {match: {capability: expired}}
  billed: {match: {tag: team=billing}}
"""


class Twins:
    """The two stores, and all that was done with them."""

    def __init__(self, server: RunningServer, home: Path) -> None:
        self.quick, self.whole = (Bench(server, home / name) for name in ("quick", "whole"))
        self.whole.clock = self.quick.clock
        self.whole.deps = replace(self.whole.deps, clock=self.quick.clock)
        self.sessions: dict[Store, list[str]] = {self.quick.store: [], self.whole.store: []}

    def close(self) -> None:
        self.quick.store.close()
        self.whole.store.close()

    def configure(self, **values: object) -> None:
        for bench in (self.quick, self.whole):
            settings = bench.deps.settings.model_copy(update=values)
            bench.deps = replace(bench.deps, settings=settings)

    def change_instance(self, **values: object) -> None:
        for bench in (self.quick, self.whole):
            bench.put(replace(bench.instance, **values))  # type: ignore[arg-type]

    def sync(self, minutes: float = 30) -> AccountSyncReport:
        """Sync with both, compare what they hold, and return what the quick one said."""
        self.quick.clock.pass_minutes(minutes)
        report = self._sync(self.quick, is_anew=False)
        other = self._sync(self.whole, is_anew=True)
        assert report.warnings == other.warnings
        assert report.counters == other.counters
        assert report.changes == other.changes
        mine, wanted = self.held(self.quick), self.held(self.whole)
        for name, value in wanted.items():
            assert mine[name] == value, name
        return report

    def _sync(self, bench: Bench, *, is_anew: bool) -> AccountSyncReport:
        session_id = bench.open()
        self.sessions[bench.store].append(session_id)
        work = replace(bench.work(session_id), is_anew=is_anew)
        return sync_instance_accounts(bench.deps, work)

    def held(self, bench: Bench) -> dict[str, object]:
        """Return all that a store holds, its sessions by number."""
        store, sessions = bench.store, self.sessions[bench.store]
        views = store.accounts.find(AccountFilter(only_active=False))
        log = store.accounts.changes(ChangeFilter(with_silent=True, oldest_first=True))
        sections = store.accounts.sections(bench.instance.id)
        return {
            "accounts": [replace(v, session_id=str(sessions.index(v.session_id))) for v in views],
            "log": [replace(e, session_id=str(sessions.index(e.session_id))) for e in log],
            "sections": sorted(sections, key=lambda item: str(item.key)),
            "records": [told(bench.record(item)) for item in sessions],
            "classes": store.classes.daily(date(2000, 1, 1), date(2100, 1, 1)),
            "facts": store.server_facts.of(bench.instance.id),
            "instance": (bench.instance.server_version, bench.instance.last_connected_at),
        }

    @property
    def was_unchanged(self) -> bool:
        """Return whether the quick store's last sync compared nothing."""
        return is_unchanged(self.quick.record(self.sessions[self.quick.store][-1]))


def is_unchanged(record: InstanceRecord) -> bool:
    return record.details.get("unchanged", False) is True


def told(record: InstanceRecord) -> object:
    hidden = {"timings", "unchanged"}
    details = {name: value for name, value in record.details.items() if name not in hidden}
    return record.status, record.counters, record.completed_at, record.error_message, details


@contextmanager
def twins_of(server: RunningServer, home: Path) -> Iterator[Twins]:
    for name in ("quick", "whole"):
        (home / name).mkdir()
    twins = Twins(server, home)
    try:
        yield twins
    finally:
        twins.close()


@pytest.fixture
def run(postgresql_server: RunningServer) -> Iterator[Run]:
    """Run statements as the administrator; what tests made is gone after."""
    server = postgresql_server
    with psycopg.connect(
        host=server.host,
        port=server.port,
        user=server.admin_user,
        password=server.admin_password,
        dbname=server.database,
        autocommit=True,
    ) as link:

        def run(*statements: str) -> None:
            for statement in statements:
                link.execute(statement)  # type: ignore[arg-type]

        yield run
        names = "SELECT quote_ident(datname) FROM pg_database WHERE datname LIKE 'un\\_%'"
        run(*(f"DROP DATABASE {name} WITH (FORCE)" for (name,) in link.execute(names).fetchall()))
        names = "SELECT quote_ident(rolname) FROM pg_roles WHERE rolname LIKE 'un\\_%'"
        for (name,) in link.execute(names).fetchall():
            run(f"DROP OWNED BY {name}", f"DROP ROLE {name}")


@pytest.fixture
def twins(postgresql_server: RunningServer, run: Run, tmp_path: Path) -> Iterator[Twins]:
    with twins_of(postgresql_server, tmp_path) as twins:
        yield twins


def test_what_did_not_change_is_not_compared(twins: Twins, run: Run) -> None:
    run("CREATE ROLE un_app LOGIN")
    assert "first sync" in twins.sync().message
    assert not twins.was_unchanged
    report = twins.sync()
    assert twins.was_unchanged
    views = twins.quick.store.accounts.find(AccountFilter())
    assert report.message == f"billing: {len(views)} accounts, unchanged"
    assert report.status is RecordStatus.COMPLETED
    (app,) = [view for view in views if view.state.name == "un_app"]
    assert app.last_seen_at == app.last_sync_at == twins.quick.clock.now
    assert app.session_id == twins.sessions[twins.quick.store][-1]
    assert app.last_change_at == app.first_seen_at < app.last_seen_at


def test_an_unchanged_sync_costs_a_few_statements_whatever_it_read(twins: Twins, run: Run) -> None:
    def statements() -> list[str]:
        bench = twins.quick
        session_id = bench.open()
        work = bench.work(session_id)
        with counted(bench.store) as sent:
            sync_instance_accounts(bench.deps, work)
        assert is_unchanged(bench.record(session_id))
        return sent

    twins.sync()
    few = statements()
    run(*(f"CREATE ROLE un_many{number} LOGIN" for number in range(60)))
    twins.sync()
    assert statements() == few
    assert len(few) <= 20, few
    assert not [text for text in few if "instance_accounts" in text or "account_perm" in text]


def test_a_role_that_was_dropped_keeps_the_moment_it_was_seen_last(twins: Twins, run: Run) -> None:
    """Each table's dates that no sync wrote are written by the next one that writes."""
    run("CREATE ROLE un_gone LOGIN", "CREATE DATABASE un_gone")
    twins.sync()
    for _ in range(2):
        twins.sync()
        assert twins.was_unchanged
    seen = twins.quick.clock.now
    run("DROP ROLE un_gone", "DROP DATABASE un_gone")
    twins.sync()
    (gone,) = [
        view
        for view in twins.quick.store.accounts.find(AccountFilter(only_active=False))
        if not view.is_active
    ]
    assert (gone.last_seen_at, gone.deleted_at) == (seen, twins.quick.clock.now)
    run("CREATE ROLE un_gone LOGIN")
    twins.sync()
    twins.sync()
    assert twins.was_unchanged


def test_what_the_server_is_set_to_is_kept_since_it_is_so(twins: Twins, run: Run) -> None:
    """It changes no account, so that no line tells of it; a review is made of it anew."""

    def facts() -> dict[str, tuple[str, datetime]]:
        found = twins.quick.store.server_facts.of(twins.quick.instance.id)
        return {item.name: (item.value, since) for item, since in found}

    twins.sync()
    first = twins.quick.clock.now
    assert facts()["password_encryption"] == ("scram-sha-256", first)
    try:
        run("ALTER SYSTEM SET password_encryption = 'md5'", "SELECT pg_reload_conf()")

        def is_seen() -> bool | None:
            twins.sync()
            return not twins.was_unchanged or None

        wait_for(is_seen, 30, "the server to take its setting")
        assert facts()["password_encryption"] == ("md5", twins.quick.clock.now)
        assert facts()["ssl"] == ("off", first)
        (instance,) = twins.quick.store.registry.instances()
        (loaded,) = load_each(twins.quick.deps, [instance], twins.quick.clock.now, with_facts=True)
        assert loaded.judged.world.server.value("password_encryption") == "md5"
        assert twins.sync().changes == ()
        assert twins.was_unchanged
    finally:
        run("ALTER SYSTEM RESET password_encryption", "SELECT pg_reload_conf()")
    log = twins.quick.store.accounts.changes(ChangeFilter(with_silent=True))
    assert all(entry.is_baseline for entry in log)


def test_rows_in_another_order_are_the_same_rows(twins: Twins, run: Run) -> None:
    run(*(f"CREATE ROLE un_{name} LOGIN" for name in "abc"))
    twins.sync()
    # Its row is written anew, behind the others.
    run("ALTER ROLE un_a CONNECTION LIMIT 3", "ALTER ROLE un_a CONNECTION LIMIT -1")
    before = twins.quick.store.reads.of(twins.quick.instance.id)
    twins.sync()
    after = twins.quick.store.reads.of(twins.quick.instance.id)
    assert twins.was_unchanged
    assert before is not None
    assert after is not None
    assert before.marks.in_order != after.marks.in_order
    assert before.marks.digest == after.marks.digest


def test_a_setting_that_changes_what_is_looked_after_is_a_whole_sync(
    twins: Twins, run: Run
) -> None:
    run("CREATE ROLE un_app LOGIN", "CREATE DATABASE un_app")
    twins.sync()
    changes: list[dict[str, object]] = [
        {"excluded_accounts": ("un\\_%",)},
        {"excluded_accounts": ()},
        {"include_system_accounts": True},
        {"max_databases": 1},
        {"detail_level": DetailLevel.SERVER},
    ]
    for values in changes:
        twins.configure(**values)
        twins.sync()
        assert not twins.was_unchanged, values
    twins.sync()
    assert twins.was_unchanged


def test_a_new_version_of_our_code_looks_at_everything(
    twins: Twins, monkeypatch: pytest.MonkeyPatch
) -> None:
    twins.sync()
    for code in ("newer", unchanged.code_digest()):
        monkeypatch.setattr(unchanged, "code_digest", lambda code=code: code)
        twins.sync()
        assert not twins.was_unchanged
        twins.sync()
        assert twins.was_unchanged


def test_the_code_that_counts_is_all_that_makes_accounts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def digest(name: str, text: str) -> str:
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        return unchanged.code_digest.__wrapped__()

    monkeypatch.setattr(unchanged.resources, "files", lambda _: tmp_path)
    first = digest("engines/oracle/sql/users.sql", "SELECT 1")
    assert digest("engines/oracle/sql/users.sql", "SELECT 2") != first
    assert digest("engines/oracle/sql/users.sql", "SELECT 1") == first
    assert digest("collect/new.py", "") != first
    same = digest("cli/new.py", "1")
    assert digest("cli/new.py", "2") == same
    assert digest("model/cli/new.py", "2") != same


def test_what_a_sync_reads_of_our_files_is_read_with_its_code() -> None:
    """Runs are forked off a process that goes on when an upgrade writes other files."""
    script = """
import sync_pipeline.workflows.syncing.accounts
from sync_pipeline.engines.base import sql_text
from sync_pipeline.store.database import newest_revision
from sync_pipeline.workflows.syncing.unchanged import code_digest
print(*(item.cache_info().currsize for item in (sql_text, newest_revision, code_digest)))
"""
    said = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    statements, *others = map(int, said.stdout.split())
    assert others == [1, 1]
    assert statements == len([*Path(engines.__file__).parent.glob("*/sql/*.sql")])


def test_a_forced_sync_and_one_made_again_compare_everything(twins: Twins) -> None:
    twins.sync()
    bench = twins.quick
    for is_forced, is_anew in ((True, False), (False, True), (False, False)):
        session_id = bench.open()
        work = replace(bench.work(session_id), is_anew=is_anew)
        sync_instance_accounts(bench.deps, work, is_forced=is_forced)
        assert is_unchanged(bench.record(session_id)) is not (is_forced or is_anew)


def test_a_refused_sync_leaves_nothing_to_recognise(twins: Twins, run: Run) -> None:
    names = [f"un_{number}" for number in range(12)]
    run(*(f"CREATE ROLE {name}" for name in names))
    twins.sync()
    bench = twins.quick
    before = bench.store.reads.of(bench.instance.id)
    run(*(f"DROP ROLE {name}" for name in names))
    for _ in range(2):
        with pytest.raises(SuspiciousSnapshot):
            bench.sync()
        assert bench.store.reads.of(bench.instance.id) == before
    run(*(f"CREATE ROLE {name}" for name in names))
    bench.sync()
    assert bench.store.accounts.changes(ChangeFilter(with_baselines=False)) == []


def test_accounts_that_were_written_meanwhile_are_compared(twins: Twins, run: Run) -> None:
    """What this sync looked at is not what the store has by the time it would confirm it."""
    twins.sync()
    bench = twins.quick
    reads = bench.store.reads
    before = reads.of(bench.instance.id)
    run("CREATE ROLE un_app LOGIN")
    bench.sync()
    run("DROP ROLE un_app")
    session_id = bench.open()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reads, "of", lambda _: before)
        bench.sync(session_id)
    assert not is_unchanged(bench.record(session_id))
    (view,) = [
        view
        for view in bench.store.accounts.find(AccountFilter(only_active=False))
        if view.state.name == "un_app"
    ]
    assert not view.is_active


def test_accounts_written_without_their_reads_are_compared_by_the_next_sync(twins: Twins) -> None:
    bench = twins.quick
    apply = AccountStore.apply

    def without(self: AccountStore, *values: Any) -> None:
        apply(self, *values[:8])

    twins.sync()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(AccountStore, "apply", without)
        sync_instance_accounts(bench.deps, bench.work(bench.open()), is_forced=True)
    assert bench.store.reads.of(bench.instance.id) is None
    session_id = bench.open()
    bench.sync(session_id)
    assert not is_unchanged(bench.record(session_id))


def test_warnings_are_said_again(twins: Twins, run: Run) -> None:
    run("CREATE DATABASE un_shut", "ALTER DATABASE un_shut WITH ALLOW_CONNECTIONS false")
    (warning,) = twins.sync().warnings
    report = twins.sync()
    assert twins.was_unchanged
    assert report.warnings == (warning,)
    assert report.message.endswith("unchanged, 1 warnings")
    twins.change_instance(tls=TlsOptions(TlsMode.PREFER))
    assert len(twins.sync().warnings) == 2
    twins.change_instance(tls=TlsOptions(TlsMode.DISABLE))
    run("ALTER DATABASE un_shut WITH ALLOW_CONNECTIONS true")
    assert twins.sync().warnings == ()
    assert not twins.was_unchanged


def test_the_classes_of_a_new_day_are_there(twins: Twins, run: Run, tmp_path: Path) -> None:
    file = tmp_path / "classes.yaml"
    file.write_text(CLASSES)
    file.chmod(0o600)
    run("CREATE ROLE un_app LOGIN")
    twins.configure(classification_file=file)
    twins.sync()
    twins.sync(24 * 60)
    assert twins.was_unchanged
    days = {
        item.day for item in twins.quick.store.classes.daily(date(2026, 1, 1), date(2027, 1, 1))
    }
    assert len(days) == 2
    twins.change_instance(tags=("team=billing",))
    twins.sync()
    assert not twins.was_unchanged
    file.write_text(CLASSES.replace("can login", "superuser"))
    twins.sync()
    assert not twins.was_unchanged
    file.write_text("nonsense")
    for is_known in (False, True):
        (warning,) = twins.sync().warnings
        assert "classes.yaml" in warning
        assert twins.was_unchanged is is_known
    file.unlink()
    (warning,) = twins.sync().warnings
    assert not twins.was_unchanged


def test_classes_that_depend_on_the_time_are_counted(
    twins: Twins, run: Run, tmp_path: Path
) -> None:
    file = tmp_path / "classes.yaml"
    file.write_text(CLASSES)
    twins.configure(classification_file=file)
    ends = twins.quick.clock.now + timedelta(hours=2)
    later = ends + timedelta(hours=1)
    run(f"CREATE ROLE un_app LOGIN VALID UNTIL '{ends}'")
    run(f"CREATE ROLE un_web LOGIN VALID UNTIL '{later}'")

    def synced_at(moment: datetime) -> tuple[bool, int]:
        twins.sync((moment - twins.quick.clock.now) / timedelta(minutes=1))
        day = twins.quick.store.classes.daily(moment.date(), moment.date())
        (old,) = [item.accounts for item in day if item.name == "old"]
        return twins.was_unchanged, old

    instant = timedelta(microseconds=1)
    assert [
        synced_at(moment)
        for moment in (
            ends - timedelta(hours=1), ends - timedelta(minutes=1), ends - instant,
            ends, ends + instant, later - instant, later, later + timedelta(hours=9),
            # A clock that was set back.
            later - instant, ends - timedelta(hours=1), ends - instant, ends,
        )
    ] == [
        (False, 0), (True, 0), (True, 0), (False, 1), (True, 1), (True, 1), (False, 2), (True, 2),
        (False, 1), (False, 0), (True, 0), (False, 1),
    ]  # fmt: skip
    run("ALTER ROLE un_app VALID UNTIL 'infinity'")
    run(f"ALTER ROLE un_web VALID UNTIL '{LONG_AGO}'")
    assert synced_at(later) == (False, 1)
    assert synced_at(later + timedelta(hours=1)) == (True, 1)


def postgresql_steps(twins: Twins, run: Run, rng: random.Random) -> Sequence[Callable[[], None]]:
    """Return what may happen to a server between two syncs; what can't now, is left out."""
    name, other, base = (f"{kind}{rng.randrange(3)}" for kind in ("un_r", "un_r", "un_d"))

    def tried(*statements: str) -> Callable[[], None]:
        def step() -> None:
            for statement in statements:
                try:
                    run(statement)
                except psycopg.Error:
                    return

        return step

    return [
        *[lambda: None] * 3,
        tried(f"CREATE ROLE {name} LOGIN"),
        tried(f"CREATE ROLE {name} LOGIN VALID UNTIL '{LONG_AGO}'"),
        tried(f"DROP OWNED BY {name}", f"DROP ROLE {name}"),
        tried(f"GRANT {name} TO {other}"),
        tried(f"REVOKE {name} FROM {other}"),
        tried(f"ALTER ROLE {name} CONNECTION LIMIT {rng.randrange(4)}"),
        tried(f"ALTER ROLE {name} RENAME TO {other}"),
        tried(f"ALTER ROLE {name} SET work_mem = '{rng.randrange(1, 9)}MB'"),
        tried(f"CREATE DATABASE {base}"),
        tried(f"GRANT CREATE ON DATABASE {base} TO {name}"),
        tried(f"DROP DATABASE {base} WITH (FORCE)"),
        tried(f"ALTER DATABASE {base} WITH ALLOW_CONNECTIONS false"),
        tried(f"ALTER DATABASE {base} WITH ALLOW_CONNECTIONS true"),
        lambda: twins.configure(excluded_accounts=rng.choice([(), ("un\\_r1",), ("%2",)])),
        lambda: twins.configure(detail_level=rng.choice(list(DetailLevel))),
        lambda: twins.configure(max_databases=rng.choice([1, 2, 500])),
        lambda: twins.change_instance(environment=rng.choice([None, "production"])),
    ]


def test_whatever_happens_on_postgresql_the_stores_are_the_same(twins: Twins, run: Run) -> None:
    rng = random.Random(1)
    found = []
    for _ in range(16):
        for _ in range(rng.randrange(3)):
            rng.choice(postgresql_steps(twins, run, rng))()
        twins.sync()
        found.append(twins.was_unchanged)
    assert {True, False} == set(found)
    for bench in (twins.quick, twins.whole):
        replayed = accounts_at(bench.store, twins.quick.clock.now)
        views = bench.store.accounts.find(AccountFilter(only_active=False))
        assert {(item.state.name, item.is_active, item.state.fingerprint) for item in replayed} == {
            (item.state.name, item.is_active, item.state.fingerprint) for item in views
        }


@contextmanager
def watched_mariadb(server: RunningServer) -> Iterator[tuple[RunningServer, Run]]:
    """Yield a MariaDB as a monitoring account reads it, and what runs statements on it."""
    with pymysql.connect(
        host=server.host,
        port=server.port,
        user=server.admin_user,
        password=server.admin_password,
        autocommit=True,
    ) as link:

        def run(*statements: str) -> None:
            for statement in statements:
                link.cursor().execute(statement)

        tables = ("global_priv", "db", "tables_priv", "columns_priv", "procs_priv")
        run("CREATE USER un_mon@'%' IDENTIFIED BY 'word'")
        run(*(f"GRANT SELECT ON mysql.{t} TO un_mon@'%'" for t in (*tables, "roles_mapping")))
        run("GRANT SELECT ON mysql.proxies_priv TO un_mon@'%'")
        try:
            yield replace(server, admin_user="un_mon", admin_password="word"), run
        finally:
            cursor = link.cursor()
            cursor.execute("SELECT user, host FROM mysql.global_priv WHERE user LIKE 'un\\_%'")
            for user, host in cursor.fetchall():
                kind = "USER" if host else "ROLE"
                run(f"DROP {kind} `{user}`" + (f"@'{host}'" if host else ""))


def test_whatever_happens_on_mariadb_the_stores_are_the_same(
    mariadb_server: RunningServer, tmp_path: Path
) -> None:
    """Among it: sections that can't be read, and can again."""
    rng = random.Random(3)
    with watched_mariadb(mariadb_server) as (server, run), twins_of(server, tmp_path) as twins:
        found, unread = [], set()
        for number in range(20):
            user, table = f"un_u{rng.randrange(3)}@'%'", rng.choice(["db", "procs_priv"])
            steps: list[str] = [
                *["SELECT 1"] * 3,
                f"CREATE USER IF NOT EXISTS {user}",
                f"DROP USER IF EXISTS {user}",
                f"GRANT SELECT, INSERT ON test.* TO {user}",
                f"REVOKE INSERT ON test.* FROM {user}",
                f"ALTER USER {user} ACCOUNT LOCK",
                f"REVOKE SELECT ON mysql.{table} FROM un_mon@'%'",
                f"GRANT SELECT ON mysql.{table} TO un_mon@'%'",
            ]
            with suppress(pymysql.Error):
                run(steps[-1 - number % len(steps)])
            report = twins.sync()
            found.append(twins.was_unchanged)
            unread.add(bool(report.warnings))
        assert {True, False} == set(found) == unread
        grants = [f"SELECT ON mysql.{table}" for table in ("db", "procs_priv")]
        run(*(f"GRANT {grant} TO un_mon@'%'" for grant in grants))
        for step in (f"REVOKE {grants[0]} FROM un_mon@'%'", f"GRANT {grants[0]} TO un_mon@'%'"):
            for _ in range(2):
                twins.sync()
            assert twins.was_unchanged
            run(step)
            twins.sync()
            assert not twins.was_unchanged
        run("REVOKE SELECT ON mysql.global_priv FROM un_mon@'%'")
        with pytest.raises(PrivilegeError):
            twins.quick.sync()
