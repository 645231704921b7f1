"""What people are told of a fleet is what its servers' own states make, whatever is killed.

Servers of PostgreSQL and MariaDB change at random for hours of their fleet's time. Runs of syncs
and the daemon that tells the news are processes of their own, which are killed again and again,
also while the channel keeps its answer back. What arrived is compared with what a plain model
makes of what the servers say of themselves before and after each sync that came to its end.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from multiprocessing.context import ForkServerContext
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pymysql
import pytest
from sqlalchemy import select

from sync_pipeline.fleet.secrets import SecretVault
from sync_pipeline.model.credential import StoredCredential
from sync_pipeline.model.instance import Instance, TlsMode, TlsOptions
from sync_pipeline.model.secret import Secret
from sync_pipeline.model.session import (
    NewSession,
    RecordStatus,
    SessionStatus,
    SyncCategory,
    SyncType,
)
from sync_pipeline.settings import Settings
from sync_pipeline.store.events.outbox_schema import outbox_messages
from sync_pipeline.store.store import Store
from sync_pipeline_tests.integration.test_events_of_servers import (
    PG_SUPERUSERS,
    POWERS,
    Ask,
    State,
    made,
    on_mariadb,
    on_postgresql,
    step_of_mariadb,
    step_of_postgresql,
    superusers_of_mariadb,
)
from workbench.running.fleet_syncs import NOWHERE, PLACES, Part, carry_out, sync_processes
from workbench.running.system import environment_of
from workbench.servers.inboxes import LONGEST_SILENCE, WebInbox, web_inbox
from workbench.servers.running import RunningServer

pytestmark = pytest.mark.long

STEPS = int(os.environ.get("SYNC_PIPELINE_TEST_FLEET_STEPS", "12"))
BETWEEN = timedelta(minutes=30)
START = datetime(2026, 3, 1, 12, tzinfo=UTC)
AHEAD = timedelta(days=3)
"""The daemon's clock runs quickly: it begins after the last sync, so that it is never behind."""
PATIENCE = 60.0
NESTED = 4
"""Accounts of the chain that each server begins with: a root, and what is below it."""
MEMBERSHIPS = "pg_catalog.pg_auth_members"
TO_FILES = {"pg_execute_server_program", "pg_write_server_files"}
"""Roles that may write whatever the server itself may."""
PG_EDGES = """
    SELECT m.rolname, r.rolname, a.set_option, a.inherit_option FROM pg_auth_members AS a
    JOIN pg_roles AS m ON m.oid = a.member JOIN pg_roles AS r ON r.oid = a.roleid
    ORDER BY 1, 2, 3, 4
"""
RULES = f"""
routes:
  security: {{channel: webhook, url: "env:FLEET_TEST_HOOK", most_lines: 100}}
rules:
  - match: {{event: [{", ".join(sorted(POWERS))}]}}
    routes: security
"""
Edge = tuple[str, str, bool, bool]
Told = tuple[str, datetime]
"""What happened, and the moment of the sync that noticed it."""
Thing = tuple[str, str, str]
"""An instance, an account and a power."""


def superusers(ask: Ask, edges: Sequence[Edge]) -> State:
    """Return who is a superuser by the roles as they are and these memberships."""
    flags: State = dict(ask("SELECT rolname, rolsuper FROM pg_roles"))

    def reached(name: str, option: int) -> set[str]:
        found, left = {name}, [name]
        while left:
            member = left.pop()
            new = {edge[1] for edge in edges if edge[0] == member and edge[option]} - found
            found |= new
            left += new
        return found

    def is_superuser(name: str) -> bool:
        by_set = reached(name, 2)
        return any(flags.get(role) for role in by_set) or bool(
            TO_FILES & (by_set | reached(name, 3))
        )

    return {name: is_superuser(name) for name in flags if name.startswith("ev_")}


@dataclass
class Server:
    """One server: what somebody does to it, and what it says of itself."""

    name: str
    running: RunningServer
    ask: Ask
    change: Callable[[random.Random], str]
    state: Callable[[], State]
    gives_power: str = "ALTER ROLE ev_a SUPERUSER"
    renames: str = "ALTER ROLE ev_a RENAME TO ev_h"
    is_away: bool = False
    before: State | None = None

    def happen(self, chance: random.Random) -> None:
        for _ in range(chance.randrange(4)):
            with suppress(psycopg.Error, pymysql.Error):
                self.ask(self.change(chance))

    def keep(self) -> None:
        """Note what a sync that came to its end could read."""


@dataclass
class Hiding(Server):
    """A PostgreSQL server that is read by a monitor, who can't see memberships for a while."""

    is_hidden: bool = False
    edges: list[Edge] = field(default_factory=list)

    def known(self) -> State:
        """Return it by the server's own functions, or by the memberships that were last read."""
        if self.is_hidden:
            return superusers(self.ask, self.edges)
        found: State = dict(self.ask(PG_SUPERUSERS))
        assert found == superusers(self.ask, self.ask(PG_EDGES))
        return found

    def changed(self, chance: random.Random) -> str:
        step = step_of_postgresql(chance)
        # A role that is gone takes its memberships along, read or not: that is not asked here.
        while self.is_hidden and ("DROP" in step or "RENAME" in step):
            step = step_of_postgresql(chance)
        return step

    def turn(self) -> None:
        """Hide the memberships, or show them again.

        They are hidden while the last sync knows each role by its name of now.
        """
        if not self.is_hidden and self.ask(PG_EDGES) != self.edges:
            return
        verb, to = ("GRANT", "TO") if self.is_hidden else ("REVOKE", "FROM")
        self.ask(f"{verb} SELECT ON {MEMBERSHIPS} {to} PUBLIC")
        self.is_hidden = not self.is_hidden

    def keep(self) -> None:
        if not self.is_hidden:
            self.edges = self.ask(PG_EDGES)


@contextmanager
def plain_postgresql(name: str, running: RunningServer) -> Iterator[Server]:
    with on_postgresql(running) as ask:
        begin_postgresql(ask)
        yield Server(name, running, ask, step_of_postgresql, lambda: dict(ask(PG_SUPERUSERS)))


@contextmanager
def hiding_postgresql(name: str, running: RunningServer) -> Iterator[Hiding]:
    with on_postgresql(running) as ask:
        ask("CREATE ROLE ev_monitor LOGIN PASSWORD 'word'")
        begin_postgresql(ask)
        seen_by = replace(running, admin_user="ev_monitor", admin_password="word")
        server = Hiding(name, seen_by, ask, step_of_postgresql, dict)
        server.change, server.state = server.changed, server.known
        try:
            yield server
        finally:
            if server.is_hidden:
                server.turn()


def begin_postgresql(ask: Ask) -> None:
    for letter in "abcdef":
        ask(f"CREATE ROLE ev_{letter} LOGIN")
    for one, two in ("ab", "bc", "cd"):
        ask(f"GRANT ev_{one} TO ev_{two}")


@contextmanager
def plain_mariadb(name: str, running: RunningServer) -> Iterator[Server]:
    with on_mariadb(running) as ask:
        for letter in "abc":
            ask(f"CREATE USER ev_{letter}@'%' IDENTIFIED BY 'word'")
        for number in range(4):
            ask(f"CREATE ROLE ev_r{number}")
        for one, two in (("ev_r3", "ev_r2"), ("ev_r2", "ev_r1"), ("ev_r1", "ev_a@'%'")):
            ask(f"GRANT {one} TO {two}")

        def state() -> State:
            return superusers_of_mariadb(running, ask)

        gives, renames = "GRANT SUPER ON *.* TO ev_r3", "RENAME USER ev_a@'%' TO ev_h@'%'"
        yield Server(name, running, ask, step_of_mariadb, state, gives, renames)


@dataclass
class Daemon:
    """The process that tells the news, again and again, and what it may have told twice."""

    home: Path
    store: Store
    store_url: str
    web: WebInbox
    chance: random.Random
    now: float = (START + AHEAD).timestamp()
    process: subprocess.Popen[str] | None = None
    doubtful: Counter[str] = field(default_factory=Counter)

    def start(self, place: str) -> None:
        self.now += 3600  # What a process that was killed kept others from is over.
        environment = {
            **environment_of(self.home),
            "SYNC_PIPELINE_STORE_URL": self.store_url,
            "SYNC_PIPELINE_ALERTS_FILE": str(self.home / "alerts.yaml"),
            "SYNC_PIPELINE_ALERT_OLDEST_HOURS": "8000",
            "FLEET_TEST_HOOK": self.web.url,
        }
        command = [sys.executable, "-m", "workbench.running.news_daemon", place, str(self.now)]
        self.process = subprocess.Popen(
            command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        )

    def look(self) -> None:
        """Start it again where it is dead."""
        if self.process is not None and self.process.poll() is not None:
            self.end()
        if self.process is None:
            places = ["nowhere"] * 4 + ["taking", "sending", "noting"]
            self.start(self.chance.choice(places))

    def end(self) -> None:
        """Kill it; what it posted last is what it may have had no answer of, or not noted."""
        if self.process is None:
            return
        self.process.kill()
        _, said = self.process.communicate(timeout=PATIENCE)
        assert self.process.returncode == -9, said
        self.process = None
        if self.web.posted and not self.web.is_silent:
            last = self.web.posted[-1]["message_id"]
            self.doubtful[last] += not self.is_noted(last)

    def is_noted(self, key: str) -> bool:
        with self.store._database.read() as connection:
            query = select(outbox_messages.c.sent_at).where(outbox_messages.c.message_key == key)
            return connection.scalar(query) is not None

    def is_unanswered(self) -> None:
        """Let the channel keep its answers back from now on."""
        self.web.released.clear()
        self.web.is_silent = True

    def dies_unanswered(self) -> None:
        """Kill it while the channel has its message and says nothing, where it sends one."""
        until = time.monotonic() + LONGEST_SILENCE
        keys = self.web.unanswered
        while self.is_at_work() and not (keys and keys[-1] == self.web.posted[-1]["message_id"]):
            assert time.monotonic() < until
            time.sleep(0.02)
        self.end()
        self.web.is_silent = False
        self.web.released.set()

    def is_at_work(self) -> bool:
        """Return whether it lives and has something to tell."""
        is_alive = self.process is not None and self.process.poll() is None
        return is_alive and not self.is_done()

    def is_done(self) -> bool:
        moment = START + timedelta(days=3000)
        states = self.store.outbox.states(moment)
        return self.store.outbox.is_idle(list(states), moment)

    def finish(self) -> None:
        """Let it tell all that is left."""
        self.end()
        self.start("nowhere")
        until = time.monotonic() + PATIENCE
        while not self.is_done():
            assert time.monotonic() < until
            time.sleep(0.05)
        self.end()


@dataclass
class World:
    """The fleet, its store, and what people should hear.

    What happens to the servers is left to `chance`, what is killed to `fate`: how quick the
    machine is says when a process dies, and changes nothing of the other.
    """

    home: Path
    store: Store
    store_url: str
    servers: Sequence[Server]
    processes: ForkServerContext
    chance: random.Random
    fate: random.Random
    now: datetime = START
    wanted: dict[Thing, list[Told]] = field(default_factory=lambda: defaultdict(list))
    killed: Counter[str] = field(default_factory=Counter)

    def register(self) -> None:
        vault = SecretVault.open(Settings(home=self.home, store_url=self.store_url))
        for item in self.servers:
            secret = vault.seal(Secret(item.running.admin_password))
            credential = StoredCredential(item.name, item.running.admin_user, secret)
            self.store.registry.put_credential(credential, self.now)
            self.put(item, item.running.port)

    def put(self, server: Server, port: int) -> None:
        running = server.running
        instance = Instance(
            id=0,
            name=server.name,
            engine=running.engine,
            host=running.host,
            port=port,
            credential=server.name,
            tls=TlsOptions(TlsMode.DISABLE),
            database=running.database or None,
        )
        self.store.registry.put_instances([instance], self.now)

    def turn(self, server: Server) -> None:
        """Let nobody reach a server, or let it be there again."""
        server.is_away = not server.is_away
        self.put(server, 1 if server.is_away else server.running.port)

    def shake(self) -> None:
        """Let somebody change each server, and some go and come."""
        for server in self.servers:
            if isinstance(server, Hiding) and self.chance.random() < 0.3:
                server.turn()
            server.happen(self.chance)
            if self.chance.random() < (0.5 if server.is_away else 0.08):
                self.turn(server)

    def calm(self) -> None:
        """Let all be there and readable again, and sync it."""
        for server in self.servers:
            if server.is_away:
                self.turn(server)
            if isinstance(server, Hiding) and server.is_hidden:
                server.turn()
        self.sync(may_die=False)

    def sync(
        self,
        meanwhile: Callable[[], None] = lambda: None,
        *,
        may_die: bool = True,
        dies_at: str = "",
    ) -> None:
        """Sync the fleet by one run, and by others after it while it is killed."""
        self.now += BETWEEN
        session_id = str(uuid4())
        run_id, kills = session_id, 0
        while True:
            new = NewSession(
                session_id, SyncType.SCHEDULED_TASK, SyncCategory.ACCOUNT, "account_sync", run_id
            )
            self.store.sessions.open(new, self.store.registry.instances(), self.now)
            place = dies_at if dies_at and not kills else self.place(may_die and kills < 2)
            is_dead = self.run(session_id, run_id, place, meanwhile)
            status = SessionStatus.FAILED if is_dead else SessionStatus.COMPLETED
            self.store.sessions.close_run(session_id, run_id, status, None, self.now)
            if not is_dead or (not dies_at and self.fate.random() < 0.3):
                return  # What a dead run left is for the next tick.
            kills += 1
            run_id = str(uuid4())
            self.now += timedelta(minutes=1)
            for server in self.servers:
                if self.fate.random() < 0.3:
                    server.happen(self.fate)

    def place(self, may_die: object) -> str:
        """Return where a run dies."""
        is_to_die = may_die and self.fate.random() < 0.4
        return self.fate.choice([*PLACES, "anywhere"]) if is_to_die else NOWHERE

    def run(self, session_id: str, run_id: str, place: str, do: Callable[[], None]) -> bool:
        """Let a process carry a run out; return whether it was killed."""
        done = self.completed(session_id)
        names = tuple(server.name for server in self.servers if server.name not in done)
        states = {item.name: item.state() for item in self.servers}
        part = Part(self.home, self.store_url, session_id, run_id, names, self.now)
        if place in PLACES:
            part = replace(part, place=place, after=self.fate.randrange(2))
        process = self.processes.Process(target=carry_out, args=(part,))
        process.start()
        do()
        if place == "anywhere":
            time.sleep(self.fate.random() * 0.5)
            process.kill()
        process.join(PATIENCE)
        assert process.exitcode in ((0,) if place == NOWHERE else (0, -9))
        is_dead = process.exitcode == -9
        process.close()
        if is_dead:
            self.killed[place] += 1
        self.note(self.completed(session_id) - done, states)
        return is_dead

    def completed(self, session_id: str) -> set[str]:
        records = self.store.sessions.records(session_id)
        return {it.instance_name for it in records if it.status is RecordStatus.COMPLETED}

    def note(self, names: set[str], states: Mapping[str, State]) -> None:
        """Note what the states before and now make, where a sync came to its end."""
        for server in self.servers:
            if server.name not in names:
                continue
            assert not server.is_away
            now = states[server.name]
            if server.before is not None:
                for kind, account in made(server.before, now):
                    thing = (server.name, account, "superuser")
                    self.wanted[thing].append((kind, self.now))
            server.before = now
            server.keep()


def heard(web: WebInbox) -> dict[Thing, list[dict[str, Any]]]:
    """Return what arrived of superusers, each message once, in the order of the first time."""
    found: dict[Thing, list[dict[str, Any]]] = defaultdict(list)
    for post in {post["message_id"]: post for post in reversed(web.posted)}.values():
        for event in post["events"]:
            if "superuser" in event["subject"] and "ev_" in event["account"]:
                thing = (event["instance"], event["account"], event["subject"])
                found[thing].append({**event, "place": web.posted.index(post)})
    return {
        thing: sorted(items, key=lambda item: int(item["place"])) for thing, items in found.items()
    }


def check(wanted: Mapping[Thing, list[Told]], web: WebInbox) -> None:
    """Check that what arrived is what is wanted; several of one thing may come as one line."""
    found = heard(web)
    kinds = {
        thing: [kind for item in items for kind in item["kinds"]] for thing, items in found.items()
    }
    assert kinds == {thing: [kind for kind, _ in told] for thing, told in wanted.items()}
    for thing, items in found.items():
        left = wanted[thing]
        for item in items:
            own, left = left[: item["times"]], left[item["times"] :]
            ends = (item["first_at"], item["occurred_at"])
            assert ends == (own[0][1].isoformat(), own[-1][1].isoformat()), thing


def check_once(daemon: Daemon) -> None:
    """Check that a message came twice only where its answer was lost, and then the same one."""
    posted = daemon.web.posted
    first = {post["message_id"]: post for post in reversed(posted)}
    for key, times in Counter(post["message_id"] for post in posted).items():
        assert times <= 1 + daemon.doubtful[key] + daemon.web.unanswered.count(key), key
    for post in posted:
        assert post["events"] == first[post["message_id"]]["events"]
    twice = Counter(post["message_id"] for post in posted)
    for key in daemon.web.unanswered:
        assert twice[key] >= 2


def through_nested_roles(world: World, daemon: Daemon) -> None:
    """Give the power to the root of each chain, and lose the answer to what is told of it.

    Then somebody who has it gets another name.
    """
    daemon.start("nowhere")
    for server in world.servers:
        server.ask(server.gives_power)
    daemon.is_unanswered()
    world.sync(may_die=False)
    assert len(world.wanted) == 3 * NESTED
    daemon.dies_unanswered()
    for server in world.servers:
        server.ask(server.renames)
    world.sync(dies_at="ending")


def step(world: World, daemon: Daemon) -> None:
    """Let half an hour pass on the fleet."""
    daemon.look()
    world.shake()
    what = world.fate.random()
    if what < 0.25:
        # While events come, or just after they came.
        pause = world.fate.random() * 0.4
        world.sync(lambda: killed_after(daemon, pause))
    elif what < 0.75:
        world.sync()
    else:
        daemon.is_unanswered()
        world.sync()
        daemon.dies_unanswered()


def killed_after(daemon: Daemon, seconds: float) -> None:
    time.sleep(seconds)
    daemon.end()


@pytest.mark.parametrize("seed", [18])
def test_what_is_told_is_what_the_servers_say(
    store: Store,
    store_url: str,
    postgresql_server: RunningServer,
    older_postgresql_server: RunningServer,
    mariadb_server: RunningServer,
    tmp_path: Path,
    seed: int,
) -> None:
    chance, fate = random.Random(seed), random.Random(seed + 1)
    (tmp_path / "alerts.yaml").write_text(RULES)
    with ExitStack() as held:
        web = held.enter_context(web_inbox())
        servers = [
            held.enter_context(hiding_postgresql("pg-new", postgresql_server)),
            held.enter_context(plain_postgresql("pg-old", older_postgresql_server)),
            held.enter_context(plain_mariadb("maria", mariadb_server)),
        ]
        processes = held.enter_context(sync_processes())
        world = World(tmp_path, store, store_url, servers, processes, chance, fate)
        daemon = Daemon(tmp_path, store, store_url, web, fate)
        held.callback(daemon.end)
        world.register()
        world.sync(may_die=False)
        through_nested_roles(world, daemon)
        for _ in range(STEPS):
            step(world, daemon)
        world.calm()
        daemon.finish()
    check(world.wanted, web)
    check_once(daemon)
    told = Counter(kind for items in world.wanted.values() for kind, _ in items)
    assert told.keys() == {str(kind) for kind in POWERS}
    assert sum(told.values()) > STEPS
    assert world.killed["ending"]
    assert web.unanswered
