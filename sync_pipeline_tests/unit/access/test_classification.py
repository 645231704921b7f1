"""Class expressions: the file's meaning equals a naive reading of it."""

from __future__ import annotations

import re
from typing import Any

import yaml
from hypothesis import given
from hypothesis import strategies as st

from sync_pipeline.access.classification.classes import count, members
from sync_pipeline.access.classification.file import parse_classes
from sync_pipeline.access.classification.subject import Population
from sync_pipeline.access.judged import Judged
from sync_pipeline.engines.access.contract import dangers
from sync_pipeline.model.account import AccountKind, AccountState
from sync_pipeline.model.classification import Capability
from sync_pipeline.model.instance import EngineName, Instance
from sync_pipeline.model.privilege import Grant, Membership
from workbench.strategies.simple_access import (
    NAMES,
    PUBLIC,
    SERVER,
    account,
    judged,
    table,
    worlds,
)

INSTANCE = Instance(
    1, "db", EngineName.POSTGRESQL, "h", 1, "c", tags=("team=a", "tier=1"), environment="prod"
)
SELECT = Grant(table("orders"), "SELECT")

patterns = st.sampled_from(["%", "al%", "_ob", "readers", "pub%", "team=%", "prod", "db", "x\\%"])
fields = {
    "engine": st.sampled_from([str(item) for item in EngineName]),
    "kind": st.sampled_from([str(item) for item in AccountKind]),
    "capability": st.sampled_from([str(item) for item in Capability]),
    "privilege": st.sampled_from(["SELECT", "insert", "CREATE USER"]),
    **dict.fromkeys(("name", "instance", "tag", "environment", "role"), patterns),
}


chosen_fields = st.lists(st.sampled_from(sorted(fields)), unique=True, min_size=1, max_size=2)
values = {key: one | st.lists(one, min_size=1, max_size=2) for key, one in fields.items()}
securables = st.sampled_from(["shop.orders", "table:old.orders", "nothing.here"])


@st.composite
def questions(draw: st.DrawFn) -> dict[str, Any]:
    chosen = draw(chosen_fields)
    found: dict[str, Any] = {}
    for key in chosen:
        found[key] = draw(values[key])
    if "privilege" in found and draw(st.booleans()):
        found["on"] = draw(securables)
    return found


conditions = st.recursive(
    questions(),
    lambda inner: st.one_of(
        st.fixed_dictionaries({"and": st.lists(inner, min_size=1, max_size=3)}),
        st.fixed_dictionaries({"or": st.lists(inner, min_size=1, max_size=3)}),
        st.fixed_dictionaries({"not": inner}),
    ),
    max_leaves=6,
)


def naive(condition: dict[str, Any], state: AccountState, world: Judged) -> bool:
    """Read a condition word by word, without the code under test."""
    return all(
        holds(key, value, condition, state, world)
        for key, value in condition.items()
        if key != "on"
    )


def holds(
    key: str, value: Any, condition: dict[str, Any], state: AccountState, world: Judged
) -> bool:
    if key == "and":
        return all(naive(part, state, world) for part in value)
    if key == "or":
        return any(naive(part, state, world) for part in value)
    if key == "not":
        return not naive(value, state, world)
    wanted = value if isinstance(value, list) else [value]
    if key == "capability":
        return any(capable(item, state, world) for item in wanted)
    if key == "privilege":
        return any(may(item.upper(), condition.get("on"), state, world) for item in wanted)
    texts = {
        "engine": [world.world.engine],
        "kind": [state.kind],
        "name": [state.name],
        "instance": ["db"],
        "tag": INSTANCE.tags,
        "environment": ["prod"],
        "role": all_roles(state, world),
    }[key]
    return any(matched(pattern, text) for pattern in wanted for text in texts)


def matched(pattern: str, text: str) -> bool:
    expression = "".join(
        {"%": ".*", "_": "."}.get(part, re.escape(part.removeprefix("\\")))
        for part in re.findall(r"\\.|.", pattern)
    )
    return re.fullmatch(expression, text) is not None


def all_roles(state: AccountState, world: Judged) -> set[str]:
    found: set[str] = set()
    todo = [state.name]
    while todo:
        known = world.world.accounts.get(todo.pop())
        for item in known.memberships if known else ():
            if item.role not in found | {state.name}:
                found.add(item.role)
                todo.append(item.role)
    return found


def capable(word: str, state: AccountState, world: Judged) -> bool:
    facts = dict(state.attributes)
    kinds = {str(power.kind) for power in world.rules.powers(state.name)}
    return {
        "superuser": "superuser" in kinds,
        "grant admin": "grant admin" in kinds,
        "administrator": "administrator" in kinds,
        "dangerous privilege": bool(dangers(world.rules, state.name)),
        "can login": state.can_login,
        "locked": state.is_locked,
        "expired": facts.get("is_expired") is True,
        "never expires": facts.get("never_expires") is True,
        "no password rules": facts.get("has_password_rules") is False,
        "never used": facts.get("never_used") is True,
        "weak authentication": bool(facts.get("weak_authentication")),
        "anonymous": facts.get("is_anonymous") is True,
        "any host": facts.get("is_any_host") is True,
        "orphaned": bool(facts.get("orphaned")),
        "everyone": state.name == PUBLIC,
        "system": facts.get("is_system") is True,
        "provider": facts.get("is_provider") is True,
    }[word]


def may(privilege: str, on: str | None, state: AccountState, world: Judged) -> bool:
    everything = world.rules.everything(state.name)
    if on is None:
        return any(entry.privilege in (privilege, "ALL") for entry in everything)
    known = {grant.securable for other in world.world.accounts.values() for grant in other.grants}
    named = {item for item in known if on.removeprefix("table:") == f"{item.database}.{item.name}"}
    return any(world.rules.decide(state.name, privilege, item).is_allowed for item in named)


@given(conditions, worlds())
def test_a_class_means_what_its_words_say(condition: dict[str, Any], world: Judged) -> None:
    text = yaml.safe_dump({"classes": {"c": {"match": condition}}}, allow_unicode=True)
    classes = parse_classes(text, "c.yaml")
    population = Population(INSTANCE, world)
    inside = {
        state.name for state in world.world.accounts.values() if naive(condition, state, world)
    }
    assert {state.name for state in members(classes[0], population)} == inside
    assert count(classes, population) == {"c": len(inside)}


@given(conditions, worlds())
def test_not_not_is_nothing(condition: dict[str, Any], world: Judged) -> None:
    twice = {"not": {"not": condition}}
    both = {"classes": {"a": {"match": condition}, "b": {"match": twice}}}
    counts = count(parse_classes(yaml.safe_dump(both), "c.yaml"), Population(INSTANCE, world))
    assert counts["a"] == counts["b"]


def test_the_example_of_the_manual() -> None:
    text = """
classes:
  break-glass:
    description: superusers that people log in with
    match:
      capability: superuser
      not: {capability: [locked, system]}
  order-writers:
    match:
      and:
        - privilege: [INSERT, UPDATE]
          on: shop.orders
        - or: [{tag: team=a}, {environment: staging}]
  selects-something:
    match: {privilege: select}
  through-a-chain:
    match: {role: "read%"}
"""
    world = judged(
        account("boss", superuser=True),
        account("old", superuser=True, locked=True),
        account("app", Grant(table("orders"), "INSERT")),
        account("eve", roles=[Membership("team")]),
        account("team", roles=["readers"], can_login=False),
        account("readers", SELECT, can_login=False),
        account("hr", Grant(SERVER, "CREATE USER")),
    )
    assert set(world.world.accounts) & set(NAMES)
    classes = parse_classes(text, "c.yaml")
    population = Population(INSTANCE, world)
    assert [item.name for item in members(classes[0], population)] == ["boss"]
    assert [item.name for item in members(classes[1], population)] == ["app", "boss", "old"]
    assert [item.name for item in members(classes[2], population)] == [
        "boss", "eve", "old", "readers", "team",
    ]  # fmt: skip
    assert [item.name for item in members(classes[3], population)] == ["eve", "team"]
    assert classes[0].description == "superusers that people log in with"


def test_what_the_engine_made_is_in_classes_that_speak_of_it() -> None:
    world = judged(
        account("bob", roles=["pg_monitor"]),
        account("pg_monitor", SELECT, kind=AccountKind.ROLE, can_login=False, is_system=True),
    )
    classes = parse_classes(
        """
classes:
  readers: {match: {privilege: SELECT}}
  nobody: {match: {privilege: SELECT, not: {capability: can login}}}
  engines: {match: {capability: system}}
  peoples: {match: {not: {capability: [locked, system]}}}
  roles: {match: {or: [{kind: role}, {capability: system}]}}
""",
        "classes.yaml",
    )
    population = Population(INSTANCE, world)
    found = {item.name: [one.name for one in members(item, population)] for item in classes}
    assert found == {
        "readers": ["bob"],
        "nobody": [],
        "engines": ["pg_monitor"],
        "peoples": ["bob"],
        "roles": ["pg_monitor"],
    }
    assert count(classes, population) == {name: len(names) for name, names in found.items()}
