"""A question that is given a part of the grants is answered as with all of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache, partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_pipeline.access.judged import Judged
from sync_pipeline.access.questions import who_can
from sync_pipeline.engines.access.cautious import plain
from sync_pipeline.engines.access.contract import concerned
from sync_pipeline.engines.access.parts import APART, Elsewhere, Named
from sync_pipeline.engines.registry import ENGINES
from sync_pipeline.errors import ConfigurationError
from sync_pipeline.model.access import AccessWorld
from sync_pipeline.model.account import AccountKind, AccountState
from sync_pipeline.model.instance import EngineName
from sync_pipeline.model.inventory import SecurableColumns
from sync_pipeline.model.privilege import Grant, Membership, Securable
from sync_pipeline.model.privilege import SecurableKind as K
from sync_pipeline.store.worlds.packed import WorldAccount
from sync_pipeline.store.worlds.packing import pack
from sync_pipeline.store.worlds.reading import read_world
from workbench.strategies import oracle_accounts, sqlserver_worlds
from workbench.strategies.any_engine import SHAPES, newest
from workbench.strategies.combined import combined

_DATABASES = {
    EngineName.POSTGRESQL: ("shop", "hr"),
    EngineName.SQLSERVER: ("shop", "hr"),
    EngineName.MYSQL: ("shop", "hr"),
    EngineName.MARIADB: ("shop", "hr"),
    EngineName.ORACLE: ("",),
}
_WORDS = (
    *("SELECT", "INSERT", "UPDATE", "EXECUTE", "USAGE", "CREATE", "CONNECT", "CONTROL", "OWNER"),
    *("ALL", "SELECT ANY TABLE", "CONTROL SERVER", "IMPERSONATE", "ROW SECURITY", "SUPER"),
)
_FAMILY = (K.TABLE, K.PROCEDURE, K.FUNCTION)
_IN_SCHEMAS = {
    EngineName.POSTGRESQL: (K.TABLE, K.VIEW, K.SEQUENCE, K.PROCEDURE, K.FUNCTION, K.TYPE),
    EngineName.SQLSERVER: (K.TABLE, K.VIEW, K.SEQUENCE, K.PROCEDURE, K.FUNCTION, K.SYNONYM),
    EngineName.ORACLE: (K.TABLE, K.VIEW, K.SEQUENCE, K.PROCEDURE, K.PACKAGE, K.SYNONYM),
    EngineName.MYSQL: _FAMILY,
    EngineName.MARIADB: _FAMILY,
}
"""Kinds of objects that the collector of each engine reports."""


def _has_schemas(engine: EngineName) -> bool:
    return engine not in (EngineName.MYSQL, EngineName.MARIADB)


def _is_catalog(engine: EngineName) -> bool:
    return engine in (EngineName.POSTGRESQL, EngineName.SQLSERVER)


def _securables(engine: EngineName) -> list[Securable]:
    found = [Securable(K.SERVER), Securable(K.PRINCIPAL, name=SHAPES[engine].names[0])]
    for database in _DATABASES[engine]:
        catalog = database if _is_catalog(engine) else ""
        found.append(Securable(K.DATABASE, database, catalog=catalog))
        for schema in ("HR", "SALES") if _has_schemas(engine) else ("",):
            if schema:
                found.append(Securable(K.SCHEMA, database, schema, catalog=catalog))
            for name in ("orders", "People"):
                found += [
                    Securable(kind, database, schema, _named(engine, kind, name), catalog=catalog)
                    for kind in _IN_SCHEMAS[engine]
                ]
                found.append(Securable(K.COLUMN, database, schema, name, "pay", catalog))
    return found


def _named(engine: EngineName, kind: K, name: str) -> str:
    is_routine = kind in (K.PROCEDURE, K.FUNCTION)
    return f"{name}(integer)" if is_routine and engine is EngineName.POSTGRESQL else name


@cache
def _grants(engine: EngineName, *, odd: bool) -> st.SearchStrategy[list[Grant]]:
    one = combined(
        Grant,
        securable=_securables(engine),
        privilege=_WORDS,
        deny=(False, False, False, odd),
        grantor=("", SHAPES[engine].names[0]),
        recognised=(True, True, True, not odd),
    )
    return st.lists(one, max_size=6)


@cache
def _memberships(engine: EngineName, place: int) -> st.SearchStrategy[list[Membership]]:
    """Draw some of the roles that come after a place."""
    roles = SHAPES[engine].names[place + 1 : -1] or ("none",)
    return st.lists(combined(Membership, role=roles, default=(True, False)), max_size=2)


_PLAIN = combined(
    partial(AccountState, ""),
    kind=(AccountKind.USER, AccountKind.ROLE),
    can_login=(True, False),
    is_superuser=(False, False, False, True),
)


@st.composite
def worlds(draw: st.DrawFn, engine: EngineName) -> AccessWorld:
    """Draw a world with grants of all levels, roles of roles, denies and unknown privileges."""
    shape, odd = SHAPES[engine], draw(st.booleans())
    accounts = {}
    for place, name in enumerate(shape.names):
        is_everyone = place == len(shape.names) - 1
        plain = draw(_PLAIN)
        accounts[name] = replace(
            plain,
            name=name,
            kind=AccountKind.PUBLIC if is_everyone else plain.kind,
            database="shop" if engine is EngineName.SQLSERVER else "",
            memberships=tuple(draw(_memberships(engine, place))),
            grants=tuple(draw(_grants(engine, odd=odd))),
        ).canonical()
    return AccessWorld("i", engine, newest(engine), accounts, {})


def _texts(engine: EngineName) -> list[str]:
    """Return names of objects as people write them: whole, in part, by kind, in another case."""
    found = ["server", "nothing.that.is.there", "table:nowhere", 'table:"unclosed', ""]
    for on in _securables(engine):
        parts = [part for part in (on.database, on.schema, on.name, on.column) if part]
        paths = {".".join(parts), ".".join(parts[1:]), ".".join(parts).lower()}
        paths.add(".".join(parts).partition("(")[0])
        found += [path for path in paths if path]
        found += [f"{on.kind}:{path}" for path in paths if path]
    return list(dict.fromkeys(found))


def _part(world: AccessWorld, text: str) -> AccessWorld:
    """Return what the store gives of a world for a question."""
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    states = (world.accounts[name] for name in sorted(world.accounts))
    packed = pack(WorldAccount(state, is_active=True, changed_at=moment) for state in states)
    found = read_world(packed, Named(text, ENGINES[world.engine].elsewhere).wanted)
    return replace(world, accounts={item.state.name: item.state for item in found})


def _answer(world: AccessWorld, word: str, text: str) -> object:
    judged = Judged(world, ENGINES[world.engine].access_rules(world))
    try:
        found = who_can([judged], word, text)
    except ConfigurationError as error:
        return str(error), error.hint
    holders = [(item.state.name, item.decision, item.verdict) for item in found.holders]
    return holders, found.gaps, found.not_modelled


@pytest.mark.parametrize("engine", EngineName)
def test_who_can_is_the_same_with_a_part(engine: EngineName) -> None:
    texts = _texts(engine)

    @given(
        world=worlds(engine),
        text=st.sampled_from(texts),
        words=st.lists(st.sampled_from(_WORDS), max_size=2),
    )
    def check(world: AccessWorld, text: str, words: Sequence[str]) -> None:
        for word in ("SELECT", *words):
            assert _answer(_part(world, text), word, text) == _answer(world, word, text)

    check()


def _check_concerned(world: AccessWorld, word: str, on: Securable) -> None:
    """Check that of each account whom a question does not concern nothing would be told."""
    judged = Judged(world, ENGINES[world.engine].access_rules(world))
    for rules in (judged.rules, plain(judged.rules)):
        found = concerned(rules, word, on)
        for name in world.accounts.keys() - (world.accounts.keys() if found is None else found):
            decision = rules.decide(name, word, on)
            assert (decision.held, decision.denied) == ((), ()), name
            assert set(decision.unknown) <= set(judged.everywhere), name


@pytest.mark.parametrize("engine", EngineName)
def test_whom_a_question_does_not_concern_the_answer_is_no(engine: EngineName) -> None:
    asked = st.tuples(st.sampled_from(_WORDS), st.sampled_from(_securables(engine)))

    @given(world=worlds(engine), questions=st.lists(asked, min_size=1, max_size=4))
    def check(world: AccessWorld, questions: Sequence[tuple[str, Securable]]) -> None:
        for word, on in questions:
            _check_concerned(world, word, on)

    check()


@given(
    lines=sqlserver_worlds.world_lines(),
    target=st.sampled_from(sqlserver_worlds.TARGETS),
    word=st.sampled_from(("SELECT", "EXECUTE", "CONTROL", "IMPERSONATE", "UPDATE")),
)
def test_logins_users_and_impersonation_are_concerned(
    lines: Sequence[str], target: str, word: str
) -> None:
    world = sqlserver_worlds.world("\n".join(lines))
    _check_concerned(world, word, sqlserver_worlds.on(target))


@given(world=oracle_accounts.worlds(), question=st.sampled_from(oracle_accounts.QUESTIONS))
def test_secured_roles_and_containers_are_concerned(
    world: AccessWorld, question: tuple[str, Securable]
) -> None:
    _check_concerned(world, *question)


@pytest.mark.parametrize("engine", EngineName)
def test_a_part_leaves_out_what_is_granted_on_other_objects(engine: EngineName) -> None:
    shape = SHAPES[engine]
    catalog = "shop" if _is_catalog(engine) else ""
    tables = [Securable(K.TABLE, "shop", "HR", f"t{n}", catalog=catalog) for n in range(100)]
    holder = AccountState(
        shape.names[0],
        AccountKind.USER,
        can_login=True,
        grants=tuple(Grant(on, "SELECT") for on in tables),
    )
    world = AccessWorld("i", engine, newest(engine), {holder.name: holder}, {})
    part = _part(world, "table:shop.HR.t7").accounts[holder.name]
    assert [grant.securable.name for grant in part.grants] == ["t0", "t7"]
    assert K.TABLE in APART


_NAMES = st.text(st.sampled_from("aAßsSİi(),.\0 "), max_size=4)
_ANY_SECURABLE = st.builds(
    Securable,
    st.sampled_from([K.TABLE, K.COLUMN, K.FUNCTION, K.SCHEMA, K.SERVER]),
    st.sampled_from(["", "d"]),
    st.sampled_from(["", "s", "S"]),
    _NAMES,
    _NAMES,
)


def _is_named(on: Securable, before: str, last: str) -> bool:
    """Return whether an object may be meant, as it is seen by itself."""
    name = on.name.casefold()
    is_routine = name.endswith(")") and name.startswith(f"{last}(")
    return name in (before, last) or is_routine or last == on.column.casefold() != ""


@given(st.lists(_ANY_SECURABLE, max_size=8, unique=True), _NAMES, _NAMES)
def test_names_are_found_in_all_texts_at_once(
    securables: list[Securable], before: str, last: str
) -> None:
    quoted = ['"{}"'.format(part.replace('"', '""')) for part in (before, last)]
    wanted = Named(".".join(quoted), Elsewhere()).wanted
    assert wanted.of_columns is not None
    texts = sorted({"", *(part for on in securables for part in _parts_of(on))})
    number = {text: place for place, text in enumerate(texts)}
    columns = [
        [number[part] for part in column]
        for column in zip(*map(_parts_of, securables), strict=True)
    ]
    kinds = {number[str(kind)]: kind for kind in K if str(kind) in number}
    table = SecurableColumns(texts, kinds, *(columns or [[]] * 6))
    seen: set[tuple[str, ...]] = set()
    expected = []
    for on in securables:
        schema = (on.catalog, on.database, on.schema)
        is_first = on.kind in APART and schema not in seen
        seen.update({schema} if on.kind in APART else ())
        is_named = _is_named(on, before.casefold(), last.casefold())
        expected.append(on.kind not in APART or is_first or is_named)
    assert list(map(bool, wanted.of_columns(table))) == expected


def _parts_of(on: Securable) -> tuple[str, ...]:
    return (str(on.kind), on.database, on.schema, on.name, on.column, on.catalog)
