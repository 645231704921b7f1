"""Who is said to be in use, on real servers: against a ledger of every login.

The time between samples is made up: what the servers count does not depend on it.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pymysql
import pytest

from sync_pipeline.collect.accounts import CollectScope, read_accounts
from sync_pipeline.collect.reading import AccountReading
from sync_pipeline.connect import Deadline, open_connection
from sync_pipeline.engines.base import Connection, Target
from sync_pipeline.engines.mysql_protocol.accounts import use as counters
from sync_pipeline.engines.mysql_protocol.accounts.names import account_name
from sync_pipeline.engines.postgresql.engine import PostgreSql
from sync_pipeline.model.use import KnownUse, Seen, UseMeans, UseSample, seen_since
from sync_pipeline.reconcile.use import observed
from sync_pipeline_tests.contract.mysql_family import Family
from workbench.servers import mariadb
from workbench.servers.postgresql_bench import PostgresBench
from workbench.servers.running import RunningServer

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
LONG_AGO = BEGIN - timedelta(days=1000)
ACCOUNTS = (
    *("'ann'@'%'", "'ann'@'127.0.0.1'", "'bob'@'%'", "'bob'@'127.0.0.0/255.255.255.0'"),
    *("'cid'@'127.%'", "'dee'@'localhost'", "''@'127.0.0.200'"),
)
LATER = ("'ann'@'127.0.0.5'", "'cid'@'127.0.0.1'", "'dee'@'%'")
CLIENTS = ("127.0.0.1", "127.0.0.5", "127.0.0.200", "127.9.0.1")
COUNTED = ("--performance-schema=ON",)


@dataclass
class Watched:
    """A server whose accounts are watched, and when each of them was used."""

    family: Family
    now: datetime = BEGIN
    known: KnownUse = field(default_factory=KnownUse)
    names: frozenset[str] = frozenset()
    ledger: list[tuple[str, datetime, datetime | None]] = field(default_factory=list)
    held: list[tuple[int, Any]] = field(default_factory=list)

    def login(self, user: str, client: str, *, is_held: bool = False) -> str | None:
        """Log in, and note which account that was; None: none lets it in."""
        server = self.family.server
        try:
            link = pymysql.connect(
                host=server.host,
                port=server.port,
                user=user,
                bind_address=client,
                ssl_disabled=True,
            )
        except pymysql.Error:
            return None
        with link.cursor() as cursor:
            cursor.execute("SELECT CURRENT_USER()")
            ((found,),) = cursor.fetchall()
        name = account_name(*str(found).rsplit("@", 1))
        self.ledger.append((name, self.now, None if is_held else self.now))
        if is_held:
            self.held.append((len(self.ledger) - 1, link))
        else:
            link.close()
        return name

    def release(self, *, by_server: bool = False) -> None:
        """End the sessions that are held open."""
        for number, link in self.held:
            name, begin, _ = self.ledger[number]
            self.ledger[number] = name, begin, self.now
            if not by_server:
                link.close()
        self.held = []
        self._settle()

    def _settle(self) -> None:
        """Wait until the server has noticed who is gone."""
        for _ in range(100):
            ((count,),) = self.family.rows(
                "SELECT COUNT(*) FROM information_schema.PROCESSLIST "
                "WHERE USER NOT IN ('root', 'system user', 'event_scheduler')"
            )
            if not count:
                return
            time.sleep(0.02)

    def reading(self) -> AccountReading:
        target = self.family.target()
        opener = self.family.opener(target, lambda connection: connection)
        scope = CollectScope(target.username)
        return read_accounts(self.family.engine, opener, scope, self.now)

    def sample(self) -> UseSample:
        reading = self.reading()
        assert isinstance(reading.use, UseSample), reading.use
        names = frozenset(state.name for state in reading.snapshot().accounts)
        new = observed(
            self.known,
            reading.use,
            self.now,
            returned=sorted(names - self.names) if self.names else (),
            have_moved=bool(self.names) and names != self.names,
        )
        self.names = names
        self.known = KnownUse(
            new.coverage,
            self.known.accounts if new.accounts is None else new.accounts,
            self.known.counters if new.counters is None else new.counters,
            new.marks,
            new.has_moved,
        )
        return reading.use

    def seen(self, name: str, since: datetime) -> Seen:
        return seen_since(self.known, name, since, self.now, LONG_AGO)

    def was_used(self, name: str, since: datetime) -> bool:
        return any(
            who == name and (end is None or end >= since) for who, _begin, end in self.ledger
        )

    def check(self, moments: list[datetime]) -> int:
        """Return of how many it is said that nobody used them, each of which is so."""
        count = 0
        for name in self.names:
            for since in moments:
                if since <= self.now and self.seen(name, since) is Seen.NO:
                    assert not self.was_used(name, since), (name, since, self.now)
                    count += 1
        return count


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that has just started is as one that has run for long: tests can't wait."""
    monkeypatch.setattr(counters, "_SHORTEST_UPTIME", -1)


@contextmanager
def accounts_of(family: Family) -> Iterator[None]:
    family.run(*(f"CREATE USER {name}" for name in ACCOUNTS))
    try:
        yield
    finally:
        family.run(*(f"DROP USER IF EXISTS {name}" for name in (*ACCOUNTS, *LATER)))


def play(watched: Watched, dice: random.Random, steps: int) -> int:
    """Do what people and administrators do, in any order; return how much was said of nobody."""
    family, moments, said = watched.family, [BEGIN], 0
    for _ in range(steps):
        watched.now += timedelta(minutes=dice.randint(1, 60))
        match dice.choice(["login"] * 6 + ["sample"] * 5 + ["wait"] * 3 + ["account"] + ["odd"]):
            case "login":
                user, client = (
                    dice.choice(["ann", "bob", "cid", "dee", "eve"]),
                    dice.choice(CLIENTS),
                )
                watched.login(user, client, is_held=dice.random() < 0.3)
            case "wait":
                watched.now += timedelta(hours=dice.randint(1, 60))
                watched.release()
            case "account":
                name = dice.choice(LATER)
                family.run(
                    f"DROP USER IF EXISTS {name}", *dice.choice([(), (f"CREATE USER {name}",)])
                )
            case "odd":
                family.run(
                    dice.choice(
                        [
                            "TRUNCATE performance_schema.accounts",
                            "TRUNCATE performance_schema.events_waits_history_long",
                            "FLUSH STATUS",
                        ]
                    )
                )
            case _:
                watched.sample()
                moments.append(watched.now)
                said += watched.check([*moments, *(it + timedelta(hours=30) for it in moments)])
    watched.release()
    return said


@pytest.mark.usefixtures("at_once")
def test_nobody_who_logged_in_is_said_not_to_have_over_restarts(tmp_path: Path) -> None:
    found = mariadb.installation()
    assert found is not None
    dice, said = random.Random(7), 0
    directory = tmp_path / "server"
    with ExitStack() as stack:
        server = stack.enter_context(mariadb.run_mariadb(found, directory, COUNTED))
        watched = Watched(Family(server))
        watched.family.run(*(f"CREATE USER {name}" for name in ACCOUNTS))
        for _ in range(4):
            said += play(watched, dice, 60)
            stack.close()
            watched.now += timedelta(hours=1)
            time.sleep(1.1)  # starts are told apart by the second
            server = stack.enter_context(mariadb.serve(found, directory, COUNTED))
            watched.family = Family(server)
    assert watched.known.coverage is not None
    assert watched.known.coverage.restarts == 3
    assert said, "of some it is known"


@pytest.mark.usefixtures("at_once")
def test_nobody_who_logged_in_to_mysql_is_said_not_to_have(mysql_server: RunningServer) -> None:
    family = Family(mysql_server)
    with accounts_of(family):
        watched = Watched(family)
        assert sum(play(watched, random.Random(seed), 60) for seed in range(3))


@pytest.mark.usefixtures("at_once")
def test_a_login_between_samples_shows_and_one_that_was_refused_too(
    mysql_server: RunningServer,
) -> None:
    family = Family(mysql_server)
    with accounts_of(family):
        watched = Watched(family)
        family.run("ALTER USER 'bob'@'%' IDENTIFIED BY 'secret'")
        sample = watched.sample()
        assert (sample.means, sample.is_whole, sample.note) == (UseMeans.COUNTER, True, "")
        watched.now += timedelta(days=1)
        since = watched.now
        assert watched.login("ann", "127.0.0.1") == "'ann'@'127.0.0.1'"
        assert watched.login("bob", "127.9.0.1") is None
        for _ in range(4):
            watched.now += timedelta(days=1)
            watched.sample()
        later = since + timedelta(days=1)
        assert watched.seen("'ann'@'127.0.0.1'", later) is Seen.YES
        assert watched.known.of("'ann'@'127.0.0.1'").by is UseMeans.COUNTER
        # MySQL counts it as it does any other: nobody is said to be unused by it.
        assert watched.known.of("'bob'@'%'").by is UseMeans.COUNTER
        assert watched.known.of("'cid'@'127.%'").last_at is None


def test_without_counters_there_are_sessions_and_a_note(family_server: Family) -> None:
    """MariaDB's default: performance_schema is off."""
    with accounts_of(family_server):
        watched = Watched(family_server)
        watched.login("ann", "127.0.0.1", is_held=True)
        sample = watched.sample()
        assert sample.means is UseMeans.SESSION
        assert not sample.is_whole
        assert "performance_schema is off" in sample.note
        assert watched.known.of("'ann'@'127.0.0.1'").by is UseMeans.SESSION
        assert watched.known.of("'bob'@'%'").last_at is None
        watched.release()


@pytest.fixture
def family_server(mariadb_server: RunningServer) -> Family:
    return Family(mariadb_server)


def test_user_statistics_prove_logins_and_nothing_else(family_server: Family) -> None:
    family_server.run("SET GLOBAL userstat = 1")
    try:
        with accounts_of(family_server):
            watched = Watched(family_server)
            family_server.run("CREATE USER gus")
            watched.sample()
            watched.login("gus", "127.0.0.1")
            watched.login("bob", "127.0.0.1")
            watched.now += timedelta(days=1)
            sample = watched.sample()
            assert sample.means is UseMeans.COUNTER
            assert not sample.is_whole
            # An account without a name takes whom no other takes, from one address.
            assert watched.known.of("'gus'@'%'").maybe_at == watched.now
            assert watched.known.of("'bob'@'%'").last_at is None
            assert watched.known.of("'bob'@'%'").maybe_at == watched.now
            family_server.run("DROP USER ''@'127.0.0.200'")
            watched.login("gus", "127.0.0.1")
            watched.now += timedelta(days=1)
            watched.sample()
            assert watched.known.of("'gus'@'%'").by is UseMeans.COUNTER
    finally:
        family_server.run("SET GLOBAL userstat = 0", "DROP USER IF EXISTS gus")


def test_an_account_that_may_not_read_the_counters_costs_a_note(
    mysql_family_server: RunningServer,
) -> None:
    family = Family(mysql_family_server)
    script = family.engine.grants_script("mon", "%", ())
    family.run(*script.replace("<password>", "x").splitlines())
    try:
        target = family.target("mon", "x")

        def use() -> UseSample | str | None:
            opener = family.opener(target, lambda connection: connection)
            reading = read_accounts(family.engine, opener, CollectScope("mon"), BEGIN)
            assert reading.warnings == []
            return reading.use

        sample = use()
        assert isinstance(sample, UseSample)
        assert sample.means is UseMeans.SESSION
        assert sample.own == "'mon'@'%'"
        assert sample.own in {item.account for item in sample.sightings}
        if family.is_mysql:
            assert "GRANT SELECT ON performance_schema.accounts TO 'mon'@'%';" in sample.note
            family.run("GRANT SELECT ON performance_schema.accounts TO 'mon'@'%'")
            counted = use()
            assert isinstance(counted, UseSample)
            assert (counted.means, counted.note) == (UseMeans.COUNTER, "")
        family.run("REVOKE ALL PRIVILEGES, GRANT OPTION FROM 'mon'@'%'")
        family.run(*(line for line in script.splitlines() if line.startswith("GRANT SELECT ON")))
        if not family.is_mysql:
            refused = use()
            assert isinstance(refused, str)
            assert "GRANT PROCESS ON *.* TO 'mon'@'%';" in refused
    finally:
        family.run("DROP USER 'mon'@'%'")


def opened(bench: PostgresBench, target: Target) -> Any:
    @contextmanager
    def opener(database: str | None) -> Iterator[Connection]:
        deadline = Deadline(target.instance.timeouts.total_seconds)
        with open_connection(PostgreSql(), target, deadline, database) as connection:
            yield connection

    return opener


def postgresql_use(bench: PostgresBench, username: str) -> UseSample:
    target = bench.target(username)
    scope = CollectScope(username, object_detail=False)
    found = read_accounts(PostgreSql(), opened(bench, target), scope, BEGIN).use
    assert isinstance(found, UseSample), found
    return found


def test_who_has_a_session_is_seen_by_any_account(bench: PostgresBench) -> None:
    bench.run(
        "CREATE ROLE mon LOGIN",
        'CREATE ROLE "Ann ""x""" LOGIN',
        "CREATE ROLE bob LOGIN",
        'GRANT bob TO "Ann ""x"""',
    )
    server = bench.server
    with psycopg.connect(
        host=server.host, port=server.port, user='Ann "x"', dbname="bench", autocommit=True
    ) as link:
        link.execute("SET ROLE bob")
        for grant in ("", "GRANT pg_monitor TO mon"):
            if grant:
                bench.run(grant)
            sample = postgresql_use(bench, "mon")
            assert sample.means is UseMeans.SESSION
            assert not sample.is_whole
            assert sample.own == "mon"
            assert {item.account for item in sample.sightings} == {"mon", 'Ann "x"'}
            assert bool(sample.note) is not bool(grant)
            assert int(sample.marks.started) > 0
            assert not sample.note or 'GRANT pg_read_all_stats TO "mon";' in sample.note
