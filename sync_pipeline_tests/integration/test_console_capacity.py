"""Capacity: the numbers of the commands, days that are missing, pages in an index's order."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from sync_pipeline.model.aggregation import AggregationRequest
from sync_pipeline.model.page import InstanceQuestion, Page, Place
from sync_pipeline.model.period import Period, PeriodRange, PeriodType
from sync_pipeline.model.size import (
    DatabaseSize,
    Measure,
    SizeLimit,
    SizeSnapshot,
    TableSize,
    TablespaceSize,
)
from sync_pipeline.model.standing import FleetPeriod, StandingOrder, StandingQuestion, Subjects
from sync_pipeline.model.viewer import EVERYTHING, Viewer
from sync_pipeline.settings import Settings
from sync_pipeline.store.store import Store
from sync_pipeline.web.asked import encoded
from sync_pipeline.web.resources.capacity import _points
from sync_pipeline.web.resources.histories import plot_of
from sync_pipeline.web.serve import NoSecrets, reading
from sync_pipeline.workflows.console import capacity
from sync_pipeline.workflows.console.answers import Answers
from sync_pipeline.workflows.dependencies import SyncDeps
from workbench.benches.command import Command, command_at
from workbench.benches.store_bench import StoreBench
from workbench.fleet.teams import HOSTILE
from workbench.running.asked_pages import Pages, pages_of_home
from workbench.servers.statements import counted, planned
from workbench.strategies.sizes import SERVER, noon, put_snapshots, snapshot_of

NOW = datetime(2026, 11, 30, 8, tzinfo=UTC)
TODAY = NOW.date()
GB = 10**9
ODD = HOSTILE[0]
MISSING = (3, 4, 5, 20)
"""Days back on which alpha was not measured."""


def snapshot(number: int, back: int) -> SizeSnapshot:
    """Return what is there so many days ago: each database grows by its own rate."""
    chance = random.Random(f"{number}{back}")
    databases = [
        DatabaseSize(
            name,
            Measure.known((1000 + kind - back * (kind + number)) * GB // 10 + chance.randrange(GB)),
            Measure.known(GB),
            Measure.known(chance.randrange(GB)),
            maximum_bytes=200 * GB if kind == 1 else None,
            tables=(TableSize("public", ODD, (50 - back // 3) * GB, 40 * GB, GB),),
        )
        for kind, name in enumerate(("same", "app", ODD))
    ]
    if number == 1 and back < 1:
        jumped = Measure.known(900 * GB)
        databases[2] = replace(databases[2], total=jumped)
    if back == 9:
        databases[1] = DatabaseSize("app", Measure.unreachable("it is closed"))
    if back > 30:
        databases.append(DatabaseSize("old", Measure.known(GB)))
    return SizeSnapshot(
        server=SERVER,
        observed_at=noon(TODAY - timedelta(days=back)),
        databases=tuple(databases),
        log=Measure.known(2 * GB),
        temporary=Measure.denied("it is secret"),
        tablespaces=(TablespaceSize("capped", Measure.known((900 - back) * GB), 920 * GB),),
    )


def fill(store: Store, count: int = 4, begin: int = 60) -> None:
    """Write days of instances, the last of which nobody measures any more."""
    names = ("alpha", "beta", "gamma", "delta", "epsilon", "zeta")[:count]
    fleet = StoreBench(store, NOW).fleet(*names)
    for number, item in enumerate(fleet):
        first = 40 if number == count - 1 and begin > 40 else 0
        days = [back for back in range(first, begin) if number or back not in MISSING]
        found = {TODAY - timedelta(days=back): snapshot(number, back) for back in days}
        put_snapshots(store, item.id, found)
        for kind in PeriodType:
            periods = PeriodRange.between(kind, TODAY - timedelta(days=begin - 1), TODAY)
            store.aggregations.compute([AggregationRequest((item.id,), periods, TODAY, 5.0, NOW)])
        known = store.registry.instance(item.name)
        assert known is not None
        store.registry.put_instances([replace(known, tags=(f"n={number % 2}",))], NOW)
    limits = ("alpha", "", 400), ("alpha", "app", 150), ("beta", ODD, 950), ("gamma", "", 9999)
    for name, database, size in limits:
        if name in names:
            store.size_queries.put_limit(SizeLimit(name, database, size * GB))


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("capacity")
    directory.chmod(0o700)
    store = Store.open(f"sqlite:///{directory}/sync_pipeline.db")
    fill(store)
    store.close()
    return directory


@pytest.fixture(scope="module")
def pages(home: Path) -> Iterator[Pages]:
    with pages_of_home(home, NOW) as made:
        yield made


@pytest.fixture
def told(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Command]:
    """The command on the same home, at the same moment."""
    with command_at(home, NOW, monkeypatch, capsys) as made:
        yield made


def rows(pages: Pages, path: str = "capacity", table: str = "standings", **query: Any) -> Any:
    found = pages.get(f"/api/v1/{path}", {"limit": 500, **query})
    assert found.status == 200, found.text
    return found.json["tables"][table]["items"]


def subject(item: dict[str, Any]) -> tuple[str, str]:
    return item["instance"], item["database"] or ""


def test_present_sizes_and_limits_are_those_of_the_commands(pages: Pages, told: Command) -> None:
    top = told.ok("capacity", "top", "--limit", "100", "--json").json
    shown = rows(pages)
    now = {subject(item): (item["now_bytes"], item["measured"]) for item in shown}
    assert {key: value for key, value in now.items() if value[0]} == {
        subject(item): (item["total_bytes"], item["collected_date"]) for item in top
    }
    limits = told.ok("capacity", "limits", "--json").json
    wanted = {subject(item): item["limit_bytes"] for item in limits}
    every = [*shown, *rows(pages, by="instances")]
    known = {subject(item): item["limit_bytes"] for item in every if item["limit_bytes"]}
    assert known == wanted
    jumps = {subject(item): item["jumped_by_bytes"] for item in every if item["jumped_by_bytes"]}
    assert set(jumps) == {("beta", ODD), ("beta", "")}
    (known_jump,) = told.ok("capacity", "show", "beta", "--json").json["anomalies"]
    grown = known_jump["total_bytes"] - known_jump["baseline_bytes"]
    assert jumps["beta", ODD] == grown


@pytest.mark.parametrize("kind", list(PeriodType))
def test_growth_is_that_of_the_history(pages: Pages, told: Command, kind: PeriodType) -> None:
    period = Period.of(kind, TODAY).previous
    day = ("--from", f"{period.start}", "--to", f"{period.start}")
    for by, names in (("instances", [None]), ("databases", ["same", "app", ODD, "old"])):
        wanted = {}
        for name in names:
            option = ["--database", name] if name else []
            listed = told.ok(
                *("capacity", "history", "--period", kind, *day, *option, "--json")
            ).json
            wanted |= {subject(item): item for item in listed}
        shown = rows(pages, by=by, period=kind)
        assert {subject(item) for item in shown} == set(wanted)
        for item in shown:
            own = wanted[subject(item)]
            assert item["last_bytes"] == own["total"]["last_bytes"]
            assert item["change_bytes"] == own["total"]["change_bytes"]
            assert item["change_percent"] == own["total"]["change_percent"]
            assert item["trend"] == own["trend"]
            assert item["days"] == f"{own['data_count']}/{own['expected_count']}"


def test_the_fleet_is_the_sum_of_its_instances(pages: Pages, told: Command) -> None:
    for query, tags in (({}, ()), ({"tag": "n=0"}, ("--tag", "n=0"))):
        listed = told.ok(
            *("capacity", "history", "--period", "week", *tags, "--from", "2026-06-01", "--json")
        ).json
        wanted: dict[str, list[int | None]] = {}
        for item in listed:
            wanted.setdefault(item["period_start"], []).append(item["total"]["last_bytes"])
        shown = rows(pages, table="fleet", **query)
        assert len(shown) == 10
        for item in shown:
            own = wanted.get(item["begins"], [])
            known = [size for size in own if size is not None]
            assert item["total_bytes"] == (sum(known) if own else None), item
            assert (item["instances"] or 0, item["without_size"] or 0) == (
                len(known),
                len(own) - len(known),
            )
    facts = pages.get("/api/v1/capacity").json["facts"]
    newest = rows(pages, table="fleet")[0]
    assert facts["total_bytes"] == newest["total_bytes"]
    assert (facts["begins"], facts["ends"]) == ("2026-11-23", "2026-11-30")


GROWN = {
    "measured": "last_date",
    "size_bytes": "last_bytes",
    "bytes_a_day": "bytes_per_day",
    "low_bytes_a_day": "low_bytes_per_day",
    "high_bytes_a_day": "high_bytes_per_day",
    "season_days": "season_days",
    "level_since": "level_since",
    "limit_bytes": "limit_bytes",
    "limit_kind": "limit_kind",
    "days_until_limit": "days_until_limit",
    "earliest_days_until_limit": "earliest_days_until_limit",
}


def require_grown(page: Any, own: dict[str, Any]) -> None:
    facts = page["facts"]
    assert {key: facts[key] for key in GROWN} == {key: own[GROWN[key]] for key in GROWN}
    assert facts["trend"] == (own["trend"] or "too few points")
    assert [
        [item[key] for key in ("in_days", "expected_bytes", "low_bytes", "high_bytes")]
        for item in page["tables"]["forecasts"]["items"]
    ] == [
        [item[key] for key in ("days", "expected_bytes", "low_bytes", "high_bytes")]
        for item in own["forecasts"]
    ]
    if own["days_until_limit"] is not None:
        reached = date.fromisoformat(own["last_date"]) + timedelta(
            days=round(own["days_until_limit"])
        )
        assert facts["limit_reached"] == f"{reached}"


def test_forecasts_are_those_of_the_command(pages: Pages, told: Command) -> None:
    limited = 0
    for name in ("alpha", "beta", "gamma"):
        for own in told.ok("capacity", "forecast", name, "--json").json:
            limited += own["days_until_limit"] is not None
            if own["tablespace"]:
                (space,) = rows(pages, "capacity-instance", "tablespaces", instance=name)
                assert space["days_until_limit"] == own["days_until_limit"]
                assert space["bytes_a_day"] == own["bytes_per_day"]
            elif own["database"]:
                query = {"instance": name, "database": own["database"]}
                require_grown(pages.get("/api/v1/capacity-database", query).json, own)
            else:
                page = pages.get("/api/v1/capacity-instance", {"instance": name}).json
                require_grown(page, own)
    assert limited > 4


def test_the_limit_that_is_nearest_comes_first(pages: Pages, told: Command) -> None:
    for by in ("instances", "databases"):
        shown = rows(pages, by=by, sort="until", period="week")
        assert {subject(item) for item in shown} == {
            subject(item)
            for item in told.ok("capacity", "limits", "--json").json
            if bool(item["database"]) == (by == "databases")
        }
        days = [item["days_at_this_growth"] for item in shown]
        known = [value for value in days if value is not None]
        assert known == sorted(known)
        assert days[len(known) :] == [None] * (len(days) - len(known))
        for item in shown:
            own = told.ok(
                *("capacity", "forecast", item["instance"], "--json"),
                *(["--database", item["database"]] if item["database"] else []),
            ).json[0]
            assert item["days_until_limit"] == own["days_until_limit"]
            assert item["limit_bytes"] == own["limit_bytes"]
            of_period = item["last_bytes"] + item["change_bytes"] * (value_of(item) / 7)
            wanted = next(
                limit["limit_bytes"]
                for limit in told.ok("capacity", "limits", "--json").json
                if subject(limit) == subject(item)
            )
            if value_of(item):
                assert of_period == pytest.approx(wanted, rel=1e-9)
    assert len(rows(pages, by="databases", sort="until", limit=1)) == 1


def value_of(item: dict[str, Any]) -> float:
    return float(item["days_at_this_growth"] or 0)


def test_an_instance_and_its_parts_are_those_of_the_command(pages: Pages, told: Command) -> None:
    for name in ("alpha", "beta"):
        listed = told.ok("capacity", "show", name, "--json").json
        page = pages.get("/api/v1/capacity-instance", {"instance": name, "limit": 500}).json
        tables, facts = page["tables"], page["facts"]
        whole = listed["instance"]
        assert facts["databases"] == whole["database_count"]
        assert (facts["unread"], facts["known_bytes"]) == (
            whole["unread_count"],
            whole["known_bytes"],
        )
        parts = ("data_bytes", "index_bytes", "log_bytes", "temporary_bytes")
        assert {
            (item["database"], item["size_bytes"], *(item[part] for part in parts))
            for item in tables["sizes"]["items"]
        } == {
            (item["database"], item["total_bytes"], *(item[part] for part in parts))
            for item in listed["databases"]
        }
        order = [item["size_bytes"] for item in tables["sizes"]["items"]]
        assert order == sorted(order, reverse=True)
        assert [
            (i["database"], i["table"], i["size_bytes"]) for i in tables["tables"]["items"]
        ] == [(i["database"], i["name"], i["total_bytes"]) for i in listed["tables"]]
        assert [(i["database"] or "", i["size_bytes"]) for i in tables["jumps"]["items"]] == [
            (i["database"], i["total_bytes"]) for i in listed["anomalies"]
        ]
        assert [i["maximum_bytes"] for i in tables["tablespaces"]["items"]] == [920 * GB]
        history = told.ok("capacity", "history", name, "--json").json
        known = {item["period_start"]: item["total"] for item in history}
        for item in tables["periods"]["items"]:
            own = known.get(item["begins"], {})
            assert item["average_bytes"] == own.get("avg_bytes")
            assert item["growth_percent"] == own.get("growth_rate")
        paged: list[Any] = []
        after = ""
        while True:
            query = {"instance": name, "limit": 1, **({"after": after} if after else {})}
            found = pages.get("/api/v1/capacity-instance", query).json["tables"]["sizes"]
            paged += found["items"]
            after = found["next"]
            if not after:
                break
        assert paged == tables["sizes"]["items"]


def test_days_that_were_not_measured_are_gaps_with_names(pages: Pages) -> None:
    page = pages.get("/api/v1/capacity-instance", {"instance": "alpha"}).json["tables"]
    missing = {f"{TODAY - timedelta(days=back)}" for back in MISSING}
    days = page["days"]["items"]
    assert len(days) == 60
    assert days[0]["day"] == f"{TODAY}"
    assert {item["day"] for item in days if item["state"] == "not measured"} == missing
    # One database was not read: the whole is not known, and that is said.
    (closed,) = (item for item in days if item["state"] == "not known")
    assert (closed["size_bytes"], closed["why"]) == (
        None,
        "denied: it is secret unreachable: it is closed",
    )
    assert [(item["first"], item["last"]) for item in page["gaps"]["items"]] == [
        ("2026-11-10", "2026-11-10"), ("2026-11-21", "2026-11-21"), ("2026-11-25", "2026-11-27"),
    ]  # fmt: skip
    text = pages.get("/capacity-instance", {"instance": "alpha"}).text
    assert text.count('<rect class="gap"') == 3
    assert "2026-11-25 – 2026-11-27" in text
    assert "No size: 5 of these." in text
    # A database that is gone was not there; its instance was measured.
    query = {"instance": "beta", "database": "old"}
    gone = pages.get("/api/v1/capacity-database", query).json["tables"]["days"]["items"]
    assert {item["state"] for item in gone[:30]} == {"not there"}
    assert {item["state"] for item in gone[31:]} == {"measured"}


def test_of_today_nothing_is_missing_before_it_was_measured(tmp_path: Path) -> None:
    store = Store.open(f"sqlite:///{tmp_path}/sync_pipeline.db")
    (item,) = StoreBench(store, NOW).fleet("alpha")
    days = {TODAY - timedelta(days=back): snapshot(1, back) for back in range(1, 9)}
    put_snapshots(store, item.id, days)
    deps = SyncDeps(store, NoSecrets(), Settings(home=tmp_path), lambda: NOW)
    found = Answers(deps, Viewer("all")).capacity.sizes(item)
    assert not found.gaps
    assert found.days[-1][0] == TODAY - timedelta(days=1)
    store.close()


def test_a_table_has_a_past_too(pages: Pages) -> None:
    (shown,) = (
        item for item in rows(pages, "capacity-database", "tables", instance="beta", database="app")
    )
    query = {"instance": "beta", "database": "app", "schema": "public", "name": shown["table"]}
    page = pages.get("/api/v1/capacity-table", query).json
    assert page["facts"]["size_bytes"] == shown["size_bytes"] == 50 * GB
    assert page["facts"]["trend"] == "growing"
    days = page["tables"]["days"]["items"]
    assert [item["state"] for item in days[8:11]] == ["measured", "not there", "measured"]
    assert pages.get("/api/v1/capacity-table", {**query, "name": "none"}).status == 404
    text = pages.get("/capacity-table", query).text
    assert "<script>alert" not in text
    assert "style=" not in text


def test_names_run_nothing_and_lead_to_their_pages(pages: Pages) -> None:
    for path, query in (
        ("/capacity", {}),
        ("/capacity-instance", {"instance": "beta"}),
        ("/capacity-database", {"instance": "beta", "database": ODD}),
        ("/instance", {"name": "beta"}),
    ):
        text = pages.get(path, query).text
        assert text.count("<svg role=") == 1, path
        assert "<script>alert" not in text
        assert "/capacity-" in text
    assert "%3Cscript%3E" in pages.get("/capacity").text


def test_what_is_no_question_is_said(pages: Pages, monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = (
        ({"from": "2026-13-01"}, "is a day"),
        ({"from": "0001-01-01"}, "is a day"),
        ({"from": "2026-11-02", "to": "2026-11-01"}, "ends before it begins"),
        ({"from": "2020-01-01"}, "more than 500 days"),
    )
    for query, sentence in wrong:
        found = pages.get("/api/v1/capacity-instance", {"instance": "beta", **query})
        assert found.status == 400
        assert sentence in found.json["detail"]
    query = {"sort": "-growth", "period": "day"}
    assert pages.get("/api/v1/capacity", query).status == 200
    monkeypatch.setattr(capacity, "MOST_SORTED", 2)
    # Another question: the answer to the same one is remembered.
    found = pages.get("/api/v1/capacity", {**query, "sort": "growth"})
    assert found.status == 400
    assert "at most 2 instances" in found.json["detail"]
    assert pages.get("/api/v1/capacity", {**query, "tag": "n=0"}).status == 200
    assert pages.get("/api/v1/capacity", {**query, "by": "instances"}).status == 200


@pytest.mark.parametrize("value", ["nan", "inf", "9" * 400, "9" * 5000, "--5", "x", "1e999"])
def test_a_key_that_is_none_is_no_page(pages: Pages, value: str) -> None:
    for key in ((value, "alpha", "app"), ("1", "nowhere", "app"), ("1", "alpha", "none")):
        found = pages.get("/api/v1/capacity", {"after": encoded(key)})
        assert found.status == 400
        assert "Begin at its first page" in found.json["detail"]


ORDERS = [
    (subjects, order, is_descending)
    for subjects in Subjects
    for order in StandingOrder
    for is_descending in (True, False)
]


def test_pages_by_key_are_whole_and_in_order(store: Store) -> None:
    fill(store, begin=18)
    for kind in (PeriodType.DAY, PeriodType.WEEK):
        period = Period.of(kind, TODAY).previous
        for subjects, order, is_descending in ORDERS:
            asked = StandingQuestion(
                period, subjects=subjects, order=order, is_descending=is_descending
            )
            page = store.capacity_pages.page
            whole = page(EVERYTHING, asked, Place(500)).items
            found, place = [], Place(3)
            while True:
                some = page(EVERYTHING, asked, place)
                found += some.items
                if some.next is None:
                    break
                place = Place(3, some.next)
            assert tuple(found) == whole
            values = [value_in(order, item) for item in whole]
            known = [value for value in values if value is not None]
            assert known == sorted(known, reverse=is_descending)
            assert values[len(known) :] == [None] * (len(values) - len(known))
    require_an_index(store)


def value_in(order: StandingOrder, item: Any) -> float | None:
    if item.aggregation is None:
        return None
    total = item.aggregation.total
    found: float | None = {
        StandingOrder.SIZE: total.last_bytes,
        StandingOrder.GROWTH: total.change_bytes,
        StandingOrder.PERCENT: total.change_percent,
        StandingOrder.UNTIL: item.days_until,
    }[order]
    return found


def test_sizes_of_servers_that_lie_are_added_up(store: Store) -> None:
    """More than any column holds: what one says of itself hides no other's sizes."""
    week = Period.of(PeriodType.WEEK, TODAY).previous
    huge = 2**61
    names = ("a", "b", "c", "d", "e")
    for item in StoreBench(store, NOW).fleet(*names):
        found = {"db": (Measure.known(huge),) * 3}
        put_snapshots(store, item.id, {week.start: snapshot_of(week.start, found)})
        store.size_queries.put_limit(SizeLimit(item.name, "db", huge))
        periods = PeriodRange(week, week)
        store.aggregations.compute([AggregationRequest((item.id,), periods, TODAY, 5.0, NOW)])
    (at,) = store.capacity_pages.fleet(EVERYTHING, InstanceQuestion(), week, week)
    assert (at.total_bytes, at.instances) == (5 * huge, 5)
    for order in StandingOrder:
        asked = StandingQuestion(week, order=order)
        first = store.capacity_pages.page(EVERYTHING, asked, Place(2))
        rest = store.capacity_pages.page(EVERYTHING, asked, Place(5, first.next))
        assert sorted(item.instance for item in (*first.items, *rest.items)) == list(names)


def require_an_index(store: Store) -> None:
    """Whole fleets are read in the order of an index, and nothing of them is sorted."""
    week = Period.of(PeriodType.WEEK, TODAY).previous
    names = {"size": "size", "growth": "growth", "percent": "percent"}
    for order, name in names.items():
        asked = StandingQuestion(week, order=StandingOrder(order))
        key = store.capacity_pages.page(EVERYTHING, asked, Place(2)).next
        for place in (Place(2), Place(2, key)):
            with planned(store) as plans:
                store.capacity_pages.page(EVERYTHING, asked, place)
            plan = next(item for item in plans if "size_aggregations" in item)
            assert f"ix_database_size_aggregations_by_{name}" in plan, plan
            assert not {"TEMP B-TREE", "Sort"} & set(_words(plan)), plan
    with planned(store) as plans:
        first = Period.of(PeriodType.WEEK, TODAY - timedelta(days=180))
        store.capacity_pages.fleet(EVERYTHING, InstanceQuestion(), first, week)
    plan = plans[-1]
    assert "ix_instance_size_aggregations_by_size" in plan
    if store._database.is_sqlite:
        assert "COVERING INDEX" in plan


def _words(plan: str) -> list[str]:
    return [word for word in ("TEMP B-TREE", "Sort") if word in plan]


def test_a_fleet_takes_as_many_statements_as_an_instance(tmp_path: Path) -> None:
    sent: dict[int, dict[str, int]] = {}
    for count in (2, 4):
        store = Store.open(f"sqlite:///{tmp_path}/{count}.db")
        fill(store, count, 12)
        deps = SyncDeps(store, NoSecrets(), Settings(home=tmp_path), lambda: NOW)
        pages = Pages(deps)
        asked = {
            **{f"{by}{sort}": ("/capacity", {"by": by, "sort": sort})
               for by in Subjects for sort in ("-size", "until")},
            "instance": ("/capacity-instance", {"instance": "alpha"}),
            "database": ("/capacity-database", {"instance": "alpha", "database": "app"}),
        }  # fmt: skip
        sent[count] = {}
        for name, (path, query) in asked.items():
            with counted(store) as statements:
                assert pages.get(path, query).status == 200
            sent[count][name] = len(statements)
        pages.close()
        store.close()
    assert sent[2] == sent[4]
    assert max(sent[4].values()) <= 22, sent


@pytest.mark.parametrize(
    ("counts", "wrong"),
    [
        ((5, 5, 4, 4, 5, 5), {2, 3}),
        ((5, 0, 5), {1}),
        ((6, 5, 5), set()),
        ((4, 5, 6), set()),
        # Of the last one it is not known yet.
        ((5, 5, 4), {2}),
        ((3,), set()),
    ],
)
def test_a_sum_without_an_instance_is_no_size_of_the_fleet(
    counts: tuple[int, ...], wrong: set[int]
) -> None:
    week = Period.of(PeriodType.WEEK, TODAY)
    shown = [
        (week, FleetPeriod(TODAY, count * GB, count, 0) if count else None) for count in counts
    ]
    found = capacity._fleet(shown)
    assert {number for number, at in enumerate(found) if not at.is_whole} == wrong
    points = _points(capacity.FleetAnswer(week, Page(), found))
    assert [value for _, value in points] == [
        None if number in wrong else count * GB for number, count in enumerate(counts)
    ]


def test_what_is_expected_begins_at_the_level_and_not_at_an_odd_day(home: Path) -> None:
    with reading(Settings(home=home), lambda: NOW) as deps:
        answers = Answers(deps, Viewer("all"))
        asked = answers.capacity.range_of(None, None, PeriodType.WEEK)
        found = answers.capacity.database("beta", ODD, asked)
        assert found is not None
        plot = plot_of(found.history)
        (first, begin), *rest = plot.lines[1].points
        assert (first, found.history.days[-1][1].total_bytes) == (TODAY, 900 * GB)  # type: ignore[union-attr]
        assert begin is not None
        assert begin < 110 * GB
        (near, expected), (far, later) = rest
        assert (near - first).days * 3 == (far - first).days == 90
        assert expected is not None
        assert later is not None
        assert (later - begin) / (expected - begin) == pytest.approx(3)
        assert all(low <= high for _, low, high in plot.band)
        # A history that ends before has none.
        asked = answers.capacity.range_of(None, date(2026, 11, 1), PeriodType.WEEK)
        past = answers.capacity.database("beta", ODD, asked)
        assert past is not None
        assert len(plot_of(past.history).lines) == 1
