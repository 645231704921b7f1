"""Events of real servers are those that a model makes of what the servers themselves say."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pymysql
import pytest

from sync_pipeline.errors import ConnectError, SuspiciousSnapshot
from sync_pipeline.model.event import Event, EventKind
from sync_pipeline.model.maintenance import NewWindow
from sync_pipeline.model.session import NewSession, SyncCategory, SyncType
from sync_pipeline_tests.integration.test_sync_accounts import Bench
from workbench.benches.noticed import noticed_since
from workbench.servers.running import RunningServer

POWERS = {EventKind.POWER_GAINED, EventKind.POWER_LOST, EventKind.ACCOUNT_WITH_POWER}
Ask = Callable[..., list[tuple[Any, ...]]]
State = dict[str, bool]
"""The accounts that there are, and whether each is a superuser by any chain."""
PG_SUPERUSERS = """
    SELECT r.rolname, EXISTS (
        SELECT FROM pg_roles AS s
        WHERE (s.rolsuper AND pg_has_role(r.oid, s.oid, 'SET'))
        OR (s.rolname IN ('pg_execute_server_program', 'pg_write_server_files')
            AND (pg_has_role(r.oid, s.oid, 'USAGE') OR pg_has_role(r.oid, s.oid, 'SET')))
    )
    FROM pg_roles AS r WHERE r.rolname LIKE 'ev\\_%'
"""


class Watched:
    """A server that is synced, and what its events should be."""

    def __init__(self, server: RunningServer, home: Path, state: Callable[[], State]) -> None:
        self.bench = Bench(server, home)
        self.state = state
        self.wanted: list[tuple[str, str]] = []
        self.before: State | None = None

    def sync(self, *, is_forced: bool = False) -> list[Event]:
        """Sync, and note which events the server's own state makes of it."""
        now = self.state()
        seen = len(self.events())
        self.bench.sync(is_forced=is_forced)
        if self.before is not None:
            self.wanted += made(self.before, now)
        self.before = now
        return self.events()[seen:]

    def events(self) -> list[Event]:
        found = noticed_since(self.bench.store)
        return [item.event for item in found]

    def found(self) -> list[tuple[str, str]]:
        return [
            (str(item.kind), item.account)
            for item in self.events()
            if item.kind in POWERS and "superuser" in item.subject and "ev_" in item.account
        ]

    def check(self) -> None:
        assert sorted(self.found()) == sorted(self.wanted)


def made(before: State, now: State) -> Iterator[tuple[str, str]]:
    """Yield the events of superusers that two states make."""
    for name in sorted({*before, *now}):
        had, has = before.get(name, False), now.get(name, False)
        if has and name not in before:
            yield str(EventKind.ACCOUNT_WITH_POWER), name
        elif has and not had:
            yield str(EventKind.POWER_GAINED), name
        elif had and not has:
            yield str(EventKind.POWER_LOST), name


@contextmanager
def on_postgresql(server: RunningServer) -> Iterator[Ask]:
    with psycopg.connect(
        host=server.host,
        port=server.port,
        user=server.admin_user,
        password=server.admin_password,
        dbname=server.database,
        autocommit=True,
    ) as link:

        def ask(statement: str) -> list[tuple[Any, ...]]:
            cursor = link.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

        try:
            yield ask
        finally:
            names = ask("SELECT quote_ident(rolname) FROM pg_roles WHERE rolname LIKE 'ev\\_%'")
            for (name,) in names:
                ask(f"DROP OWNED BY {name}")
                ask(f"DROP ROLE {name}")


def step_of_postgresql(rng: random.Random) -> str:
    """Return what somebody does: mostly something about roles, and sometimes what fails."""
    one, two = (f"ev_{rng.choice('abcdefgh')}" for _ in range(2))
    options = rng.choice(["", "", " WITH INHERIT FALSE", " WITH SET FALSE", " WITH INHERIT TRUE"])
    return rng.choice(
        [
            f"CREATE ROLE {one} LOGIN",
            f"CREATE ROLE {one}",
            f"DROP ROLE {one}",
            f"DROP ROLE {one}; CREATE ROLE {one}",
            *[f"GRANT {one} TO {two}{options}"] * 4,
            *[f"REVOKE {one} FROM {two}"] * 2,
            f"ALTER ROLE {one} SUPERUSER",
            f"ALTER ROLE {one} NOSUPERUSER",
            f"REVOKE {one} FROM {two}; GRANT {one} TO {two}",
            f"GRANT pg_write_server_files TO {one}",
            f"REVOKE pg_write_server_files FROM {one}",
            f"ALTER ROLE {one} RENAME TO {two}",
        ]
    )


@pytest.mark.parametrize("seed", range(3))
def test_random_changes_of_postgresql(
    postgresql_server: RunningServer, tmp_path: Path, seed: int
) -> None:
    rng = random.Random(seed)
    with on_postgresql(postgresql_server) as ask:
        watched = Watched(postgresql_server, tmp_path, lambda: dict(ask(PG_SUPERUSERS)))
        for letter in "abcdef":
            ask(f"CREATE ROLE ev_{letter} LOGIN")
        for one, two in ("ab", "bc", "cd"):
            ask(f"GRANT ev_{one} TO ev_{two}")
        watched.sync()
        ask("ALTER ROLE ev_a SUPERUSER")
        watched.sync()
        for _ in range(14):
            for _ in range(rng.randrange(6)):
                with suppress(psycopg.Error):
                    ask(step_of_postgresql(rng))
            watched.sync(is_forced=rng.random() < 0.2)
        watched.check()
        assert len(watched.wanted) > 6
        watched.bench.store.close()


def test_three_nested_roles_of_postgresql_and_an_instance_that_is_away(
    postgresql_server: RunningServer, tmp_path: Path
) -> None:
    with on_postgresql(postgresql_server) as ask:
        watched = Watched(postgresql_server, tmp_path, lambda: dict(ask(PG_SUPERUSERS)))
        bench = watched.bench
        for name in ("a", "b", "c", "user"):
            ask(f"CREATE ROLE ev_{name}")
        for one, two in (("a", "b"), ("b", "c"), ("c", "user")):
            ask(f"GRANT ev_{one} TO ev_{two}")
        watched.sync()
        ask("ALTER ROLE ev_a SUPERUSER")
        found = {item.account: item for item in watched.sync() if item.kind in POWERS}
        assert found["ev_user"].path == (
            *(
                "ev_user",
                "ev_c (member, set role)",
                "ev_b (member, set role)",
                "ev_a (member, set role)",
            ),
        )
        # Within one sync it is as it was; over two it is two events.
        ask("REVOKE ev_a FROM ev_b; GRANT ev_a TO ev_b")
        assert watched.sync() == []
        ask("REVOKE ev_a FROM ev_b")
        assert {item.kind for item in watched.sync()} >= {EventKind.POWER_LOST}
        ask("GRANT ev_a TO ev_b")
        watched.sync()
        # What changes while nobody can look is told when somebody can; that nobody can, is not.
        instance = bench.instance
        bench.put(replace(instance, port=1))
        before = len(watched.events())
        with pytest.raises(ConnectError):
            bench.sync()
        ask("ALTER ROLE ev_a NOSUPERUSER")
        assert len(watched.events()) == before
        bench.put(instance)
        watched.sync()
        watched.check()
        bench.store.close()


def test_a_section_of_postgresql_that_is_unread_for_a_while(
    postgresql_server: RunningServer, tmp_path: Path
) -> None:
    """Who is a member of what is not read by who may not read it."""
    table = "pg_catalog.pg_auth_members"
    with on_postgresql(postgresql_server) as ask:
        ask("CREATE ROLE ev_monitor LOGIN PASSWORD 'word'")
        ask("CREATE ROLE ev_dba SUPERUSER")
        ask("CREATE ROLE ev_ann LOGIN")
        ask("GRANT ev_dba TO ev_ann")
        server = replace(postgresql_server, admin_user="ev_monitor", admin_password="word")
        watched = Watched(server, tmp_path, lambda: dict(ask(PG_SUPERUSERS)))
        try:
            watched.sync()
            ask(f"REVOKE SELECT ON {table} FROM PUBLIC")
            assert [item for item in watched.sync() if item.kind in POWERS] == []
            assert "memberships" in str(
                watched.bench.store.accounts.sections(watched.bench.instance.id)
            )
            ask(f"GRANT SELECT ON {table} TO PUBLIC")
            assert [item for item in watched.sync() if item.kind in POWERS] == []
            ask(f"REVOKE SELECT ON {table} FROM PUBLIC")
            watched.sync()
            ask("REVOKE ev_dba FROM ev_ann")
            ask(f"GRANT SELECT ON {table} TO PUBLIC")
            watched.sync()
            watched.check()
        finally:
            ask(f"GRANT SELECT ON {table} TO PUBLIC")
            watched.bench.store.close()


def test_what_is_inherited_of_a_superuser_of_postgresql_is_told(
    older_postgresql_server: RunningServer, tmp_path: Path
) -> None:
    """Who may not become one has what it was granted, as the server itself says."""
    asked = "SELECT has_parameter_privilege('ev_app', 'session_replication_role', 'SET')"
    with on_postgresql(older_postgresql_server) as ask:
        ask("CREATE ROLE ev_boss SUPERUSER")
        ask("CREATE ROLE ev_app LOGIN")
        ask("GRANT SET ON PARAMETER session_replication_role TO ev_boss")
        watched = Watched(older_postgresql_server, tmp_path, lambda: dict(ask(PG_SUPERUSERS)))
        try:
            watched.sync()
            for statement, has in (
                ("GRANT ev_boss TO ev_app WITH INHERIT FALSE, SET FALSE", False),
                ("GRANT ev_boss TO ev_app WITH INHERIT TRUE, SET FALSE", True),
                ("REVOKE SET ON PARAMETER session_replication_role FROM ev_boss", False),
            ):
                had = ask(asked)
                ask(statement)
                told = [item.kind for item in watched.sync() if item.account == "ev_app"]
                assert ask(asked) == [(has,)]
                kind = EventKind.POWER_GAINED if has else EventKind.POWER_LOST
                assert told == ([kind] if had != [(has,)] else [])
        finally:
            watched.bench.store.close()


def test_who_is_no_superuser_while_memberships_are_unread_is_none(
    postgresql_server: RunningServer, tmp_path: Path
) -> None:
    """Whether a role is one is read all the same, so that its members are none either."""
    table = "pg_catalog.pg_auth_members"
    with on_postgresql(postgresql_server) as ask:
        ask("CREATE ROLE ev_monitor LOGIN PASSWORD 'word'")
        ask("CREATE ROLE ev_dba SUPERUSER")
        ask("CREATE ROLE ev_chief SUPERUSER")
        ask("CREATE ROLE ev_ann LOGIN")
        ask("GRANT ev_dba TO ev_ann")
        server = replace(postgresql_server, admin_user="ev_monitor", admin_password="word")
        watched = Watched(server, tmp_path, lambda: dict(ask(PG_SUPERUSERS)))
        try:
            watched.sync()
            ask(f"REVOKE SELECT ON {table} FROM PUBLIC")
            ask("ALTER ROLE ev_dba NOSUPERUSER")
            watched.sync()
            watched.check()
            assert {"ev_ann", "ev_dba"} <= {account for _, account in watched.found()}
            ask("DROP ROLE ev_chief")
            ask("CREATE ROLE ev_chief")
            watched.sync()
            ask("ALTER ROLE ev_dba SUPERUSER")
            watched.sync()
            ask(f"GRANT SELECT ON {table} TO PUBLIC")
            watched.sync()
            watched.check()
        finally:
            ask(f"GRANT SELECT ON {table} TO PUBLIC")
            watched.bench.store.close()


def test_what_is_made_anew_while_memberships_are_unread_has_none_of_before(
    postgresql_server: RunningServer, tmp_path: Path
) -> None:
    """Neither the members of a role that was dropped, nor what an account was a member of."""
    table = "pg_catalog.pg_auth_members"
    with on_postgresql(postgresql_server) as ask:
        ask("CREATE ROLE ev_monitor LOGIN PASSWORD 'word'")
        ask("CREATE ROLE ev_dba SUPERUSER")
        ask("CREATE ROLE ev_chief SUPERUSER")
        ask("CREATE ROLE ev_ann LOGIN")
        ask("CREATE ROLE ev_bob LOGIN")
        ask("GRANT ev_dba TO ev_ann")
        ask("GRANT ev_chief TO ev_bob")
        server = replace(postgresql_server, admin_user="ev_monitor", admin_password="word")
        watched = Watched(server, tmp_path, lambda: dict(ask(PG_SUPERUSERS)))
        try:
            watched.sync()
            ask(f"REVOKE SELECT ON {table} FROM PUBLIC")
            watched.sync()
            for statement in (
                "DROP ROLE ev_dba",
                "CREATE ROLE ev_dba SUPERUSER",
                "DROP ROLE ev_bob",
                "CREATE ROLE ev_bob LOGIN",
            ):
                ask(statement)
                watched.sync()
                watched.check()
            ask(f"GRANT SELECT ON {table} TO PUBLIC")
            watched.sync()
            ask("GRANT ev_dba TO ev_bob")
            watched.sync()
            watched.check()
        finally:
            ask(f"GRANT SELECT ON {table} TO PUBLIC")
            watched.bench.store.close()


def test_public_of_postgresql(postgresql_server: RunningServer, tmp_path: Path) -> None:
    with on_postgresql(postgresql_server) as ask:
        watched = Watched(postgresql_server, tmp_path, dict)
        ask("CREATE TABLE ev_pay (id int)")
        try:
            watched.sync()
            ask("CREATE FUNCTION ev_sum() RETURNS int LANGUAGE sql AS 'SELECT 1'")
            kinds = [item.kind for item in watched.sync()]
            assert EventKind.GRANTED_TO_EVERYONE not in kinds
            ask("GRANT SELECT, INSERT ON ev_pay TO PUBLIC")
            found = [
                (item.account, item.subject)
                for item in watched.sync()
                if item.kind is EventKind.GRANTED_TO_EVERYONE
            ]
            assert len(found) == 2
            assert all(account == "public" and "ev_pay" in what for account, what in found)
            assert watched.sync() == []
        finally:
            ask("DROP TABLE ev_pay")
            ask("DROP FUNCTION IF EXISTS ev_sum()")
            watched.bench.store.close()


def test_what_everybody_has_in_a_database_that_is_made_again(
    postgresql_server: RunningServer, tmp_path: Path
) -> None:
    """It is new as the first one of its name was: what everybody has there was given by nobody."""
    make, drop = "CREATE DATABASE ev_again", "DROP DATABASE ev_again"
    with on_postgresql(postgresql_server) as ask:
        watched = Watched(postgresql_server, tmp_path, dict)
        watched.sync()
        try:
            for statement in (make, drop, make, f"{drop} WITH (FORCE)", make):
                ask(statement)
                kinds = {item.kind for item in watched.sync()}
                assert EventKind.GRANTED_TO_EVERYONE not in kinds
            with psycopg.connect(
                host=postgresql_server.host,
                port=postgresql_server.port,
                user=postgresql_server.admin_user,
                password=postgresql_server.admin_password,
                dbname="ev_again",
                autocommit=True,
            ) as link:
                link.execute("GRANT CREATE ON SCHEMA public TO PUBLIC")
            kinds = {item.kind for item in watched.sync()}
            assert EventKind.GRANTED_TO_EVERYONE in kinds
        finally:
            ask("DROP DATABASE IF EXISTS ev_again WITH (FORCE)")
            watched.bench.store.close()


def test_a_sync_that_is_refused_is_told_once(
    postgresql_server: RunningServer, tmp_path: Path
) -> None:
    with on_postgresql(postgresql_server) as ask:
        for number in range(40):
            ask(f"CREATE ROLE ev_{number}")
        watched = Watched(postgresql_server, tmp_path, dict)
        watched.sync()
        for number in range(40):
            ask(f"DROP ROLE ev_{number}")
        session_id = watched.bench.open()
        with pytest.raises(SuspiciousSnapshot):
            watched.bench.sync(session_id)
        again = NewSession(
            session_id, SyncType.MANUAL_TASK, SyncCategory.ACCOUNT, "account_sync", session_id
        )
        watched.bench.store.sessions.open(again, [watched.bench.instance], watched.bench.clock())
        for session in (session_id, None):
            with pytest.raises(SuspiciousSnapshot):
                watched.bench.sync(session)
        (event,) = watched.events()
        assert (event.kind, event.subject) == (EventKind.SYNC_REFUSED, "account")
        assert "more than the guard" in event.after
        assert event.session_id == session_id
        watched.bench.sync(is_forced=True)
        for number in range(40):
            ask(f"CREATE ROLE ev_{number}")
        watched.bench.sync()
        for number in range(40):
            ask(f"DROP ROLE ev_{number}")
        with pytest.raises(SuspiciousSnapshot):
            watched.bench.sync()
        refused = [item for item in watched.events() if item.kind is EventKind.SYNC_REFUSED]
        assert len(refused) == 2
        watched.bench.sync(is_forced=True)
        for number in range(40):
            ask(f"CREATE ROLE ev_{number}")
        watched.bench.sync()
        for number in range(40):
            ask(f"DROP ROLE ev_{number}")
        # What a server shows that is being moved or restored is no news.
        now = watched.bench.clock()
        window = NewWindow(now, now + timedelta(hours=1), "a restore", watched.bench.instance.id)
        watched.bench.store.maintenance.start(window)
        with pytest.raises(SuspiciousSnapshot):
            watched.bench.sync()
        every = [item for item in watched.events() if item.kind is EventKind.SYNC_REFUSED]
        assert every == refused
        watched.bench.store.close()


@pytest.mark.parametrize("is_forced", [False, True])
def test_what_the_settings_left_out_until_now_was_there(
    postgresql_server: RunningServer, tmp_path: Path, is_forced: bool
) -> None:
    with on_postgresql(postgresql_server) as ask:
        watched = Watched(postgresql_server, tmp_path, dict)
        bench = watched.bench
        ask("CREATE ROLE ev_old SUPERUSER")
        settings = bench.deps.settings
        left_out = settings.model_copy(update={"excluded_accounts": ("ev\\_o%",)})
        bench.deps = replace(bench.deps, settings=left_out)
        watched.sync()
        ask("CREATE ROLE ev_new SUPERUSER")
        bench.deps = replace(bench.deps, settings=settings)
        found = [(item.kind, item.account) for item in watched.sync(is_forced=is_forced)]
        assert (EventKind.ACCOUNT_WITH_POWER, "ev_new") in found
        assert {account for _, account in found} == {"ev_new"}
        ask("ALTER ROLE ev_old NOSUPERUSER")
        assert [item.account for item in watched.sync() if item.kind in POWERS] == ["ev_old"]
        bench.store.close()


@pytest.mark.parametrize("broken", ["note_connection", "written_review", "write_facts"])
def test_what_stops_half_way_leaves_neither_half(
    postgresql_server: RunningServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    broken: str,
) -> None:
    with on_postgresql(postgresql_server) as ask:
        watched = Watched(postgresql_server, tmp_path, lambda: dict(ask(PG_SUPERUSERS)))
        bench = watched.bench
        ask("CREATE ROLE ev_ann")
        watched.sync()
        ask("ALTER ROLE ev_ann SUPERUSER")
        before = bench.store.accounts.mark(bench.instance.id)
        session_id = bench.open()
        with monkeypatch.context() as patch:
            patch.setattr(f"sync_pipeline.store.accounts.{broken}", _killed)
            with pytest.raises(KeyboardInterrupt):
                bench.sync(session_id)
        assert watched.events() == []
        assert bench.store.accounts.mark(bench.instance.id) == before
        bench.clock.pass_minutes(1000)
        watched.sync()
        watched.sync()
        watched.check()
        assert len(watched.wanted) == 1
        bench.store.close()


def _killed(*_args: object) -> None:
    raise KeyboardInterrupt


@contextmanager
def on_mariadb(server: RunningServer) -> Iterator[Ask]:
    with pymysql.connect(
        host=server.host,
        port=server.port,
        user=server.admin_user,
        password=server.admin_password,
        autocommit=True,
    ) as link:

        def ask(statement: str) -> list[tuple[Any, ...]]:
            with link.cursor() as cursor:
                cursor.execute(statement)
                return list(cursor.fetchall())

        try:
            yield ask
        finally:
            query = "SELECT user, host FROM mysql.global_priv WHERE user LIKE 'ev\\_%'"
            for user, host in ask(query):
                kind = "USER" if host else "ROLE"
                ask(f"DROP {kind} `{user}`" + (f"@'{host}'" if host else ""))


def superusers_of_mariadb(server: RunningServer, ask: Ask) -> State:
    """Return it by what each user is told when it logs in, and of roles by their table."""
    roles = {name for (name,) in ask("SELECT user FROM mysql.user WHERE is_role = 'Y'")}
    with_super = {
        name for (name,) in ask("SELECT user FROM mysql.user WHERE super_priv = 'Y'") if name
    }
    pairs = ask("SELECT user, role FROM mysql.roles_mapping WHERE host = ''")
    of_roles = {name: {name} for name in roles}
    for _ in roles:
        for member, role in pairs:
            of_roles.setdefault(member, {member}).update(of_roles.get(role, {role}))
    state = {name: bool(with_super & has) for name, has in of_roles.items() if name in roles}
    for (user,) in ask("SELECT user FROM mysql.user WHERE is_role = 'N' AND user LIKE 'ev\\_%'"):
        with (
            pymysql.connect(host=server.host, port=server.port, user=user, password="word") as link,
            link.cursor() as cursor,
        ):
            cursor.execute("SELECT role_name FROM information_schema.applicable_roles")
            names = {user, *(name for (name,) in cursor.fetchall())}
        state[f"'{user}'@'%'"] = bool(with_super & names)
    return {name: has for name, has in state.items() if "ev_" in name}


def step_of_mariadb(rng: random.Random) -> str:
    user = f"ev_{rng.choice('abc')}@'%'"
    one, two = (f"ev_r{number}" for number in sorted(rng.sample(range(4), 2)))
    either = rng.choice([user, one])
    return rng.choice(
        [
            f"CREATE USER {user} IDENTIFIED BY 'word'",
            f"DROP USER {user}",
            f"CREATE ROLE {one}",
            f"DROP ROLE {one}",
            *[f"GRANT {two} TO {rng.choice([user, one])}"] * 4,
            f"REVOKE {two} FROM {either}",
            *[f"GRANT SUPER ON *.* TO {either}"] * 2,
            *[f"REVOKE SUPER ON *.* FROM {either}"] * 2,
            f"RENAME USER {user} TO ev_{rng.choice('abc')}@'%'",
            f"GRANT SELECT ON test.* TO {either}",
        ]
    )


@pytest.mark.parametrize("seed", range(2))
def test_random_changes_of_mariadb(
    mariadb_server: RunningServer, tmp_path: Path, seed: int
) -> None:
    rng = random.Random(seed)
    server = mariadb_server
    with on_mariadb(server) as ask:
        watched = Watched(server, tmp_path, lambda: superusers_of_mariadb(server, ask))
        for name in "abc":
            ask(f"CREATE USER ev_{name}@'%' IDENTIFIED BY 'word'")
        for number in range(4):
            ask(f"CREATE ROLE ev_r{number}")
        ask("GRANT ev_r3 TO ev_r2")
        ask("GRANT ev_r2 TO ev_r1")
        ask("GRANT ev_r1 TO ev_a@'%'")
        watched.sync()
        ask("GRANT SUPER ON *.* TO ev_r3")
        watched.sync()
        for _ in range(14):
            for _ in range(rng.randrange(5)):
                with suppress(pymysql.Error):
                    ask(step_of_mariadb(rng))
            watched.sync(is_forced=rng.random() < 0.2)
        watched.check()
        assert len(watched.wanted) > 8
        watched.bench.store.close()


def test_public_and_nobody_of_mariadb(mariadb_server: RunningServer, tmp_path: Path) -> None:
    with on_mariadb(mariadb_server) as ask:
        watched = Watched(mariadb_server, tmp_path, dict)
        ask("CREATE DATABASE ev_pay")
        try:
            watched.sync()
            ask("GRANT SELECT ON ev_pay.* TO PUBLIC")
            ask("CREATE USER ''@'ev.example'")
            ask("GRANT INSERT ON ev_pay.* TO ''@'ev.example'")
            found = {
                (item.account, item.subject)
                for item in watched.sync()
                if item.kind is EventKind.GRANTED_TO_EVERYONE
            }
            assert ("PUBLIC", "SELECT on database pattern ev_pay") in found
            assert ("''@'ev.example'", "INSERT on database pattern ev_pay") in found
        finally:
            with suppress(pymysql.Error):
                ask("REVOKE SELECT ON ev_pay.* FROM PUBLIC")
            with suppress(pymysql.Error):
                ask("DROP USER ''@'ev.example'")
            ask("DROP DATABASE ev_pay")
            watched.bench.store.close()
