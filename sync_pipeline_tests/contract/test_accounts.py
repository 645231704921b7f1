"""What every engine promises of accounts, on each of its servers.

What is made, and what is then read, is in `worlds/`. What one engine alone has stands in files
that are named for it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from sync_pipeline.errors import QueryError
from sync_pipeline.model.account import AccountState
from sync_pipeline.model.pattern import like
from sync_pipeline.model.privilege import OF_SERVER, SectionKey, SectionName
from sync_pipeline.model.snapshot import SectionStatus, Snapshot
from sync_pipeline_tests.contract.worlds.world import Case, Change, Gap, Row, Topic, World


def states_of(snapshot: Snapshot) -> dict[str, AccountState]:
    """Return the accounts by name, of which no two have one."""
    found = {state.name: state for state in snapshot.accounts}
    assert len(found) == len(snapshot.accounts)
    return found


@contextmanager
def made(world: World, case: Case) -> Iterator[Snapshot]:
    """Make a case, and yield what is read of it."""
    try:
        world.run(*case.steps, *case.newer)
        yield world.snapshot()
    finally:
        world.run(*case.undo)


@pytest.mark.on_babelfish
@pytest.mark.parametrize("topic", Topic, ids=lambda topic: topic.name.lower())
def test_what_is_made_is_what_is_read(world: World, topic: Topic) -> None:
    """Or, where the engine has no such thing, that it still refuses it: a gap that closed fails."""
    for number, case in enumerate(world.cases[topic]):
        if number:
            world.reset()
        if isinstance(case, Gap):
            case.check(world.run)
            continue
        with made(world, case) as snapshot:
            check(world, case, snapshot)
    assert topic is not Topic.UNKNOWN or all(case.warned for case in world.made(topic))


def check(world: World, case: Case, snapshot: Snapshot) -> None:
    states = states_of(snapshot)
    for expected in case.accounts:
        assert expected.name in states, sorted(states)
        expected.check(states[expected.name])
    assert len(snapshot.warnings) == bool(case.warned), snapshot.warnings
    for text in snapshot.warnings:
        assert all(part in text for part in case.warned), snapshot.warnings
    judged = world.judged(snapshot)
    assert bool(judged.unknown()) is bool(case.warned)
    assert case.warned or not any(judged.unknown(state.name) for state in snapshot.accounts)


@pytest.mark.on_babelfish
def test_a_whole_snapshot_says_so(world: World) -> None:
    snapshot = world.snapshot()
    assert snapshot.warnings == ()
    assert snapshot.unread == {}
    assert set(snapshot.sections) == world.sections
    for key, report in snapshot.sections.items():
        if key.name in OF_SERVER:
            continue  # test_server_facts
        wanted = SectionStatus.NOT_APPLICABLE if key in world.not_applicable else SectionStatus.READ
        assert (report.status, report.reason) == (wanted, ""), key
    assert snapshot.is_known(SectionKey(SectionName.ACCOUNTS))
    assert snapshot.server.version_number[: len(world.version)] == world.version
    assert snapshot.databases == world.databases


def test_the_engines_own_accounts_are_known(world: World) -> None:
    world.run(*world.system_steps)
    names = {
        state.name
        for state in world.snapshot().accounts
        if state.is_system or any(like(item, state.name) for item in world.engine.system_accounts)
    }
    assert names == world.system_accounts
    if not world.is_emulated:  # these have no more than what tests look at
        for pattern in world.engine.system_accounts:
            assert any(like(pattern, name) for name in names), pattern


def test_a_state_is_the_same_when_it_is_read_again(world: World) -> None:
    with made(world, world.first(Topic.GRANTS)) as snapshot:
        again = states_of(world.snapshot())
    before = states_of(snapshot)
    assert again.keys() == before.keys()
    for name, state in before.items():
        assert again[name].fingerprint == state.fingerprint


@pytest.mark.on_babelfish
def test_the_order_of_rows_never_matters(world: World) -> None:
    def reversed_rows(sql: str, rows: list[Row]) -> list[Row]:
        return rows[::-1]

    with made(world, world.first(Topic.GRANTS)):
        world.run(*world.many(3))
        states = states_of(world.snapshot())
        assert states_of(world.snapshot(reversed_rows)) == states


@pytest.mark.on_babelfish
def test_the_number_of_statements_does_not_grow_with_accounts(world: World) -> None:
    before = world.snapshot()
    few = world.statements
    world.run(*world.many(60))
    after = world.snapshot()
    assert world.statements == few
    assert len(after.accounts) >= len(before.accounts) + 60
    of_many = [state for state in after.accounts if "many" in state.name.lower()]
    assert all(state.grants or state.memberships or state.attributes for state in of_many)


@pytest.mark.on_babelfish
def test_no_password_and_no_hash_of_one_leaves_the_server(world: World) -> None:
    steps, hashes = world.secret()
    world.run(*steps)
    snapshot = world.snapshot()
    assert any("hashed" in state.name.lower() for state in snapshot.accounts)
    told = repr([rows for _, rows in world.seen]) + repr(snapshot)
    for secret in hashes():
        assert len(secret) > 7
        assert secret not in told


def test_an_account_that_is_made_between_the_list_and_its_count_is_no_error(world: World) -> None:
    before = states_of(world.snapshot())
    made: list[str] = []

    def meanwhile(sql: str, rows: list[Row]) -> list[Row]:
        if not made and world.is_list_of_accounts(sql):
            made.append(sql)
            world.run(*world.many(1))
        return rows

    snapshot = world.snapshot(meanwhile)
    assert made
    assert (snapshot.unread, snapshot.warnings) == ({}, ())
    found = states_of(snapshot)
    assert before.keys() <= found.keys()
    assert any("many" in name for name in found) is not world.reads_one_moment


def without_a_row_of(statement: str) -> Change:
    return lambda sql, rows: rows[1:] if sql == statement else rows


def test_a_list_of_accounts_that_lost_a_row_is_never_taken_for_the_whole(world: World) -> None:
    """Each such list in turn: the server counts more, and nothing is taken for gone."""
    whole = world.snapshot()
    lists = [sql for sql, rows in world.seen if len(rows) > 1 and world.is_list_of_accounts(sql)]
    errors = []
    for lost in dict.fromkeys(lists):
        try:
            found = world.snapshot(without_a_row_of(lost))
        except QueryError as error:
            errors.append(str(error))
            continue
        # What is beside the accounts costs its own section.
        assert any("the answer is not whole" in item.reason for item in found.unread.values())
        assert len(found.accounts) == len(whole.accounts)
    assert errors
    for said in errors:
        assert re.search(r"the server counts \d+: the answer is not whole", said)
        assert "sql_select_limit" in said


def test_the_server_level_opens_no_other_database(world: World) -> None:
    whole = world.snapshot()
    found = world.snapshot(object_detail=False)
    per_database = {
        name for query in world.engine.account_queries if query.per_database for name in query.fills
    }
    skipped = {key for key in whole.sections if key.database and key.name in per_database}
    unread = {**found.unread, **found.unreviewed}
    assert set(unread) == skipped
    assert {report.status for report in unread.values()} <= {SectionStatus.SKIPPED}
    assert {state.name for state in found.accounts} <= {state.name for state in whole.accounts}
    assert found.is_known(SectionKey(SectionName.ACCOUNTS))
    assert world.username in {state.name for state in found.accounts} or not skipped
