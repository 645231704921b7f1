"""What we say an account may do equals what real PostgreSQL servers say it may.

A random world is made on a server, read by the account sync, and decided without the
server; then the server is asked, in one statement a kind of object, for every account,
object and privilege, with and without its grant option.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, Phase, given, note, settings

from sync_pipeline.engines.postgresql.access.rules import PostgreSqlAccess
from sync_pipeline.model.access import EVERYTHING, AccessWorld, Availability, EffectivePrivilege
from sync_pipeline.model.instance import EngineName
from sync_pipeline.model.privilege import Securable, SecurableKind
from sync_pipeline.model.snapshot import Snapshot
from sync_pipeline_tests.contract.postgresql_inquiries import RELATIONS, Oracle
from workbench.servers.postgresql_bench import NOW, PostgresBench, raw
from workbench.strategies.postgresql_access import (
    DATABASES,
    OBJECTS,
    World,
    worlds,
)
from workbench.strategies.postgresql_roles import quoted

pytestmark = pytest.mark.postgresql

K = SecurableKind
EXAMPLES = 5


def make(bench: PostgresBench, world: World) -> int:
    """Make a world on a server; return how many of its steps the server accepted."""
    accepted = 0
    bench.run(*world.roles, f"CREATE DATABASE {quoted(DATABASES[1])}", database="postgres")
    for database in DATABASES:
        bench.run(*OBJECTS, database=database)
    with bench.admin() as link:
        for membership in world.memberships:
            accepted += is_accepted(link, membership.text(bench.major))
    links = {database: bench.admin(database) for database in DATABASES}
    for step in world.steps:
        link = links[step.database]
        link.execute(raw(f"SET ROLE {quoted(step.by)}"))
        accepted += is_accepted(link, step.text)
        link.execute("RESET ROLE")
    for link in links.values():
        link.close()
    return accepted


def is_accepted(link: psycopg.Connection[tuple[Any, ...]], text: str) -> bool:
    try:
        link.execute(raw(text))
    except psycopg.Error as error:
        note(f"{text} -> {error}")
        return False
    note(text)
    return True


def world_of(snapshot: Snapshot) -> AccessWorld:
    return AccessWorld(
        "bench",
        EngineName.POSTGRESQL,
        snapshot.server.version,
        {account.name: account for account in snapshot.accounts},
        snapshot.sections,
        NOW,
    )


def without_system_roles(world: AccessWorld) -> AccessWorld:
    """Return the world as it is kept where the engine's own accounts are left out."""
    kept = {name: state for name, state in world.accounts.items() if not name.startswith("pg_")}
    return replace(world, accounts=kept)


def known_to(world: AccessWorld) -> list[Securable]:
    """Return what the tests ask about: the objects of the databases that they make."""
    found = {
        grant.securable: None
        for account in world.accounts.values()
        for grant in account.grants
        if grant.securable.database in ("", *DATABASES)
    }
    return list(found)


class Answers:
    """Our answers to all that a server was asked, each decided once."""

    def __init__(self, world: AccessWorld, oracle: Oracle) -> None:
        self.world = world
        self.oracle = oracle
        self.rules = PostgreSqlAccess(world)
        self.decisions = {
            (account, on, privilege): self.rules.decide(account, privilege, on)
            for account, on, privilege in oracle.asked
            if account in world.accounts
        }


def check_at_login(answers: Answers) -> None:
    """What is in force at login is what the server says."""
    for key, decision in answers.decisions.items():
        assert decision.is_allowed_at_login == (key in answers.oracle.granted), (key, decision)
        assert all(way.path[0].account == key[0] for way in decision.held)


def check_after_set_role(answers: Answers) -> None:
    """What SET ROLE adds is what the roles have that the server lets a session become."""
    oracle = answers.oracle
    sets = defaultdict(set)
    for database, member, role in oracle.roles("SET" if oracle.bench.major >= 16 else "MEMBER"):
        sets[database, member].add(role)
    for (account, on, privilege), decision in answers.decisions.items():
        if privilege != "CONNECT":
            roles = sets[on.database or DATABASES[0], account] | {account}
            expected = any((role, on, privilege) in oracle.granted for role in roles)
            assert decision.is_allowed == expected, (account, on, privilege, decision)


def check_roles(answers: Answers) -> None:
    """Membership is what pg_has_role says, in whichever database it says so."""
    oracle, decide = answers.oracle, answers.rules.decide
    modes = ["USAGE", "MEMBER", "MEMBER WITH ADMIN OPTION"]
    modes += ["SET"] if oracle.bench.major >= 16 else []
    names = [name for name in oracle.accounts if name != "public"]
    for mode in modes:
        expected = {(member, role) for _, member, role in oracle.roles(mode)}
        found = {
            (member, role)
            for member in names
            for role in names
            if decide(member, mode, Securable(K.PRINCIPAL, name=role)).is_allowed_at_login
        }
        assert found == expected, mode


def check_everything(answers: Answers) -> None:
    """What is listed for an account is what is decided for it, one by one."""
    listed: dict[str, dict[tuple[str, Securable], EffectivePrivilege]] = {
        account: {(e.privilege, e.securable): e for e in answers.rules.everything(account)}
        for account in answers.world.accounts
    }
    for (account, on, privilege), decision in answers.decisions.items():
        if privilege.endswith(" WITH GRANT OPTION"):
            continue
        entries = [listed[account].get(key) for key in covering(privilege, on)]
        # One who must set a role to become superuser has to CONNECT before that.
        late = privilege == "CONNECT" and not decision.is_allowed
        found = [e for e in entries if e and not (late and e.privilege == EVERYTHING)]
        at_login = any(entry.availability is Availability.AT_LOGIN for entry in found)
        detail = (account, on, privilege, found, decision)
        assert bool(found) == decision.is_allowed, detail
        assert at_login == decision.is_allowed_at_login, detail


def covering(privilege: str, on: Securable) -> Iterator[tuple[str, Securable]]:
    """Yield the entries that give a privilege: on it, its table, its kind, everything."""
    yield privilege, on
    yield privilege, Securable(on.kind)
    yield EVERYTHING, Securable(K.SERVER)
    if on.kind is K.COLUMN:
        for kind in RELATIONS:
            yield privilege, replace(on, kind=kind, column="")
            yield privilege, Securable(kind)


def check_without_system_roles(answers: Answers) -> None:
    """Where the engine's accounts are not kept, no answer is wrong without saying so."""
    for key, decision in answers.decisions.items():
        expected = key in answers.oracle.granted
        if decision.is_allowed_at_login != expected:
            assert expected, (key, decision)
            assert decision.unknown, (key, decision)


@pytest.fixture
def steps_accepted() -> Iterator[list[int]]:
    """Say at the end whether the random worlds were made at all."""
    counts: list[int] = []
    yield counts
    assert sum(counts) > 10 * len(counts), "nearly all that was planned was refused"


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    # A world takes a server a second: looking for a smaller one that fails takes minutes.
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(plan=worlds())
def test_decisions_equal_the_servers_own_answers(
    bench: PostgresBench, steps_accepted: list[int], plan: World
) -> None:
    bench.reset()
    bench.run("CREATE DATABASE bench", database="postgres")
    steps_accepted.append(make(bench, plan))
    snapshot = bench.collect()
    assert not snapshot.unread
    world = world_of(snapshot)
    oracle = Oracle(bench, tuple(world.accounts), known_to(world))
    oracle.ask()
    answers = Answers(world, oracle)
    check_at_login(answers)
    check_after_set_role(answers)
    check_roles(answers)
    check_everything(answers)
    check_without_system_roles(Answers(without_system_roles(world), oracle))
