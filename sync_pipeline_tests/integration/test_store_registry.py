"""Credentials and instances in the store."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from sync_pipeline.errors import ConfigurationError
from sync_pipeline.model.credential import StoredCredential
from sync_pipeline.model.instance import (
    EngineName,
    ImportCounts,
    Instance,
    Selection,
    Timeouts,
    TlsMode,
    TlsOptions,
)
from sync_pipeline.store.schema import instance_tags
from sync_pipeline.store.schema import instances as rows_of
from sync_pipeline.store.store import Store
from sync_pipeline.store.tags import digest_of
from workbench.benches.store_bench import (
    CREDENTIAL,
    START,
    an_instance,
    minutes,
)

ODD_NAMES = ["x" * 128, 'q"uote', "o'brien", "50%_\\", "数据库", "a\nb", "tab\there", "A", "a"]
texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=30)


@pytest.fixture(autouse=True)
def _credential(store: Store) -> None:
    store.registry.put_credential(CREDENTIAL, START)


def names(found: list[Instance]) -> list[str]:
    return [item.name for item in found]


def test_a_credential_lives(store: Store) -> None:
    registry = store.registry
    registry.put_credential(StoredCredential("b", "user", "fernet:x"), START)
    assert [item.name for item in registry.credentials()] == ["b", "monitor"]
    registry.put_credential(StoredCredential("b", "other", "env:B"), minutes(5))
    changed = registry.credential("b")
    assert changed == StoredCredential("b", "other", "env:B", START, minutes(5))
    assert registry.replace_secrets({"env:B": "env:C", "env:OLD": "env:D"}, minutes(9)) == 1
    rotated = registry.credential("b")
    assert rotated == StoredCredential("b", "other", "env:C", START, minutes(9))
    registry.delete_credential("b")
    assert registry.credential("b") is None


def test_a_credential_in_use_stays(store: Store) -> None:
    store.registry.put_instances([an_instance("two"), an_instance("one")], START)
    with pytest.raises(ConfigurationError, match="'monitor' is used by one, two"):
        store.registry.delete_credential("monitor")
    for name in ("one", "two"):
        store.registry.delete_instance(name, START)
    store.registry.delete_credential("monitor")


def test_a_credential_that_is_not_there_can_t_be_deleted(store: Store) -> None:
    with pytest.raises(ConfigurationError, match="'nobody' does not exist"):
        store.registry.delete_credential("nobody")


instances = st.builds(
    Instance,
    id=st.just(0),
    name=texts.filter(bool),
    engine=st.sampled_from(EngineName),
    host=texts.filter(bool),
    port=st.integers(1, 65535),
    credential=st.just(CREDENTIAL.name),
    database=st.none() | texts,
    tls=st.builds(TlsOptions, st.sampled_from(TlsMode), st.none() | texts, st.none(), st.none()),
    timeouts=st.builds(Timeouts, *[st.floats(0.1, 1e6)] * 3),
    tags=st.lists(texts, unique=True, max_size=3).map(lambda tags: tuple(sorted(tags))),
    environment=st.none() | texts,
    description=st.none() | texts,
    is_active=st.booleans(),
)


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(instances, unique_by=lambda item: item.name, max_size=4))
def test_what_is_put_is_found(store: Store, wanted: list[Instance]) -> None:
    store.registry.put_instances(wanted, START)
    for item in wanted:
        found = store.registry.instance(item.name)
        assert found is not None
        assert replace(found, id=0) == item
        assert store.registry.by_id(found.id) == found
    unchanged = store.registry.put_instances(wanted, minutes(1))
    assert unchanged == ImportCounts(0, 0, len(wanted))


def test_hundreds_come_in_one_transaction_or_not_at_all(store: Store) -> None:
    fleet = [an_instance(f"db{number:03}") for number in range(300)]
    stray = replace(an_instance("stray"), credential="nobody")
    with pytest.raises(ConfigurationError, match=r"stray.*'nobody' does not exist"):
        store.registry.put_instances([*fleet, stray], START)
    assert store.registry.instances() == []
    assert store.registry.put_instances(fleet, START) == ImportCounts(300, 0, 0)
    changed = [replace(fleet[0], port=6000), *fleet[1:]]
    assert store.registry.put_instances(changed, minutes(1)) == ImportCounts(0, 1, 299)


def test_a_removed_instance_comes_back_as_itself(store: Store) -> None:
    store.registry.put_instances([an_instance("db")], START)
    before = store.registry.instance("db")
    assert before is not None
    store.registry.delete_instance("db", minutes(1))
    assert store.registry.instance("db") is None
    assert store.registry.by_id(before.id) is None
    assert store.registry.instances() == []
    with pytest.raises(ConfigurationError, match="'db' does not exist"):
        store.registry.delete_instance("db", minutes(2))
    assert store.registry.put_instances([an_instance("db")], minutes(3)) == ImportCounts(1, 0, 0)
    assert store.registry.instance("db") == before


def test_whether_more_than_so_many_are_active(store: Store) -> None:
    registry = store.registry
    assert not registry.has_more_active(0)
    registry.put_instances([an_instance(name) for name in "abcd"], START)
    registry.put_instances([replace(an_instance("b"), is_active=False)], minutes(1))
    registry.delete_instance("c", minutes(2))
    assert [registry.has_more_active(number) for number in range(4)] == [True, True, False, False]


def test_a_selection_narrows(store: Store) -> None:
    store.registry.put_instances(
        [
            replace(an_instance("pg1"), tags=("team=a",), environment="production"),
            replace(an_instance("pg2"), tags=("team=b",), environment="test"),
            replace(an_instance("my1", EngineName.MYSQL), tags=("team=a", "x")),
            replace(an_instance("off"), is_active=False),
        ],
        START,
    )

    def chosen(**fields: tuple[str, ...]) -> list[str]:
        return names(store.registry.select(Selection(**fields)))

    assert chosen() == ["my1", "pg1", "pg2"]
    assert chosen(names=("pg2", "pg1")) == ["pg1", "pg2"]
    assert chosen(tags=("team=a",)) == ["my1", "pg1"]
    assert chosen(tags=("x", "team=b")) == ["my1", "pg2"]
    assert chosen(tags=("team=a",), engines=("postgresql",)) == ["pg1"]
    assert chosen(environments=("test", "production")) == ["pg1", "pg2"]
    assert chosen(names=("pg1",), environments=("test",)) == []
    assert names(store.registry.instances(include_inactive=False)) == ["my1", "pg1", "pg2"]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"names": ("nobody",)}, "'nobody' does not exist"),
        ({"names": ("off",)}, "'off' is not active"),
        ({"engines": ("db2",)}, "'db2' is not an engine"),
    ],
)
def test_a_selection_of_what_can_t_be_is_refused(
    store: Store, fields: dict[str, tuple[str, ...]], message: str
) -> None:
    store.registry.put_instances([replace(an_instance("off"), is_active=False)], START)
    with pytest.raises(ConfigurationError, match=message):
        store.registry.select(Selection(**fields))


def test_odd_names_are_kept_apart(store: Store) -> None:
    store.registry.put_instances([an_instance(name) for name in ODD_NAMES], START)
    assert sorted(names(store.registry.instances())) == sorted(ODD_NAMES)
    for name in ODD_NAMES:
        assert names(store.registry.select(Selection(names=(name,)))) == [name]


def test_a_connection_is_noted(store: Store) -> None:
    store.registry.put_instances([an_instance("db")], START)
    before = store.registry.instance("db")
    assert before is not None
    store.registry.note_connection(before.id, "18.0", minutes(2))
    after = store.registry.instance("db")
    assert after == replace(before, server_version="18.0", last_connected_at=minutes(2))


def test_imports_that_come_at_once_take_turns(store: Store) -> None:
    fleet = [an_instance(f"db{number}") for number in range(30)]
    counts: list[ImportCounts] = []

    def put() -> None:
        counts.append(store.registry.put_instances(fleet, START))

    threads = [threading.Thread(target=put) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(item.added for item in counts) == [0] * 5 + [30]
    assert len(store.registry.instances()) == 30


def test_instances_are_kept_by_their_tags(store: Store) -> None:
    """Whoever writes the tags of an instance writes by which tags it is found."""
    long = "x" * 9000
    first = replace(an_instance("one"), tags=("team=a", "team=a", long)), an_instance("two")
    store.registry.put_instances(first, START)
    assert _by_tag(store) == _tags(store)
    assert len(_by_tag(store)) == 2
    changed = [replace(first[0], tags=("team=b",)), replace(first[1], tags=("team=b", "数据库"))]
    store.registry.put_instances(changed, minutes(1))
    assert _by_tag(store) == _tags(store)
    store.registry.delete_instance("one", minutes(2))
    # What was removed is asked about, too: of a moment before.
    assert _by_tag(store) == _tags(store)
    assert len(_by_tag(store)) == 3


def _by_tag(store: Store) -> set[tuple[str, int]]:
    with store._database.read() as connection:
        query = select(instance_tags.c.digest, instance_tags.c.instance_id)
        return {(row[0], row[1]) for row in connection.execute(query)}


def _tags(store: Store) -> set[tuple[str, int]]:
    with store._database.read() as connection:
        rows = connection.execute(select(rows_of.c.id, rows_of.c.tags)).all()
    return {(digest_of(tag), number) for number, tags in rows for tag in tags}
