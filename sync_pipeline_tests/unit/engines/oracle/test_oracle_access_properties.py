"""What holds of Oracle's access rules for every world of accounts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from sync_pipeline.engines.oracle.access.rules import OracleAccess
from sync_pipeline.engines.oracle.names import account_name
from sync_pipeline.model.access import AccessWorld, Availability, Decision, Path, PowerKind
from sync_pipeline.model.account import AccountKind, AccountState
from sync_pipeline.model.privilege import Grant, Membership, Securable
from workbench.strategies.oracle_accounts import (
    GRANTS,
    QUESTIONS,
    ROLES,
    grant,
    has,
    on,
    worlds,
)

few = settings(max_examples=25, deadline=None)
"""Each example asks hundreds of questions."""

Answers = dict[tuple[str, str, Securable], Decision]
SECURED = {"PASSWORD", "APPLICATION"}


def located(securable: Securable, container: str) -> Securable:
    return replace(securable, database=container, catalog=container)


def answers(world: AccessWorld) -> Answers:
    rules = OracleAccess(world)
    return {
        (name, privilege, on_): rules.decide(name, privilege, on_)
        for name, state in world.accounts.items()
        for privilege, securable in QUESTIONS
        for on_ in [located(securable, state.database)]
    }


def changed(world: AccessWorld, state: AccountState) -> AccessWorld:
    return replace(world, accounts={**world.accounts, state.name: state})


def assert_no_access_is_lost(before: Answers, after: Answers) -> None:
    for question, decision in before.items():
        if decision.is_allowed:
            assert after[question].is_allowed, question
        if decision.is_allowed_at_login:
            assert after[question].is_allowed_at_login, question


@few
@given(worlds(), st.data())
def test_a_grant_adds_access_and_its_end_adds_none(world: AccessWorld, data: st.DataObject) -> None:
    state = world.accounts[data.draw(st.sampled_from(sorted(world.accounts)))]
    added = grant(data.draw(st.sampled_from(GRANTS)), state.database)
    without = replace(state, grants=tuple(item for item in state.grants if item != added))
    with_it = replace(state, grants=(*without.grants, added))
    assert_no_access_is_lost(answers(changed(world, without)), answers(changed(world, with_it)))


@few
@given(worlds(), st.data())
def test_a_role_adds_access_and_its_end_adds_none(world: AccessWorld, data: st.DataObject) -> None:
    state = world.accounts[data.draw(st.sampled_from(sorted(world.accounts)))]
    default = data.draw(st.booleans())
    added = has(data.draw(st.sampled_from(ROLES)), default=default, pdb=state.database)
    if added.role == state.name:
        return
    kept = tuple(item for item in state.memberships if item.role != added.role)
    without = replace(state, memberships=kept)
    with_it = replace(state, memberships=(*kept, added))
    assert_no_access_is_lost(answers(changed(world, without)), answers(changed(world, with_it)))


@few
@given(worlds())
def test_every_user_has_what_public_has(world: AccessWorld) -> None:
    found = answers(world)
    for (name, privilege, securable), decision in found.items():
        state = world.accounts[name]
        if state.kind is not AccountKind.USER:
            continue
        of_public = found[account_name("PUBLIC", state.database), privilege, securable]
        if of_public.is_allowed:
            assert decision.is_allowed
        if of_public.is_allowed_at_login:
            assert decision.is_allowed_at_login


@few
@given(worlds(), st.integers())
def test_order_never_counts(world: AccessWorld, seed: int) -> None:
    random = Random(seed)

    def shuffled(items: tuple[object, ...]) -> tuple[object, ...]:
        return tuple(random.sample(items, len(items)))

    other = replace(
        world,
        accounts={
            name: replace(
                world.accounts[name],
                grants=shuffled(world.accounts[name].grants),
                memberships=shuffled(world.accounts[name].memberships),
            )
            for name in shuffled(tuple(world.accounts))
        },
    )
    assert answers(world) == answers(other)
    rules, others = OracleAccess(world), OracleAccess(other)
    for name in world.accounts:
        assert rules.powers(name) == others.powers(name)
        assert rules.everything(name) == others.everything(name)


def assert_real(world: AccessWorld, path: Path) -> None:
    """Every step is a membership of the one before it, or PUBLIC after a user."""
    for before, after in pairwise(path):
        state = world.accounts[before.account]
        roles = {item.role for item in state.memberships}
        if after.how == "everyone":
            assert state.kind is AccountKind.USER
            assert after.account == account_name("PUBLIC", state.database)
        else:
            assert after.account in roles


@few
@given(worlds())
def test_every_path_is_a_chain_of_memberships_that_ends_in_a_grant(world: AccessWorld) -> None:
    for (name, _, securable), decision in answers(world).items():
        container = world.accounts[name].database
        for item in decision.held:
            assert item.path[0].account == name
            assert_real(world, item.path)
            last = item.path[-1].account
            held = world.accounts[last].grants if last in world.accounts else ()
            if item.source == "owner":
                assert len(item.path) == 1
                assert account_name(securable.schema, container) == name
            elif item.source == "superuser":
                is_sysdba = any(one.privilege == "SYSDBA" for one in held)
                named = {account_name("SYS", container), account_name("DBA", container)}
                assert last in named or is_sysdba
            else:
                assert item.source in {str(one) for one in held}


def chains(world: AccessWorld, account: str, *, at_login: bool) -> Iterator[str]:
    """Yield all that an account holds the privileges of: written the plain way."""
    yield account
    state = world.accounts.get(account)
    if state is None:
        return
    if state.kind is AccountKind.USER:
        yield from chains(world, account_name("PUBLIC", state.database), at_login=at_login)
    for membership in state.memberships:
        if not at_login or is_active(world, state, membership):
            yield from chains(world, membership.role, at_login=at_login)


def is_active(world: AccessWorld, state: AccountState, membership: Membership) -> bool:
    role = world.accounts.get(membership.role)
    secured = role is not None and dict(role.attributes)["authentication_type"] in SECURED
    return not secured and (state.kind is AccountKind.ROLE or membership.default is True)


@few
@given(worlds())
def test_a_system_privilege_is_held_exactly_through_the_chains_of_roles(
    world: AccessWorld,
) -> None:
    rules = OracleAccess(world)
    for name, state in world.accounts.items():
        for at_login in (True, False):
            held = set(chains(world, name, at_login=at_login))
            expected = any(is_everything_or(world, holder, "CREATE TABLE") for holder in held)
            decision = rules.decide(name, "CREATE TABLE", on("server", state.database))
            found = decision.is_allowed_at_login if at_login else decision.is_allowed
            assert found == expected


def is_everything_or(world: AccessWorld, holder: str, privilege: str) -> bool:
    names = {account_name(name, pdb) for pdb in ("", "PDB1") for name in ("SYS", "DBA")}
    grants: tuple[Grant, ...] = world.accounts[holder].grants if holder in world.accounts else ()
    return holder in names or bool({"SYSDBA", privilege} & {item.privilege for item in grants})


@few
@given(worlds())
def test_dba_by_any_chain_is_a_superuser(world: AccessWorld) -> None:
    rules = OracleAccess(world)
    for name, state in world.accounts.items():
        dba = account_name("DBA", state.database)
        for at_login in (True, False):
            if dba in chains(world, name, at_login=at_login):
                whole = rules.decide(name, "ALL", on("server", state.database))
                assert whole.is_allowed_at_login if at_login else whole.is_allowed
                powers = [p for p in rules.powers(name) if p.kind is PowerKind.SUPERUSER]
                assert powers
                if at_login:
                    assert powers[0].availability is Availability.AT_LOGIN


@few
@given(worlds())
def test_powers_have_real_paths(world: AccessWorld) -> None:
    rules = OracleAccess(world)
    for name in world.accounts:
        for power in rules.powers(name):
            assert power.path[0].account == name
            assert_real(world, power.path)


@few
@given(worlds())
def test_all_that_is_listed_is_decided_so(world: AccessWorld) -> None:
    rules = OracleAccess(world)
    for name in world.accounts:
        for item in rules.everything(name):
            decision = rules.decide(name, item.privilege, item.securable)
            assert decision.is_allowed
            if item.availability is Availability.AT_LOGIN:
                assert decision.is_allowed_at_login


@few
@given(worlds())
def test_nothing_is_in_force_in_another_container(world: AccessWorld) -> None:
    rules = OracleAccess(world)
    for name, state in world.accounts.items():
        for privilege, securable in QUESTIONS:
            for container in {"", "PDB1", "PDB2"} - {state.database}:
                assert not rules.decide(name, privilege, located(securable, container)).is_allowed
