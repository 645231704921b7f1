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
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from multiprocessing.context import ForkServerContext
from pathlib import Path
from typing import Any
from uuid import uuid4

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
from sync_pipeline.model.text import visible_start
from sync_pipeline.settings import Settings
from sync_pipeline.store.events.outbox_schema import outbox_messages
from sync_pipeline.store.store import Store
from sync_pipeline_tests.faults.news_model import State, Told, databases_told, made
from sync_pipeline_tests.faults.news_servers import (
    MEMBERSHIPS,
    PARAMETERS,
    PostgreSql,
    Server,
    mariadb,
    postgresql,
)
from workbench.running.fleet_syncs import NOWHERE, PLACES, Part, carry_out, sync_processes
from workbench.running.system import environment_of
from workbench.servers.inboxes import LONGEST_SILENCE, WebInbox, web_inbox
from workbench.servers.running import RunningServer

pytestmark = pytest.mark.long

STEPS = int(os.environ.get("SYNC_PIPELINE_TEST_FLEET_STEPS", "5"))
SEEDS = [int(one) for one in os.environ.get("SYNC_PIPELINE_TEST_FLEET_SEEDS", "18").split(",")]
BETWEEN = timedelta(minutes=30)
START = datetime(2026, 3, 1, 12, tzinfo=UTC)
AHEAD = timedelta(days=5) + STEPS * 2 * BETWEEN
"""The daemon's clock runs quickly: it begins after the last sync, so that it is never behind."""
PATIENCE = 600.0
NESTED = 4
"""Accounts of the chain that each server begins with: a root, and what is below it."""
HIDEABLE = (MEMBERSHIPS, PARAMETERS)
MOST_KINDS = 10
"""Of one line of a message."""
LONGEST = 100
"""Of a subject in a message."""
KINDS = (
    *("power_gained", "power_lost", "account_with_power", "granted_to_everyone"),
    *("finding_opened", "finding_worsened", "finding_resolved"),
    *("database_gone", "database_back"),
)
FAMILIES = {"account_with_power": "power"}
"""What several kinds are about, where the first word does not say it."""
RULES_ASKED = (
    *("superuser", "grant-admin", "dangerous-privilege", "grant-option"),
    *("no-password-expiry", "expired-active", "weak-authentication"),
)
"""The rules of findings that the model knows."""
EVERYBODY = ("public", "PUBLIC")
RULES = f"""
routes:
  security: {{channel: webhook, url: "env:FLEET_TEST_HOOK", most_lines: 100}}
rules:
  - match: {{event: [{", ".join(KINDS)}]}}
    routes: security
"""
Thing = tuple[str, str, str, str]
"""A family of kinds, an instance, an account and a subject."""
Happened = tuple[str, datetime]
"""What happened, and the moment of the sync that noticed it."""


def family_of(kind: str) -> str:
    return FAMILIES.get(kind, kind.partition("_")[0])


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
    wanted: dict[Thing, list[Happened]] = field(default_factory=lambda: defaultdict(list))
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
            if isinstance(server, PostgreSql) and server.may_hide and self.chance.random() < 0.3:
                server.turn(self.chance.choice(HIDEABLE))
            server.happen(self.chance)
            if self.chance.random() < (0.5 if server.is_away else 0.08):
                self.turn(server)

    def calm(self) -> None:
        """Let all be there and readable again, and sync it."""
        for server in self.servers:
            if server.is_away:
                self.turn(server)
            if isinstance(server, PostgreSql):
                server.show_all()
        self.sync(may_die=False)
        self.sync(may_die=False, category=SyncCategory.CAPACITY)

    def sync(
        self,
        meanwhile: Callable[[], None] = lambda: None,
        *,
        may_die: bool = True,
        dies_at: str = "",
        after: timedelta = BETWEEN,
        category: SyncCategory = SyncCategory.ACCOUNT,
    ) -> int:
        """Sync the fleet by one run, and by others after it while it is killed.

        Return how many events that makes.
        """
        self.now += after
        before = self.events()
        session_id = str(uuid4())
        run_id, kills = session_id, 0
        while True:
            new = NewSession(session_id, SyncType.SCHEDULED_TASK, category, "a_sync", run_id)
            self.store.sessions.open(new, self.store.registry.instances(), self.now)
            place = dies_at if dies_at and not kills else self.place(may_die and kills < 2)
            is_dead = self.run(new, run_id, place, meanwhile)
            assert may_die or not (failed := self.failed(session_id)), failed
            status = SessionStatus.FAILED if is_dead else SessionStatus.COMPLETED
            self.store.sessions.close_run(session_id, run_id, status, None, self.now)
            if not is_dead or (not dies_at and self.fate.random() < 0.3):
                return self.events() - before  # What a dead run left is for the next tick.
            kills += 1
            run_id = str(uuid4())
            self.now += timedelta(minutes=1)
            for server in self.servers:
                if not dies_at and self.fate.random() < 0.3:
                    server.happen(self.fate)

    def events(self) -> int:
        """Return how many events people should have heard of until now."""
        return sum(map(len, self.wanted.values()))

    def place(self, may_die: object) -> str:
        """Return where a run dies."""
        is_to_die = may_die and self.fate.random() < 0.4
        return self.fate.choice([*PLACES, "anywhere"]) if is_to_die else NOWHERE

    def run(self, new: NewSession, run_id: str, place: str, do: Callable[[], None]) -> bool:
        """Let a process carry a run out; return whether it was killed."""
        session_id = new.session_id
        done = self.completed(session_id)
        names = tuple(server.name for server in self.servers if server.name not in done)
        states = {item.name: (item.state(), item.listed()) for item in self.servers}
        part = Part(
            self.home, self.store_url, session_id, run_id, names, self.now, category=new.category
        )
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
        self.note(new.category, self.completed(session_id) - done, states)
        return is_dead

    def completed(self, session_id: str) -> set[str]:
        records = self.store.sessions.records(session_id)
        return {it.instance_name for it in records if it.status is RecordStatus.COMPLETED}

    def failed(self, session_id: str) -> list[tuple[str, str | None]]:
        """Return which servers that are there were not synced, and why."""
        away = {server.name for server in self.servers if server.is_away}
        return [
            (item.instance_name, item.error_message)
            for item in self.store.sessions.records(session_id)
            if item.status is not RecordStatus.COMPLETED and item.instance_name not in away
        ]

    def note(
        self,
        category: SyncCategory,
        names: set[str],
        states: Mapping[str, tuple[State, frozenset[str]]],
    ) -> None:
        """Note what the states before and now make, where a sync came to its end."""
        for server in self.servers:
            if server.name not in names:
                continue
            assert not server.is_away
            state, listed = states[server.name]
            if category is SyncCategory.ACCOUNT:
                if server.before is not None:
                    self.want(server, made(server.before, state))
                server.before = state
                server.keep()
                continue
            if server.databases is not None:
                known = server.known_databases
                self.want(server, databases_told(server.databases, listed, known))
            server.databases = listed
            server.known_databases |= listed

    def want(self, server: Server, told: Iterable[Told]) -> None:
        for kind, account, subject in told:
            thing = (family_of(kind), server.name, account, visible_start(subject, LONGEST))
            self.wanted[thing].append((kind, self.now))


def heard(web: WebInbox) -> dict[Thing, list[dict[str, Any]]]:
    """Return what arrived that is asked, each message once, in the order of the first time."""
    found: dict[Thing, list[dict[str, Any]]] = defaultdict(list)
    for post in {post["message_id"]: post for post in reversed(web.posted)}.values():
        assert post["events_count"] == len(post["events"])
        for event in filter(is_asked, post["events"]):
            family = family_of(event["kind"])
            thing = (family, event["instance"], event["account"], event["subject"])
            found[thing].append({**event, "place": web.posted.index(post)})
    return {
        thing: sorted(items, key=lambda item: int(item["place"])) for thing, items in found.items()
    }


def is_asked(event: Mapping[str, Any]) -> bool:
    """Return whether the model knows of such an event: of accounts and things of ours alone."""
    family, subject = family_of(event["kind"]), str(event["subject"])
    if family == "database":
        return subject.startswith("ev_")
    if family == "finding" and subject.partition(":")[0] not in RULES_ASKED:
        return False
    return "ev_" in event["account"] or event["account"] in EVERYBODY


def check(wanted: Mapping[Thing, list[Happened]], web: WebInbox) -> None:
    """Check that what arrived is what is wanted; several of one thing may come as one line."""
    assert differing(wanted, heard(web)) == []


def differing(
    wanted: Mapping[Thing, list[Happened]], found: Mapping[Thing, list[dict[str, Any]]]
) -> list[tuple[Thing, list[Happened], list[Any]]]:
    """Return each thing of which other things were told than happened."""
    return [
        (thing, wanted.get(thing, []), [lines_of(item) for item in found.get(thing, [])])
        for thing in sorted({*wanted, *found})
        if not is_told(wanted.get(thing, []), found.get(thing, []))
    ]


def lines_of(item: Mapping[str, Any]) -> tuple[list[str], int, str, str]:
    return item["kinds"], item["times"], item["first_at"], item["occurred_at"]


def is_told(happened: list[Happened], lines: list[dict[str, Any]]) -> bool:
    """Return whether lines tell what happened: each the next of it, and all of it together."""
    left = happened
    for item in lines:
        own, left = left[: item["times"]], left[item["times"] :]
        if len(own) < item["times"] or item["kinds"] != [kind for kind, _ in own][:MOST_KINDS]:
            return False
        ends = (own[0][1].isoformat(), own[-1][1].isoformat())
        if (item["first_at"], item["occurred_at"]) != ends:
            return False
    return not left


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
    gained = [thing for thing in world.wanted if thing[0] == "power"]
    assert len(gained) == 3 * NESTED
    daemon.dies_unanswered()
    for server in world.servers:
        server.ask(server.renames)
    world.sync(dies_at="ending")


def again_and_again(world: World) -> None:
    """Take and give again what somebody had, and make anew who had it: at once, and by and by."""
    for server in world.servers:
        server.do(*server.revokes, *server.grants, *server.drops, *server.makes)
    assert world.sync(may_die=False) == 0
    for server in world.servers:
        server.do(*server.revokes)
    assert world.sync(may_die=False) >= 2 * len(world.servers)
    for server in world.servers:
        server.do(*server.grants)
    assert world.sync(may_die=False) >= 2 * len(world.servers)
    for server in world.servers:
        server.do(*server.drops)
    assert world.sync(may_die=False) >= len(world.servers)
    for server in world.servers:
        server.do(*server.makes)
    assert world.sync(may_die=False) >= len(world.servers)


def away_for_a_day(world: World, server: Server) -> None:
    """Let nobody reach a server while who may do everything on it becomes another."""
    world.turn(server)
    server.do(*server.revokes)
    for _ in range(3):
        world.sync(after=timedelta(hours=8))
        server.happen(world.chance)
    world.turn(server)
    world.sync()


def unreadable_for_a_while(world: World, server: PostgreSql) -> None:
    """Let nobody see who is a member of what: that by itself is no news."""
    for table in HIDEABLE:
        server.turn(table)
    assert world.sync(may_die=False) == 0
    for statements in (server.drops, server.makes, server.revokes):
        server.do(*statements)
        world.sync(may_die=False)
    for table in HIDEABLE:
        server.turn(table)
    world.sync(may_die=False)


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
    if world.chance.random() < 0.3:
        world.sync(category=SyncCategory.CAPACITY)


def killed_after(daemon: Daemon, seconds: float) -> None:
    time.sleep(seconds)
    daemon.end()


@pytest.mark.parametrize("seed", SEEDS)
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
        hiding = held.enter_context(postgresql("pg-new", postgresql_server, "ev_monitor"))
        servers = [
            hiding,
            held.enter_context(postgresql("pg-old", older_postgresql_server)),
            held.enter_context(mariadb("maria", mariadb_server)),
        ]
        processes = held.enter_context(sync_processes())
        world = World(tmp_path, store, store_url, servers, processes, chance, fate)
        daemon = Daemon(tmp_path, store, store_url, web, fate)
        held.callback(daemon.end)
        world.register()
        world.sync(may_die=False)
        world.sync(may_die=False, category=SyncCategory.CAPACITY)
        through_nested_roles(world, daemon)
        again_and_again(world)
        unreadable_for_a_while(world, hiding)
        away_for_a_day(world, chance.choice(servers))
        for _ in range(STEPS):
            step(world, daemon)
        world.calm()
        daemon.finish()
    check(world.wanted, web)
    check_once(daemon)
    told = Counter(kind for items in world.wanted.values() for kind, _ in items)
    assert told.keys() <= set(KINDS)
    assert told.keys() >= set(KINDS[:3])
    assert sum(told.values()) > STEPS
    assert world.killed["ending"]
    assert web.unanswered
