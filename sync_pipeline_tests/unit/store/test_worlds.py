"""Accounts survive being packed, whatever they hold; what is damaged is never half read."""

from __future__ import annotations

import json
import math
import tracemalloc
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sync_pipeline.engines.registry import ENGINES
from sync_pipeline.model.account import AccountKind, AccountState
from sync_pipeline.model.change import AccountDiff, FieldChange
from sync_pipeline.model.change_json import diff_to_json
from sync_pipeline.model.instance import EngineName
from sync_pipeline.model.inventory import EVERY_GRANT, Wanted
from sync_pipeline.model.privilege import (
    Grant,
    Membership,
    Securable,
    SecurableKind,
)
from sync_pipeline.reconcile.diff import diff
from sync_pipeline.store.worlds import grants, reading
from sync_pipeline.store.worlds import packed as packed_form
from sync_pipeline.store.worlds.changes import pack_change, read_change
from sync_pipeline.store.worlds.changing import OpenWorld
from sync_pipeline.store.worlds.packed import PackedWorld, WorldAccount, WorldError, decompressed
from sync_pipeline.store.worlds.packing import pack
from sync_pipeline.store.worlds.reading import read_world
from workbench.strategies.accounts import NOW, states
from workbench.strategies.any_engine import worlds_of
from workbench.strategies.odd_accounts import odd_states, odd_texts


def select_on(name: str) -> Grant:
    """Return a grant that is equal to others, and not the same object."""
    return Grant(Securable(SecurableKind.TABLE, "d", "s", name), "SELECT")


def accounts_of(found: st.SearchStrategy[AccountState]) -> st.SearchStrategy[list[WorldAccount]]:
    moments = st.integers(0, 10**6).map(lambda count: NOW + timedelta(microseconds=count))
    account = st.builds(WorldAccount, found, st.booleans(), moments)
    return st.lists(account, max_size=4, unique_by=lambda item: item.state.name)


def expected(accounts: list[WorldAccount]) -> list[WorldAccount]:
    return [replace(item, state=item.state.canonical()) for item in accounts]


def exactly(state: AccountState) -> list[tuple[str, type, str]]:
    """Attributes with their types: 1, 1.0 and True are equal, and so are 0.0 and -0.0."""
    return [(name, type(value), repr(value)) for name, value in state.attributes]


@settings(max_examples=50)
@given(accounts_of(st.one_of(states(), odd_states)))
def test_what_was_packed_is_read(accounts: list[WorldAccount]) -> None:
    found = read_world(pack(accounts))
    assert found == expected(accounts)
    for item, was in zip(found, expected(accounts), strict=True):
        assert exactly(item.state) == exactly(was.state)
        assert item.state.canonical() is item.state
        assert item.state.to_json() == was.state.to_json()


@pytest.mark.parametrize("engine", EngineName)
def test_worlds_of_every_engine_are_read(engine: EngineName) -> None:
    assert engine in ENGINES

    @settings(max_examples=20)
    @given(worlds_of(engine))
    def check(world: object) -> None:
        accounts = [
            WorldAccount(state, True, NOW)
            for state in world.accounts.values()  # type: ignore[attr-defined]
        ]
        assert read_world(pack(accounts)) == expected(accounts)

    check()


def kept(packed: PackedWorld) -> list[object]:
    """Return the texts that a world is packed with, and how much of all else it has."""
    accounts = json.loads(packed.plain_accounts())
    tables, *columns = packed_form.parted(packed.plain_grants())
    found = json.loads(bytes(tables))
    sizes = [len(accounts[name]) for name in ("shapes", "memberships", "settings")]
    return [sorted(accounts["texts"]), sizes, sorted(found["texts"]), list(map(len, columns))]


@settings(max_examples=60)
@given(st.lists(accounts_of(st.one_of(states(), odd_states)), min_size=2, max_size=4), st.data())
def test_accounts_put_among_packed_ones_are_as_if_all_were_packed(
    some: list[list[WorldAccount]], data: st.DataObject
) -> None:
    packed, wanted = None, {}
    for new in some:
        flags = {name: data.draw(st.booleans()) for name in wanted if data.draw(st.booleans())}
        packed = OpenWorld.of(packed).changed({item.state.name: item for item in new}, flags)
        wanted |= {name: replace(wanted[name], is_active=now) for name, now in flags.items()}
        wanted |= {item.state.name: item for item in expected(new)}
        assert read_world(packed) == [wanted[name] for name in sorted(wanted)]
        again = pack(wanted[name] for name in sorted(wanted))
        assert kept(packed) == kept(again), "nothing else is kept"


def test_changing_one_account_makes_no_grant_of_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """Counted, not timed."""

    def account(name: str, *tables: str) -> WorldAccount:
        held = tuple(map(select_on, tables))
        state = AccountState(name, AccountKind.USER, can_login=True, grants=held)
        return WorldAccount(state, True, NOW)

    packed = pack([account("app", "old"), account("web", *(f"t{n}" for n in range(50)))])
    looked_at: list[Grant] = []
    with monkeypatch.context() as patch:
        parts_of = grants.parts_of_securable
        patch.setattr(
            grants, "parts_of_securable", lambda one: looked_at.append(one) or parts_of(one)
        )
        patch.delattr(reading, "PackedGrants")
        found = OpenWorld.of(packed).changed({"app": account("app", "t1", "new")}, {"web": False})
    assert [item.securable.name for item in looked_at] == ["new", "t1"]
    assert [item.is_active for item in read_world(found)] == [True, False]
    assert [item.state.grants for item in read_world(found)] == [
        (select_on("new"), select_on("t1")),
        tuple(sorted(map(select_on, (f"t{n}" for n in range(50))), key=lambda g: g.securable.name)),
    ]
    assert b"old" not in found.plain_grants()


def test_what_is_damaged_is_not_changed() -> None:
    state = AccountState("a", AccountKind.USER, can_login=True, grants=(select_on("t"),))
    packed = pack([WorldAccount(state, True, NOW)])
    whole = decompressed(packed.grants)
    for plain in (b"", b"[]", decompressed(pack([]).grants), whole[:-4]):
        bad = PackedWorld.of(packed.accounts, packed_form.compressed(plain))
        with pytest.raises(WorldError):
            OpenWorld.of(bad)
    with pytest.raises(WorldError):
        OpenWorld.of(replace(packed, digest=packed.digest[::-1]))


def test_values_that_python_takes_for_equal_are_kept_apart() -> None:
    numbers = (1, True, 1.0, 0, False, -0.0, 0.0, 2**70, -(2**64), 1e300, math.inf, None, "1")
    attributes = tuple((f"a{number:02}", value) for number, value in enumerate(numbers))
    state = AccountState("a", AccountKind.USER, can_login=True, attributes=attributes)
    (found,) = read_world(pack([WorldAccount(state, True, NOW)]))
    assert exactly(found.state) == exactly(state)


@settings(max_examples=40)
@given(
    accounts_of(states()),
    st.sets(st.sampled_from(["", "orders", 'Or"ders'])),
    st.sets(st.sampled_from(["app", "APP", "a b"])),
)
def test_a_part_is_what_is_wanted_of_the_whole(
    accounts: list[WorldAccount], objects: set[str], holders: set[str]
) -> None:
    asked: list[object] = []

    def of_securable(item: Securable) -> bool:
        asked.append(item)
        return item.name in objects

    def of_holder(name: str) -> bool:
        asked.append(name)
        return name in holders

    def is_wanted(holder: str, item: Grant) -> bool:
        is_of_question = item.securable.name in objects or holder in holders
        return is_of_question or item.deny or not item.recognised

    packed = pack(accounts)
    part = [
        replace(
            item,
            state=replace(
                item.state,
                grants=tuple(one for one in item.state.grants if is_wanted(item.state.name, one)),
            ),
        )
        for item in expected(accounts)
    ]
    assert read_world(packed, Wanted(of_securable, of_holder)) == part
    assert len(asked) == len(set(asked))


def test_what_many_share_is_made_once() -> None:
    """Counted, not timed: a securable and a right are one object each, however many hold them."""

    def account(name: str) -> WorldAccount:
        grants = tuple(
            Grant(Securable(SecurableKind.TABLE, "d", "s", f"t{n}"), "SELECT") for n in range(50)
        )
        role = Membership("team", grantor="root")
        state = AccountState(
            name, AccountKind.USER, can_login=True, memberships=(role,), grants=grants
        )
        return WorldAccount(state, True, NOW)

    found = read_world(pack(account(f"a{number}") for number in range(40)))
    grants = [grant for item in found for grant in item.state.grants]
    assert (len(grants), len(set(map(id, grants)))) == (2000, 50)
    assert len({id(item.state.memberships[0]) for item in found}) == 1
    part = read_world(
        pack(account(f"a{number}") for number in range(40)),
        Wanted(lambda item: item.name in ("t1", "t2"), lambda name: False),
    )
    grants = [grant for item in part for grant in item.state.grants]
    assert (len(grants), len({id(grant.securable) for grant in grants})) == (80, 2)


def test_dates_are_of_any_zone_and_read_as_utc() -> None:
    moment = datetime(2026, 3, 29, 2, 30, 1, 5, tzinfo=UTC)
    state = AccountState("a", AccountKind.USER, can_login=True)
    shifted = moment.astimezone(datetime.now().astimezone().tzinfo)
    (found,) = read_world(pack([WorldAccount(state, False, shifted)]))
    assert (found.changed_at, found.changed_at.utcoffset()) == (moment, timedelta(0))


SOME = pack(
    WorldAccount(
        AccountState(
            name,
            AccountKind.USER,
            can_login=True,
            memberships=(Membership("r"),),
            grants=tuple(
                Grant(Securable(SecurableKind.TABLE, name=f"t{n}"), "SELECT") for n in range(9)
            ),
        ),
        True,
        NOW,
    )
    for name in "abcdef"
)


def resealed(which: str, blob: bytes) -> PackedWorld:
    """Return a damaged blob under a digest that fits it, as a defect would have made it."""
    return PackedWorld.of(**{"accounts": SOME.accounts, "grants": SOME.grants, which: blob})


def with_json(**values: object) -> bytes:
    """Return a blob of accounts with other values in its JSON."""
    found = json.loads(packed_form.decompressed(SOME.accounts))
    return packed_form.compressed(packed_form.as_json({**found, **values}))


@settings(max_examples=100)
@given(st.booleans(), st.integers(0), st.integers(1, 255))
def test_a_changed_byte_is_an_error(in_grants: bool, at: int, by: int) -> None:
    blob = bytearray(SOME.grants if in_grants else SOME.accounts)
    blob[at % len(blob)] ^= by
    which = "grants" if in_grants else "accounts"
    with pytest.raises(WorldError):
        read_world(replace(SOME, **{which: bytes(blob)}))
    try:
        found = read_world(resealed(which, bytes(blob)))
    except WorldError:
        return
    assert found == read_world(SOME), "only a byte that means nothing may be another one"


@settings(max_examples=100)
@given(st.sampled_from(["accounts", "grants"]), st.data())
def test_what_was_never_written_is_an_error_or_accounts(which: str, data: st.DataObject) -> None:
    """Whatever the bytes are beneath, nothing else than `WorldError` comes out."""
    plain = bytearray(packed_form.decompressed(getattr(SOME, which)))
    for _ in range(data.draw(st.integers(1, 3))):
        plain[data.draw(st.integers(0, len(plain) - 1))] = data.draw(st.integers(0, 255))
    blob = packed_form.compressed(bytes(plain))
    try:
        found = read_world(resealed(which, blob))
    except WorldError:
        return
    assert all(isinstance(item.state, AccountState) for item in found)


@pytest.mark.parametrize(
    "damaged",
    [
        replace(SOME, format=2),
        replace(SOME, digest=SOME.digest[::-1]),
        replace(SOME, grants=b""),
        resealed("accounts", b""),
        resealed("grants", SOME.grants[:-1]),
        resealed("grants", SOME.grants + b"x"),
        PackedWorld.of(SOME.grants, SOME.accounts),
        resealed("grants", pack([]).grants),
        resealed("accounts", pack([]).accounts),
        resealed("grants", (2**40).to_bytes(8, "little") + SOME.grants[8:]),
        resealed("accounts", packed_form.compressed(b"[" * 10**6)),
        resealed("accounts", with_json(texts=7)),
        resealed("accounts", with_json(texts={})),
        resealed("accounts", with_json(texts=[["app"]] * 20)),
    ],
)
def test_damage_is_one_error(damaged: PackedWorld) -> None:
    for wanted in (EVERY_GRANT, Wanted(lambda _: False, lambda _: False)):
        with pytest.raises(WorldError):
            read_world(damaged, wanted)


def test_nothing_is_unpacked_beyond_what_the_blob_says(monkeypatch: pytest.MonkeyPatch) -> None:
    """A small blob may hold gigabytes of zeros: no more of it is unpacked than it promised."""
    bomb = packed_form.compressed(bytes(20_000_000))
    lying = (1000).to_bytes(8, "little") + bomb[8:]
    tracemalloc.start()
    try:
        with pytest.raises(WorldError, match="does not hold 1000 bytes"):
            packed_form.decompressed(lying)
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()
    monkeypatch.setattr(packed_form, "MOST_BYTES", 1000)
    with pytest.raises(WorldError, match="more than 1000"):
        packed_form.decompressed(bomb)
    with pytest.raises(WorldError, match="more than 1000"):
        packed_form.compressed(bytes(1001))


def test_no_accounts_are_no_accounts() -> None:
    assert read_world(pack([])) == []
    assert read_world(pack([]), Wanted(lambda _: False, lambda _: False)) == []


lines = st.lists(
    st.one_of(st.sampled_from(["account appeared", "granted role a"]), odd_texts()), max_size=3
)


@settings(max_examples=60)
@given(st.one_of(states(), odd_states), st.one_of(states(), odd_states), lines)
def test_a_change_is_read_as_it_was_packed(
    old: AccountState, new: AccountState, told: list[str]
) -> None:
    for change in (diff(old, new), AccountDiff()):
        found, read = read_change(pack_change(change, told))
        assert (found, read) == (change, tuple(told))
        assert diff_to_json(found) == diff_to_json(change)
        assert repr(found.fields) == repr(change.fields)


A_CHANGE = pack_change(
    AccountDiff(
        (FieldChange("attribute.a", None, 1, is_absent_before=True),),
        (select_on("t"),),
        (select_on("u"),),
    ),
    ["granted SELECT on table d.s.t", "revoked SELECT on table d.s.u"],
)


@given(st.integers(0), st.integers(1, 255))
@example(132, 66)
def test_a_changed_byte_of_a_change_is_never_another_change(at: int, by: int) -> None:
    """Some bits say nothing: the level in the head, and what fills the last byte (RFC 1950)."""
    damaged = bytearray(A_CHANGE)
    damaged[at % len(damaged)] ^= by
    try:
        found = read_change(bytes(damaged))
    except WorldError:
        return
    assert found == read_change(A_CHANGE)


@pytest.mark.parametrize(
    "packed", [b"", b"\x01", A_CHANGE[:-1], A_CHANGE + b"x", b"\2" + A_CHANGE[1:]]
)
def test_what_is_no_change_is_an_error(packed: bytes) -> None:
    with pytest.raises(WorldError):
        read_change(packed)


def test_a_usual_change_takes_few_bytes() -> None:
    """Of one grant: 230 bytes as JSON, before."""
    change = AccountDiff(grants_added=(select_on("orders"),))
    assert len(pack_change(change, ["granted SELECT on table d.s.orders"])) < 80
