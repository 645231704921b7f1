"""Plans of what a list would change: whatever is listed, in whatever order of events."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_pipeline.fleet.discovery import listing as listings
from sync_pipeline.fleet.discovery.listing import (
    MOST_TAGS,
    Listing,
    Reading,
    Resource,
    tag_texts,
)
from sync_pipeline.fleet.discovery.plan import Asked, Fleet, Plan, planned
from sync_pipeline.fleet.rows import InstanceRow
from sync_pipeline.model.instance import EngineName, Instance, TlsMode
from sync_pipeline.model.origin import Cloud, Origin, StepKind

NOW = datetime(2026, 11, 30, tzinfo=UTC)
ASKED = Asked("monitor")
SCOPE = "aws/1/eu"


def resource(name: str, **more: object) -> Resource:
    made = Resource(
        resource_id=f"arn:{name}", scope=SCOPE, name=name, place=("eu", "1"),
        engine=EngineName.POSTGRESQL, host=f"{name}.db.example", port=5432,
    )  # fmt: skip
    return replace(made, **more)  # type: ignore[arg-type]


def listing(*resources: Resource, scopes: dict[str, str] | None = None) -> Listing:
    return Listing(Cloud.AWS, resources, scopes or {SCOPE: ""})


def done(fleet: Fleet, plan: Plan) -> Fleet:
    """Return a fleet after a plan, as the store writes it."""
    instances = {item.id: item for item in fleet.instances}
    origins = dict(fleet.origins)
    ids = [item.id for item in (*fleet.instances, *fleet.removed)]
    for step in plan.steps:
        item = step.instance
        if step.kind is StepKind.ADD:
            item = replace(item, id=max(ids, default=0) + 1)
            ids.append(item.id)
        instances[item.id] = item
        origins[item.id] = step.origin
    return Fleet(tuple(instances.values()), fleet.removed, origins)


def look(fleet: Fleet, *resources: Resource, asked: Asked = ASKED) -> tuple[Plan, Fleet]:
    plan = planned(listing(*resources), fleet, asked, NOW)
    return plan, done(fleet, plan)


def kinds(plan: Plan) -> list[tuple[str, str]]:
    return [(str(step.kind), step.instance.name) for step in plan.steps]


@pytest.mark.parametrize("asked", TlsMode)
def test_what_a_list_says_of_tls_makes_it_stronger_and_never_weaker(asked: TlsMode) -> None:
    ca = "/etc/ssl/ca.pem" if asked.startswith("verify") else ""
    wanted = replace(ASKED, tls=asked, tls_ca=ca)
    plan, fleet = look(Fleet(()), resource("a", tls="it says so"), resource("b"), asked=wanted)
    modes = {item.name: item.tls.mode for item in fleet.instances}
    order = list(TlsMode)
    assert modes == {"a": max(asked, TlsMode.REQUIRE, key=order.index), "b": asked}
    assert [step.differences for step in plan.steps] == [(f"TLS is {modes['a']}: it says so",), ()]
    # What is registered keeps its mode: people set it, for a tunnel or a proxy.
    assert look(fleet, resource("a"), resource("b", tls="it says so"))[0].steps == ()


def test_another_engine_under_a_name_is_left_out() -> None:
    _, fleet = look(Fleet(()), resource("a"))
    plan, after = look(fleet, resource("a", engine=EngineName.MYSQL, port=3306))
    assert (plan.steps, after) == ((), fleet)
    assert "'a' is postgresql: remove that first" in plan.left_out[0]


def test_a_switch_of_names_leaves_each_at_its_address() -> None:
    """As blue and green of RDS do: the new server gets the name and the address of the old."""
    _, fleet = look(Fleet(()), resource("prod", own_id="blue"))
    old = resource("prod-old", own_id="blue")
    plan, after = look(fleet, resource("prod", own_id="green"), old)
    assert kinds(plan) == [("add", "prod-old"), ("change", "prod")]
    assert "another server" in plan.steps[1].differences[0]
    assert {item.name: item.host for item in after.instances}["prod"] == "prod.db.example"
    assert look(after, resource("prod", own_id="green"), old)[0].steps == ()


def test_tags_of_people_and_of_the_list_are_kept_apart() -> None:
    _, fleet = look(Fleet(()), resource("a", tags=(("env", "test"), ("team", "dba"))))
    (item,) = fleet.instances
    edited = replace(item, tags=("env=test", "ours"))
    plan, after = look(
        replace(fleet, instances=(edited,)), resource("a", tags=(("env", "prod"), ("team", "dba")))
    )
    assert after.instances[0].tags == ("env=prod", "ours")
    assert plan.steps[0].differences == ("tags: +env=prod", "tags: -env=test")


def test_a_scope_is_asked_and_others_are_left_alone() -> None:
    _, fleet = look(Fleet(()), resource("a"), resource("b", tags=(("team", "web"),)))
    plan, _ = look(fleet, asked=replace(ASKED, tags=("team=web",)))
    assert kinds(plan) == [("vanish", "b")]
    assert planned(listing(scopes={"aws/1/us": ""}), fleet, ASKED, NOW).steps == ()


def test_restored_under_its_address_it_is_the_same() -> None:
    _, fleet = look(Fleet(()), resource("a", own_id="one"))
    _, fleet = look(fleet)
    plan, after = look(fleet, resource("a", resource_id="arn:again", own_id="two"))
    assert kinds(plan) == [("return", "a")]
    assert len(after.instances) == 1


def test_an_identifier_that_several_have_tells_none() -> None:
    _, fleet = look(Fleet(()), resource("a", own_id="same"))
    plan, _ = look(fleet, resource("b", own_id="same"), resource("c", own_id="same"))
    assert kinds(plan) == [("add", "b"), ("add", "c"), ("vanish", "a")]


def test_an_address_that_nobody_can_reach_is_not_taken() -> None:
    _, fleet = look(Fleet(()), resource("a"))
    plan, after = look(fleet, resource("a", host="a b"))
    assert (plan.steps, after) == ((), fleet)
    assert "host" in plan.left_out[0]


def test_what_is_listed_and_is_none_of_ours_now_is_not_gone() -> None:
    _, fleet = look(Fleet(()), resource("a"))
    replica = resource("a", reason="it is a read replica")
    plan, _ = look(fleet, replica)
    assert (plan.steps, plan.unchanged) == ((), 1)
    _, gone = look(fleet)
    assert kinds(look(gone, replica)[0]) == [("return", "a")]


def test_lists_without_end_are_left_and_not_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listings, "MOST_RESOURCES", 3)
    reading = Reading(Cloud.AWS)
    reading.read(SCOPE, (resource(f"{number % 3}") for number in range(3)))
    reading.read("aws/1/us", (resource(f"u{number}") for number in count()))
    found = reading.listing()
    assert (len(found.resources), set(found.whole)) == (3, {SCOPE})
    assert found.scopes["aws/1/us"] == "there are more than 3 in all lists"


def test_a_number_that_another_server_got_is_no_name_of_it() -> None:
    """Clouds lend addresses: the next server that has one has another history."""
    _, fleet = look(Fleet(()), resource("a", host="10.1.0.7"))
    new = resource("b", host="10.1.0.7")
    plan, fleet = look(fleet, new)
    assert kinds(plan) == [("vanish", "a")]
    assert "its address is that of 'a'" in plan.left_out[0]
    plan, _ = look(Fleet((), fleet.instances, fleet.origins), new)
    assert kinds(plan) == [("add", "b")]


@pytest.mark.parametrize(
    "more", [{"engine": EngineName.MARIADB}, {"resource_id": "arn:c"}, {"host": "A.db.example."}]
)
def test_an_address_is_registered_once(more: dict[str, object]) -> None:
    by_hand = replace(resource("a"), engine=EngineName.MYSQL, port=3306)
    _, fleet = look(Fleet(()), by_hand)
    if "engine" in more:
        fleet = replace(fleet, origins={})
        plan, _ = look(fleet, replace(by_hand, name="b", **more))  # type: ignore[arg-type]
    else:
        other = replace(by_hand, **{"resource_id": "arn:b", "name": "b", **more})  # type: ignore[arg-type]
        plan, _ = look(fleet, by_hand, other)
    assert (plan.steps, plan.left_out[0]) == (
        (),
        f"b ({SCOPE}): its address is that of 'a': remove that, or give it another, first",
    )


def test_an_address_that_was_left_is_free() -> None:
    _, fleet = look(Fleet(()), resource("z"))
    plan, after = look(
        fleet, resource("z", host="z2.db.example"), resource("a", host="z.db.example")
    )
    assert kinds(plan) == [("add", "a"), ("change", "z")]
    assert len({item.host for item in after.instances}) == 2


def test_who_is_there_is_found_before_who_was_removed() -> None:
    _, fleet = look(Fleet(()), resource("a", own_id="one"), resource("b", own_id="one"))
    first, second = fleet.instances
    fleet = Fleet((first,), (second,), fleet.origins)
    plan, _ = look(fleet, resource("c", own_id="one"))
    assert kinds(plan) == [("change", "a")]


def test_a_name_that_is_taken_in_all_its_forms_is_another() -> None:
    item = resource("a")
    digest = sha256(item.resource_id.encode()).hexdigest()
    names = ("a", "a.eu", "a.eu.1", f"a-{digest[:8]}")
    taken = [resource(name, resource_id=f"arn:{name}!", host=f"h{name}") for name in names]
    _, fleet = look(Fleet(()), *taken)
    plan, _ = look(fleet, *taken, item)
    assert kinds(plan) == [("add", f"a-{digest}")]


@pytest.mark.parametrize(
    ("tags", "texts"),
    [
        ((("a", "b"), ("c", "")), ("a=b", "c")),
        ((("a;b", "\x1b[2J"),), (r"a,b=\x1b[2J",)),
        (((" ", ""), ("", "")), ()),
        ((("k", "v" * 300),), (f"k={'v' * 252}…",)),
        (tuple((str(number), "") for number in range(99)), tuple(map(str, range(MOST_TAGS)))),
    ],
)
def test_tags_are_ours(tags: tuple[tuple[str, str], ...], texts: tuple[str, ...]) -> None:
    assert tag_texts(tags) == texts


_NASTY = st.text(max_size=6) | st.sampled_from(
    ["a", "b", "", "\x1b[2J", "\u202ex", "x" * 600, "a;b"]
)
_ENGINES = st.sampled_from([EngineName.POSTGRESQL, EngineName.MYSQL, None])


@st.composite
def _resources(draw: st.DrawFn) -> list[Resource]:
    found: dict[str, Resource] = {}
    for number in draw(st.lists(st.integers(0, 6), max_size=6)):
        engine = draw(_ENGINES)
        item = Resource(
            resource_id=draw(st.just(f"arn:{number}") | _NASTY.filter(bool)),
            scope=draw(st.sampled_from(["aws/1/eu", "aws/1/us"])),
            name=draw(_NASTY),
            own_id=draw(st.sampled_from(["", "one", "two"])),
            place=(draw(_NASTY), "1"),
            engine=engine,
            host=draw(st.sampled_from(["h1", "h2", "H2.", "h3", "", "a b"])),
            port=draw(st.sampled_from([5432, 5433, 0])),
            tags=tuple(draw(st.lists(st.tuples(_NASTY, _NASTY), max_size=3))),
            reason="" if engine else "it is of no engine that is known here",
        )
        found[item.resource_id] = item
    return list(found.values())


@given(st.lists(st.tuples(_resources(), st.sets(st.sampled_from(["aws/1/eu", "aws/1/us"]))),
                min_size=1, max_size=4))  # fmt: skip
def test_whatever_is_listed_is_planned_once(
    looks: Sequence[tuple[list[Resource], set[str]]],
) -> None:
    """No look removes anything, marks more than it may, or is not done when it is done."""
    manual = InstanceRow.model_validate(
        {"name": "a", "engine": "postgresql", "host": "h1", "credential": "c", "port": 5432}
    ).instance()
    fleet = Fleet((replace(manual, id=1),))
    for resources, whole in looks:
        scopes = {name: "" if name in whole else "refused" for name in ("aws/1/eu", "aws/1/us")}
        found = Listing(Cloud.AWS, tuple(resources), scopes)
        plan = planned(found, fleet, ASKED, NOW)
        after = done(fleet, plan)
        assert {item.id for item in fleet.instances} <= {item.id for item in after.instances}
        assert all(item.is_active for item in after.instances)
        names = [item.name for item in after.instances]
        assert len(names) == len(set(names))
        ids = [origin.resource_id for origin in after.origins.values()]
        assert len(ids) == len(set(ids))
        assert all(_may_be(fleet, after, item, whole) for item in after.instances)
        for item in after.instances:
            InstanceRow.model_validate(InstanceRow.of(item).model_dump())
        assert planned(found, after, ASKED, NOW).steps == ()
        fleet = after


def _may_be(before: Fleet, after: Fleet, item: Instance, whole: set[str]) -> bool:
    """Return whether an instance is marked only where its part of the list was whole."""
    was: Origin | None = before.origins.get(item.id)
    now = after.origins.get(item.id)
    newly = now is not None and now.vanished_at is not None and (not was or not was.vanished_at)
    return not newly or (now is not None and now.scope in whole)
