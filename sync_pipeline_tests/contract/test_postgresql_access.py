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

from sync_pipeline.engines.postgresql.access import PostgreSqlAccess
from sync_pipeline.model.access import EVERYTHING, AccessWorld, Availability
from sync_pipeline.model.instance import EngineName
from sync_pipeline.model.privilege import Securable, SecurableKind
from sync_pipeline.model.snapshot import Snapshot
from sync_pipeline_tests.contract.postgresql_inquiries import RELATIONS, Oracle
from sync_pipeline_tests.servers.postgresql_bench import NOW, PostgresBench, raw
from sync_pipeline_tests.strategies.postgresql_access import (
    DATABASES,
    OBJECTS,
    World,
    worlds,
)
from sync_pipeline_tests.strategies.postgresql_roles import quoted

pytestmark = pytest.mark.postgresql

K = SecurableKind
EXAMPLES = 8


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


def option_of(privilege: str) -> tuple[str, bool]:
    bare = privilege.removesuffix(" WITH GRANT OPTION")
    return bare, bare != privilege


def check_at_login(rules: PostgreSqlAccess, oracle: Oracle) -> None:
    """What is in force at login is what the server says."""
    for key in oracle.asked:
        account, on, privilege = key
        decision = rules.decide(account, privilege, on)
        assert decision.is_allowed_at_login == (key in oracle.granted), (key, decision)


def check_after_set_role(rules: PostgreSqlAccess, oracle: Oracle) -> None:
    """What SET ROLE adds is what the roles have that the server lets a session become."""
    mode = "SET" if oracle.bench.major >= 16 else "MEMBER"
    sets = defaultdict(set)
    for database, member, role in oracle.roles(mode):
        sets[database, member].add(role)
    for account, on, privilege in oracle.asked:
        if privilege == "CONNECT":
            continue
        roles = sets[on.database or DATABASES[0], account] | {account}
        expected = any((role, on, privilege) in oracle.granted for role in roles)
        decision = rules.decide(account, privilege, on)
        assert decision.is_allowed == expected, (account, on, privilege, decision)


def check_roles(rules: PostgreSqlAccess, oracle: Oracle) -> None:
    """Membership is what pg_has_role says, in whichever database it says so."""
    modes = ["USAGE", "MEMBER", "MEMBER WITH ADMIN OPTION"]
    modes += ["SET"] if oracle.bench.major >= 16 else []
    names = [name for name in oracle.accounts if name != "public"]
    for mode in modes:
        expected = {(member, role) for _, member, role in oracle.roles(mode)}
        found = {
            (member, role)
            for member in names
            for role in names
            if rules.decide(member, mode, Securable(K.PRINCIPAL, name=role)).is_allowed_at_login
        }
        assert found == expected, mode


def check_everything(rules: PostgreSqlAccess, oracle: Oracle) -> None:
    """What is listed for an account is what is decided for it, one by one."""
    listed: dict[str, dict[tuple[str, Securable], Any]] = {
        account: {(e.privilege, e.securable): e for e in rules.everything(account)}
        for account in oracle.accounts
    }
    for account, on, privilege in oracle.asked:
        bare, option = option_of(privilege)
        if option:
            continue
        decision = rules.decide(account, bare, on)
        entries = [listed[account].get(key) for key in covering(bare, on)]
        # One who must set a role to become superuser has to CONNECT before that.
        late = bare == "CONNECT" and not decision.is_allowed
        found = [e for e in entries if e and not (late and e.privilege == EVERYTHING)]
        assert bool(found) == decision.is_allowed, (account, on, bare, found, decision)
        at_login = any(entry.availability is Availability.AT_LOGIN for entry in found)
        assert at_login == decision.is_allowed_at_login, (account, on, bare, found, decision)


def covering(privilege: str, on: Securable) -> Iterator[tuple[str, Securable]]:
    """Yield the entries that give a privilege: on it, its table, its kind, everything."""
    yield privilege, on
    yield privilege, Securable(on.kind)
    if on.kind is K.COLUMN:
        for kind in RELATIONS:
            yield privilege, replace(on, kind=kind, column="")
            yield privilege, Securable(kind)
    yield EVERYTHING, Securable(K.SERVER)


def check_without_system_roles(rules: PostgreSqlAccess, world: AccessWorld, oracle: Oracle) -> None:
    """Where the engine's accounts are not kept, no answer is wrong without saying so."""
    for account, on, privilege in oracle.asked:
        if account not in world.accounts:
            continue
        decision = rules.decide(account, privilege, on)
        expected = (account, on, privilege) in oracle.granted
        if decision.is_allowed_at_login != expected:
            assert expected, (account, on, privilege, decision)
            assert decision.unknown, (account, on, privilege, decision)


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
    rules = PostgreSqlAccess(world)
    oracle = Oracle(bench, tuple(world.accounts), known_to(world))
    oracle.ask()
    check_at_login(rules, oracle)
    check_after_set_role(rules, oracle)
    check_roles(rules, oracle)
    check_everything(rules, oracle)
    filtered = without_system_roles(world)
    check_without_system_roles(PostgreSqlAccess(filtered), filtered, oracle)
