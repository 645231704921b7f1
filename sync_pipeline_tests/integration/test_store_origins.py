"""Where instances are listed, in either store."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from sync_pipeline.errors import ConfigurationError
from sync_pipeline.model.instance import Instance
from sync_pipeline.model.origin import Cloud, Origin, Step, StepKind
from sync_pipeline.model.platform import Platform
from sync_pipeline.store.database import Database
from sync_pipeline.store.store import Store
from sync_pipeline.store.topics import Topic, marks_now, of_parts
from workbench.benches.store_bench import START, StoreBench, minutes

ORIGIN = Origin(Cloud.AWS, "aws/1/eu", "arn:a", "db-1", "h1", 5432, ("k=v",))


def known(store: Store) -> dict[str, Instance]:
    return {item.name: item for item in store.registry.instances()}


def test_a_plan_is_written_whole_or_not_at_all(store: Store) -> None:
    (mine,) = StoreBench(store).fleet("mine")
    added = replace(mine, id=0, name="new", tags=("k=v",), platform=Platform.RDS)
    other = replace(ORIGIN, resource_id="arn:b")
    linked = replace(mine, tags=("k=v",), host="ignored-by-nobody", platform=Platform.AURORA)
    steps = [Step(StepKind.ADD, added, ORIGIN), Step(StepKind.LINK, linked, other)]
    wrong = replace(added, name="wrong", credential="nobody")
    with pytest.raises(ConfigurationError, match="'nobody' does not exist"):
        store.origins.apply([*steps, Step(StepKind.ADD, wrong, ORIGIN)], START)
    assert (list(known(store)), store.origins.all()) == (["mine"], {})
    store.origins.apply(steps, START)
    found = known(store)
    assert found["new"] == replace(added, id=found["new"].id)
    assert (found["mine"].tags, found["mine"].platform) == (("k=v",), Platform.AURORA)
    assert store.origins.all() == {found["new"].id: ORIGIN, mine.id: other}
    gone = replace(other, vanished_at=minutes(5))
    store.origins.apply([Step(StepKind.VANISH, found["mine"], gone)], minutes(5))
    assert store.origins.of(mine.id) == gone
    assert known(store) == found


def test_what_somebody_else_changed_meanwhile_is_kept(store: Store) -> None:
    (mine,) = StoreBench(store).fleet("mine")
    edited = replace(mine, credential=mine.credential, description="by hand", is_active=False)
    store.registry.put_instances([edited], minutes(1))
    store.origins.apply([Step(StepKind.LINK, replace(mine, tags=("t",)), ORIGIN)], minutes(2))
    now = known(store)["mine"]
    assert (now.description, now.is_active, now.tags) == ("by hand", False, ("t",))
    taken = Step(StepKind.ADD, replace(mine, id=0), replace(ORIGIN, resource_id="arn:c"))
    with pytest.raises(ConfigurationError, match="'mine' was changed by somebody else"):
        store.origins.apply([taken], minutes(3))
    store.registry.delete_instance("mine", minutes(4))
    with pytest.raises(ConfigurationError, match="'mine' was changed by somebody else"):
        store.origins.apply([Step(StepKind.CHANGE, now, ORIGIN)], minutes(5))
    # A removed one keeps where it is listed.
    assert store.origins.of(mine.id) == ORIGIN


def test_what_another_run_took_meanwhile_is_refused(store: Store) -> None:
    (mine,) = StoreBench(store).fleet("mine")
    added = replace(mine, id=0, name="new")
    store.origins.apply([Step(StepKind.ADD, added, ORIGIN)], START)
    for step in (
        Step(StepKind.ADD, replace(added, name="other"), ORIGIN),
        Step(StepKind.LINK, mine, ORIGIN),
    ):
        with pytest.raises(ConfigurationError, match="was changed by somebody else"):
            store.origins.apply([step], minutes(1))
    assert sorted(known(store)) == ["mine", "new"]
    assert len(store.origins.all()) == 1


def test_of_two_at_once_one_is_done(store: Store) -> None:
    (mine,) = StoreBench(store).fleet("mine")
    added = [replace(mine, id=0, name=f"new{number}") for number in range(20)]
    steps = [
        Step(StepKind.ADD, item, replace(ORIGIN, resource_id=f"arn:{item.name}")) for item in added
    ]

    def done(_: int) -> str:
        try:
            store.origins.apply(steps, START)
        except ConfigurationError as error:
            return str(error)
        return ""

    with ThreadPoolExecutor(4) as pool:
        said = sorted(pool.map(done, range(4)))
    assert said[0] == ""
    assert all("was changed by somebody else" in sentence for sentence in said[1:])
    assert (len(known(store)), len(store.origins.all())) == (21, 20)


def test_what_is_kept_of_the_registry_is_made_again(store: Store) -> None:
    database = store._database
    (mine,) = StoreBench(store).fleet("mine")
    before = registry_mark(database)
    store.origins.apply([], START)
    assert registry_mark(database) == before
    store.origins.apply([Step(StepKind.LINK, replace(mine, tags=("t",)), ORIGIN)], START)
    assert registry_mark(database) != before


def registry_mark(database: Database) -> tuple[int | None, ...]:
    with database.read() as connection:
        return of_parts(marks_now(connection), Topic.REGISTRY)
