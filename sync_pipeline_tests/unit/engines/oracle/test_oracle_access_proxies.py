"""What proxy users have, against a second, plain way to say it: one session or the other."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from sync_pipeline.engines.oracle.access.names import local_name
from sync_pipeline.engines.oracle.access.rules import OracleAccess
from sync_pipeline.engines.oracle.accounts.proxies import entry_of
from sync_pipeline.engines.oracle.names import account_name
from sync_pipeline.model.access import AccessWorld, Decision
from sync_pipeline.model.account import AccountKind, AccountState
from sync_pipeline.model.privilege import Grant, Securable, SecurableKind
from workbench.strategies.oracle_accounts import QUESTIONS, grant, user, world, worlds

few = settings(max_examples=40, deadline=None)


def through(client: AccountState, text: str) -> Grant:
    on = Securable(
        SecurableKind.ACCOUNT,
        client.database,
        name=local_name(client.name, client.database),
        catalog=client.database,
    )
    return Grant(on, text)


def changed(of: AccessWorld, *states: AccountState) -> AccessWorld:
    return replace(of, accounts={**of.accounts, **{state.name: state for state in states}})


def asked(of: AccessWorld, account: str) -> list[Decision]:
    rules, container = OracleAccess(of), of.accounts[account].database
    return [
        rules.decide(account, privilege, replace(on, database=container, catalog=container))
        for privilege, on in QUESTIONS
    ]


@few
@given(worlds(), st.data())
def test_a_proxy_has_what_it_has_or_what_the_other_has(
    of: AccessWorld, data: st.DataObject
) -> None:
    """Whatever limits the roles, it is what the other would have with those alone."""
    users = [item for item in of.accounts.values() if item.kind is AccountKind.USER]
    assume(users)
    proxy = data.draw(st.sampled_from(users))
    clients = [item for item in users if item.database == proxy.database and item != proxy]
    assume(clients)
    client = data.draw(st.sampled_from(clients))
    kept, text = data.draw(limits(client))
    alone = replace(client, memberships=kept)
    before, by_client = asked(of, proxy.name), asked(changed(of, alone), client.name)
    entering = replace(proxy, grants=(*proxy.grants, through(client, text)))
    after = changed(of, entering)
    for own, other, found in zip(before, by_client, asked(after, proxy.name), strict=True):
        assert found.is_allowed is (own.is_allowed or other.is_allowed), found
        expected = own.is_allowed_at_login or other.is_allowed_at_login
        assert found.is_allowed_at_login is expected
    for name in of.accounts:
        if name != proxy.name:
            assert asked(after, name) == asked(of, name)
    for item in OracleAccess(after).everything(proxy.name):
        again = OracleAccess(after).decide(proxy.name, item.privilege, item.securable)
        assert again.is_allowed


@st.composite
def limits(draw: st.DrawFn, client: AccountState) -> tuple[tuple[object, ...], str]:
    """Draw a clause, and the memberships that it leaves to the client."""
    whole = client.memberships
    clauses = [(whole, ""), ((), " WITH NO ROLES")]
    for item in whole:
        name = local_name(item.role, client.database)
        clauses.append(((item,), f" WITH ROLE {name}"))
        others = tuple(other for other in whole if other != item)
        clauses.append((others, f" WITH ROLE ALL EXCEPT {name}"))
    kept, clause = draw(st.sampled_from(clauses))
    return kept, f"CONNECT THROUGH{clause}"


def test_all_is_had_in_one_session_or_not_at_all() -> None:
    every = ("ALTER", "SELECT")
    joe = user("JOE", "ALTER on SEQUENCE HR.S")
    app = user("APP", "SELECT on SEQUENCE HR.S")
    both = replace(joe, grants=(*joe.grants, through(app, "CONNECT THROUGH")))
    on = Securable(SecurableKind.SEQUENCE, schema="HR", name="S")
    rules = OracleAccess(world(both, app))
    assert all(rules.decide("JOE", privilege, on).is_allowed for privilege in every)
    assert not rules.decide("JOE", "ALL", on).is_allowed
    whole = replace(app, grants=(*app.grants, grant("ALTER on SEQUENCE HR.S")))
    assert OracleAccess(world(both, whole)).decide("JOE", "ALL", on).is_allowed


def test_names_that_look_like_clauses_are_roles() -> None:
    entry = entry_of(
        ['CONNECT THROUGH WITH ROLE "ALL EXCEPT X"', "CONNECT THROUGH WITH ROLE ALL EXCEPT Y"]
    )
    assert entry.admits("ALL EXCEPT X")
    assert not entry.admits("Y")
    assert not entry.needs_password
    quoted = entry_of(['CONNECT THROUGH WITH ROLE "R AUTHENTICATION REQUIRED"'])
    assert quoted.admits("R AUTHENTICATION REQUIRED")
    assert not quoted.needs_password
    assert entry_of(["CONNECT THROUGH WITH NO ROLES AUTHENTICATION REQUIRED"]).needs_password


def test_a_client_with_an_odd_name_is_found_from_the_root_and_from_inside() -> None:
    for pdb in ("", "PDB1"):
        app = user("my app", "SELECT on TABLE HR.EMP", pdb=pdb)
        joe = user("JOE", pdb=pdb)
        joe = replace(joe, grants=(*joe.grants, through(app, "CONNECT THROUGH")))
        found = OracleAccess(world(joe, app)).decide(
            account_name("JOE", pdb), "SELECT", replace(EMP, database=pdb, catalog=pdb)
        )
        assert found.is_allowed
    stored = replace(user("X"), name='"my app"')
    joe = user("JOE")
    entering = replace(joe, grants=(*joe.grants, through(user("my app"), "CONNECT THROUGH")))
    rules = OracleAccess(world(entering, stored))
    assert rules.powers("JOE") == ()


EMP = Securable(SecurableKind.TABLE, schema="HR", name="EMP")
