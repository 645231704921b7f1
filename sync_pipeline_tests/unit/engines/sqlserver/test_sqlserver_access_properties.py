"""What holds in every world of SQL Server principals, grants and denies."""

from __future__ import annotations

import random
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from sync_pipeline.engines.access.links import reach
from sync_pipeline.engines.sqlserver.access.rules import SqlServerAccess
from sync_pipeline.engines.sqlserver.names import split_account
from sync_pipeline.model.access import AccessWorld, EffectivePrivilege
from sync_pipeline.model.account import AccountState
from workbench.strategies.sqlserver_worlds import (
    LOGINS,
    PERMISSIONS,
    TARGETS,
    membership_lines,
    on,
    permit_lines,
    who,
    world,
    world_lines,
    world_of,
)

FEW = settings(max_examples=40, deadline=None)
ASKED = tuple(map(who, (*LOGINS, "ops", "sales.ann", "sales.eve", "sales.readers", "hr.bob")))
QUESTIONS = tuple(
    (permission, on(target))
    for target in TARGETS
    for permission in PERMISSIONS[target.partition(" ")[0]]
)
DOORS = (
    "grant CONNECT on DATABASE sales to sales.guest",
    "grant CONTROL on DATABASE sales to sales.guest",
    "grant CONNECT ANY DATABASE on SERVER",
    "grant CONTROL SERVER on SERVER",
)
"""Grants that let a login into a database, where denies to guest or public wait for it."""

Answers = set[tuple[str, int]]


def answers(text: list[str]) -> Answers:
    rules = SqlServerAccess(world(";".join(text)))
    return {
        (account, number)
        for account in ASKED
        for number, (permission, securable) in enumerate(QUESTIONS)
        if rules.decide(account, permission, securable).is_allowed
    }


@FEW
@given(world_lines(), permit_lines("deny"))
def test_adding_a_deny_never_adds_access(lines: list[str], deny: str) -> None:
    assert answers([*lines, deny]) <= answers(lines)


@FEW
@given(world_lines(), permit_lines("grant"))
def test_adding_a_grant_never_removes_access(lines: list[str], grant: str) -> None:
    if not grant.startswith(DOORS):
        assert answers([*lines, grant]) >= answers(lines)


@FEW
@given(world_lines(), membership_lines)
def test_removing_a_membership_adds_access_only_where_it_carried_a_deny(
    lines: list[str], membership: str
) -> None:
    before = world(";".join([*lines, membership]))
    role = who(membership.split()[2])
    if not _carries_a_deny(before, role):
        assert answers(lines) <= answers([*lines, membership])


def _carries_a_deny(of: AccessWorld, role: str) -> bool:
    """Return whether a role leads to a deny, or to a door behind which there may be one."""
    reached = _reached(of, role)
    grants = [grant for name in reached for grant in _state(of, name).grants]
    return (
        any(grant.deny for grant in grants)
        or any(split_account(name)[1] == "db_denydatareader" for name in reached)
        or any(grant.privilege in ("CONNECT ANY DATABASE", "CONTROL SERVER") for grant in grants)
    )


def _state(of: AccessWorld, name: str) -> AccountState:
    return of.accounts.get(name) or replace(
        of.accounts["public"], name=name, grants=(), memberships=()
    )


def _reached(of: AccessWorld, name: str) -> set[str]:
    return set(reach(name, lambda here: [(m.role, "member") for m in _state(of, here).memberships]))


@FEW
@given(world_lines())
def test_a_member_of_sysadmin_is_never_denied(lines: list[str]) -> None:
    rules = SqlServerAccess(world(";".join([*lines, "member ann ops", "member ops sysadmin"])))
    for permission, securable in QUESTIONS:
        decision = rules.decide("ann", permission, securable)
        assert decision.is_allowed
        assert not decision.denied
        assert not decision.unknown


@FEW
@given(world_lines(), st.randoms(use_true_random=False))
def test_the_order_of_a_snapshot_does_not_matter(lines: list[str], chance: random.Random) -> None:
    one = world(";".join(lines))
    other = world_of(_shuffled(one, chance))
    rules, again = SqlServerAccess(one), SqlServerAccess(other)
    for account in ASKED:
        assert rules.everything(account) == again.everything(account)
        assert rules.powers(account) == again.powers(account)
        for permission, securable in QUESTIONS:
            ways = rules.decide(account, permission, securable)
            assert ways == again.decide(account, permission, securable)


def _shuffled(of: AccessWorld, chance: random.Random) -> list[AccountState]:
    states = [
        replace(
            state,
            grants=tuple(chance.sample(state.grants, len(state.grants))),
            memberships=tuple(chance.sample(state.memberships, len(state.memberships))),
        )
        for state in of.accounts.values()
    ]
    chance.shuffle(states)
    return states


@FEW
@given(world_lines())
def test_every_path_is_a_chain_of_the_world_that_ends_in_what_gives_the_right(
    lines: list[str],
) -> None:
    of = world(";".join(lines))
    rules = SqlServerAccess(of)
    for account in ASKED:
        for permission, securable in QUESTIONS:
            for held in rules.decide(account, permission, securable).held:
                assert held.path[0].account == account
                _check_steps(of, held)
                _check_end(of, held)


def _check_steps(of: AccessWorld, held: EffectivePrivilege) -> None:
    for here, there in zip(held.path, held.path[1:], strict=False):
        before, after = _state(of, here.account), _state(of, there.account)
        database, name = split_account(after.name)
        match there.how:
            case "member":
                assert any(m.role == after.name for m in before.memberships)
            case "user":
                assert dict(after.attributes)["login"] == before.name
            case "every login":
                assert after.name == "public"
            case "every user":
                assert database
                assert name == "public"
            case "has no user":
                assert name == "guest"
                assert any(grant.privilege == "CONNECT" for grant in after.grants)
            case "owner of the database":
                owned = [g.securable.database for g in before.grants if g.privilege == "OWNER"]
                assert database in owned
                assert name == "dbo"
            case "sysadmin is dbo":
                assert before.name == "sysadmin"
            case other:
                raise AssertionError(other)


def _check_end(of: AccessWorld, held: EffectivePrivilege) -> None:
    last = _state(of, held.path[-1].account)
    source = held.source.partition(", except ")[0]
    name = split_account(last.name)[1]
    if source == "superuser":
        assert name == "sysadmin"
    elif source == "dbo":
        assert name == "dbo"
    elif source.startswith("fixed role "):
        assert name == source.removeprefix("fixed role ")
    else:
        given_here = {
            f"owner of {grant.securable}"
            if grant.privilege == "OWNER"
            else f"{grant.privilege} on {grant.securable}"
            for grant in last.grants
            if not grant.deny
        }
        assert source in given_here


@FEW
@given(world_lines())
def test_everything_lists_what_decide_allows_of_what_is_granted(lines: list[str]) -> None:
    of = world(";".join(lines))
    rules = SqlServerAccess(of)
    for account in ASKED:
        listed = {(item.privilege, item.securable): item for item in rules.everything(account)}
        if ("ALL", on("SERVER")) in listed:
            assert len(listed) == 1
            continue
        for (permission, securable), item in listed.items():
            assert rules.decide(account, permission, securable).held[0] == item
        for name in _reached(of, account):
            for grant in _state(of, name).grants:
                if grant.deny or grant.privilege == "OWNER":
                    continue
                allowed = rules.decide(account, grant.privilege, grant.securable).is_allowed
                assert ((grant.privilege, grant.securable) in listed) == allowed


@FEW
@given(world_lines())
def test_ring_of_roles_ends_and_powers_begin_at_the_account(lines: list[str]) -> None:
    ring = ["member sales.readers sales.writers", "member sales.writers sales.readers"]
    rules = SqlServerAccess(world(";".join([*lines, *ring])))
    for account in ASKED:
        for power in rules.powers(account):
            assert power.path[0].account == account
            assert power.source
