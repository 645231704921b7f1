"""Today and Changes: the commands' numbers, by few statements that indexes answer."""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from html import unescape
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest
from alembic import command as alembic
from alembic.config import Config
from sqlalchemy import event, update

from sync_pipeline.model.account import AccountKind, AccountState
from sync_pipeline.model.aggregation import AggregationRequest
from sync_pipeline.model.breaker import Streak
from sync_pipeline.model.change import Baseline, ChangeType, Effect, LoggedChange
from sync_pipeline.model.change_page import ChangeQuestion
from sync_pipeline.model.finding import Severity
from sync_pipeline.model.freshness import WatchState
from sync_pipeline.model.instance import EngineName
from sync_pipeline.model.inventory import ChangeFilter
from sync_pipeline.model.maintenance import NewWindow
from sync_pipeline.model.page import InstanceQuestion, InstanceState, Place
from sync_pipeline.model.period import PeriodRange, PeriodType
from sync_pipeline.model.session import SyncCategory
from sync_pipeline.model.size import Measure, SizeLimit
from sync_pipeline.model.viewer import EVERYTHING, Reach, Viewer
from sync_pipeline.settings import Settings
from sync_pipeline.store.database import insert_rows
from sync_pipeline.store.schema import account_change_log as log
from sync_pipeline.store.store import Store
from sync_pipeline.web.asked import encoded
from sync_pipeline.web.serve import NoSecrets, reading
from sync_pipeline.workflows.answers.findings import review_of
from sync_pipeline.workflows.answers.history import change_list
from sync_pipeline.workflows.console.answers import Answers
from sync_pipeline.workflows.dependencies import SyncDeps
from workbench.benches.command import Command, command_at
from workbench.benches.store_bench import StoreBench, an_account, minutes
from workbench.fleet.teams import HOSTILE, NOW, Team, fill
from workbench.running.asked_pages import Pages, pages_of_home
from workbench.servers.statements import counted, planned
from workbench.strategies.reviewed_worlds import reviewed_snapshot
from workbench.strategies.sizes import put_snapshots, snapshot_of

LATER = NOW + timedelta(hours=23)
SINCE = LATER - timedelta(hours=24)
"""Some of the syncs that made the store are older, and one is of that very moment."""
TEAMS = Team("blue", 4, HOSTILE), Team("ruby", 2)


def deps_of(store: Store, now: datetime = LATER) -> SyncDeps:
    return SyncDeps(store, NoSecrets(), Settings(), lambda: now)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("today")
    directory.chmod(0o700)
    store = Store.open(f"sqlite:///{directory}/sync_pipeline.db")
    fill(store, TEAMS, 7, sessions=4)
    _measure(store)
    _become_worse(store)
    _hold(store)
    # As syncs do: what is kept of reviews is read by who asks.
    instances = store.registry.instances(include_inactive=False)
    review_of(deps_of(store, LATER - timedelta(hours=1)), instances)
    store.close()
    return directory


def _become_worse(store: Store) -> None:
    """Sync some instances once more, after their first reviews, with superusers and without."""
    bench = StoreBench(store, NOW + timedelta(hours=2))
    fleet = [item for item in store.registry.instances() if item.is_active][:3]
    session = bench.open(fleet)
    for item in fleet:
        states = tuple(known.state for known in store.accounts.known(item.id))
        boss = AccountState("boss\u202e", AccountKind.USER, can_login=True, is_superuser=True)
        read = reviewed_snapshot(random.Random(3), item.engine, bench.now)
        read = replace(read, accounts=(*states[1:], boss))
        bench.apply_snapshot(bench.claim(session, item), item, read)


def _measure(store: Store) -> None:
    for number, item in enumerate(store.registry.instances()):
        days = {}
        for ago in range(20):
            day = (LATER - timedelta(days=ago)).date()
            size = Measure.known(10**10 + (20 - ago) * 10**8 * (number + 1))
            days[day] = snapshot_of(day, {"db": (size,) * 3, "still": (Measure.known(1),) * 3})
        put_snapshots(store, item.id, days)
        weeks = PeriodRange.between(PeriodType.WEEK, min(days), max(days))
        request = AggregationRequest((item.id,), weeks, LATER.date(), 5.0, LATER)
        store.aggregations.compute([request])
        if number % 2:
            store.size_queries.put_limit(SizeLimit(item.name, "", 2 * 10**10))
        store.size_queries.put_limit(SizeLimit(item.name, "db", 3 * 10**10))


def _hold(store: Store) -> None:
    one, two, three, *more = store.registry.instances()
    for item in (one, *more[:2]):
        store.streaks.end(item.id, SyncCategory.ACCOUNT)
    hour = timedelta(hours=1)
    store.maintenance.start(
        NewWindow(LATER - hour, LATER + hour, "<b>works</b>", instance_id=one.id)
    )
    for number in range(6):
        failed = Streak(two.id, SyncCategory.ACCOUNT, 1, LATER, "connect", "away")
        store.streaks.lengthen(failed, f"t{number}")
    states = {(three.id, SyncCategory.ACCOUNT): WatchState(stale_since=NOW)}
    store.freshness.save({}, states, ())


@pytest.fixture(scope="module")
def pages(home: Path) -> Iterator[Pages]:
    with pages_of_home(home, LATER) as made:
        yield made


@pytest.fixture(scope="module")
def today(pages: Pages) -> dict[str, Any]:
    found: dict[str, Any] = pages.get("/api/v1/today").json
    return found


@pytest.fixture
def told(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Command]:
    """The command on the same home, at the same moment."""
    with command_at(home, LATER, monkeypatch, capsys) as made:
        yield made


def rows_of(today: dict[str, Any], table: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = today["tables"][table]["items"]
    return found


def everything(pages: Pages, limit: int = 500, **query: Any) -> list[dict[str, Any]]:
    """Return the rows of all pages of changes."""
    found: list[dict[str, Any]] = []
    after = ""
    while True:
        asked = {**query, "limit": limit, **({"after": after} if after else {})}
        page = pages.get("/api/v1/changes", asked).json
        # Nothing was imported, and no other page has the column.
        found += [{key: item[key] for key in item if key != "from"} for item in page["items"]]
        after = page["next"]
        if not after:
            return found


def row_of(entry: LoggedChange | Baseline) -> tuple[Any, ...]:
    when = entry.changed_at.isoformat()
    if isinstance(entry, Baseline):
        return when, entry.instance, None, "baseline", [entry.line], entry.session_id
    change = entry.change
    kind, lines = str(change.change_type), list(change.lines[:40])
    return when, entry.instance, change.account, kind, lines, entry.session_id


def shown(row: dict[str, Any]) -> tuple[Any, ...]:
    keys = ("when", "instance", "account", "change", "what", "session")
    return tuple(row[key][:40] if key == "what" else row[key] for key in keys)


def test_instances_are_counted_as_their_lists(
    pages: Pages, today: dict[str, Any], told: Command
) -> None:
    listed = told.ok("instances", "list", "--json").json
    facts = today["facts"]
    assert facts["instances"] == len(listed)
    assert facts["in_maintenance"] == sum(bool(item["maintenance"]) for item in listed) == 1
    assert facts["held"] == sum(bool(item["not_reached"]) for item in listed) == 1
    assert facts["never_reached"] == sum(not item["last_connected_at"] for item in listed)
    assert facts["overdue"] == 1
    names = {
        "synced": "synced", "overdue": "overdue", "failing": "failing", "held": "held",
        "in_maintenance": "maintenance", "never_reached": "never-reached",
    }  # fmt: skip
    for fact, state in names.items():
        assert pages.get("/api/v1/instances", {"state": state}).json["total"] == facts[fact], fact
    well = pages.get("/api/v1/instances", {"state": "synced"}).json["items"]
    assert facts["synced"] > 0
    assert {item["state"] for item in well} == {"well"}
    text = pages.get("/today").text
    # Whatever it leads to is there.
    for path, query in set(re.findall(r'href="(/(?!static|api)[a-z-]+)\?([^"]*)"', text)):
        assert pages.get(path, unescape(query)).status == 200, (path, query)


def test_changes_are_those_of_the_command(pages: Pages, home: Path, told: Command) -> None:
    rows = everything(pages)
    with reading(Settings(home=home), lambda: LATER) as deps:
        listed = change_list(deps.store, ChangeFilter(limit=None))
    assert Counter(map(str, map(shown, rows))) == Counter(str(row_of(item)) for item in listed)
    moments = [row["when"] for row in rows]
    assert moments == sorted(moments, reverse=True)
    assert len(rows) > 50
    # What the command gives to programs has each entry of a first sync, too.
    said = told.ok("accounts", "changes", "--json", "--limit", "100000").json
    entries = [item for item in said if item["lines"] and not item["is_baseline"]]
    alone = [row for row in rows if row["change"] != "baseline"]
    assert [(row["when"], row["account"]) for row in alone] == [
        (item["when"], item["account"]) for item in entries
    ]
    firsts = Counter(item["instance"] for item in said if item["is_baseline"] and item["lines"])
    for row in rows:
        if row["change"] == "baseline":
            count = firsts.pop(row["instance"])
            assert row["what"] == [f"first sync: {count} account{'s' * (count != 1)} found"]
    assert not firsts


FILTERS: tuple[dict[str, Any], ...] = (
    {"since": "24h"},
    {"since": "24h", "until": "2026-11-30T07:45:00Z"},
    {"type": "remove"},
    {"type": ["add", "baseline"]},
    {"type": "baseline"},
    {"power": "yes"},
    {"effect": "taken"},
    {"power": "yes", "effect": "given", "since": SINCE.isoformat()},
    {"account": "shared"},
    {"account": "PUBLIC", "type": "modify_privilege"},
    {"account": HOSTILE[0]},
    {"account": "blue_app", "power": "yes"},
    {"tag": "team=ruby"},
    {"tag": ["team=ruby", "team=blue"], "engine": ["mysql", "oracle"]},
    {"environment": "production", "effect": "given"},
)


@pytest.mark.parametrize("query", FILTERS)
def test_pages_by_key_are_the_whole_answer(pages: Pages, query: dict[str, Any]) -> None:
    whole = everything(pages, **query)
    assert everything(pages, limit=3, **query) == whole
    assert len(whole) > ("until" in query)
    for one, other in pairwise(whole):
        assert one["when"] >= other["when"]


def test_filters_leave_what_they_say(pages: Pages, home: Path) -> None:
    rows = everything(pages)
    with reading(Settings(home=home), lambda: LATER) as deps:
        engines = {item.name: item.engine for item in deps.store.registry.instances()}
        filters = (
            ChangeFilter(limit=None, account="shared"),
            ChangeFilter(limit=None, account=HOSTILE[0]),
        )
        for wanted in filters:
            listed = change_list(deps.store, wanted, with_own=True)
            own = everything(pages, account=wanted.account)
            assert Counter(str(shown(row)) for row in own) == Counter(
                str(row_of(item)) for item in listed
            )
    assert everything(pages, since="24h") == [
        row for row in rows if datetime.fromisoformat(row["when"]) >= SINCE
    ]
    for kind in ("add", "remove", "modify_privilege", "baseline"):
        assert everything(pages, type=kind) == [row for row in rows if row["change"] == kind]
    assert everything(pages, power="yes") == [row for row in rows if row["power"]]
    given = [row for row in rows if "given" in (row["power"] or "")]
    assert everything(pages, power="yes", effect="given") == given
    became = [row for row in rows if "became superuser" in row["what"]]
    assert became
    assert all(row in given for row in became)
    assert everything(pages, effect="given")
    for engine in EngineName:
        own = [row for row in rows if engines[row["instance"]] is engine]
        assert everything(pages, engine=engine) == own
    name = rows[0]["instance"]
    assert everything(pages, instance=name) == [row for row in rows if row["instance"] == name]


def test_what_changed_is_counted_as_its_lists(pages: Pages, today: dict[str, Any]) -> None:
    rows = everything(pages, since=SINCE.isoformat())
    assert today["facts"]["changes"] == len(rows)
    kinds = {row["change"]: row["count"] for row in rows_of(today, "kinds_of_change")}
    counts = Counter(row["change"] for row in rows)
    of_power = {
        f"power {word}": sum(word in (row["power"] or "") for row in rows)
        for word in ("given", "taken")
    }
    assert kinds == {**{key: count for key, count in of_power.items() if count}, **counts}
    assert kinds["power given"] > 2
    # Each number leads to as many rows.
    table = pages.get("/today").text.partition('id="table-kinds_of_change"')[2]
    links = re.findall(r'href="/changes\?([^"]*)"><bdi>([0-9,]+)<', table.partition("</table>")[0])
    assert len(links) == len(kinds)
    for query, number in links:
        found: dict[str, Any] = dict(parse_qsl(unescape(query)))
        assert len(everything(pages, **found)) == int(number.replace(",", "")), query


def test_the_most_important_changes_are_first(
    pages: Pages, today: dict[str, Any], home: Path
) -> None:
    rows = everything(pages, since=SINCE.isoformat())

    def rank(row: dict[str, Any]) -> int:
        power = row["power"] or ""
        order = ["add", "remove", "reactivate"]
        if "given" in power or "taken" in power:
            return 0 if "given" in power else 1
        return 2 + order.index(row["change"]) if row["change"] in order else 9

    shown_first = rows_of(today, "new_changes")
    assert len(shown_first) == 12
    ordered = sorted(rows, key=rank)
    assert shown_first == ordered[:12]
    with reading(Settings(home=home), lambda: LATER) as deps:
        each = Answers(deps, Viewer("all")).changes.foremost(SINCE, 1000)
    rest = [row for row in ordered if rank(row) < 9]
    assert len({rank(row) for row in rest}) == 5
    assert [row_of(item.entry) for item in each][: len(rest)] == [shown(row) for row in rest]


def test_new_findings_are_those_of_the_command(
    pages: Pages, today: dict[str, Any], told: Command
) -> None:
    listed = told.ok("findings", "--json").json["findings"]
    # The first reviews were at NOW: what they found nobody did since yesterday.
    new = [item for item in listed if datetime.fromisoformat(item["first_seen_at"]) > NOW]
    assert today["facts"]["new_findings"] == len(new) > 3
    causes = rows_of(today, "new_causes")
    assert causes
    keys = {(item["instance"], item["rule"]) for item in new}
    assert {(row["instance"], row["rule"]) for row in causes} <= keys
    ranks = [list(Severity).index(Severity(row["severity"])) for row in causes]
    assert ranks == sorted(ranks)
    assert min(ranks) == min(list(Severity).index(Severity(item["severity"])) for item in new)
    evidence = {item["evidence"] for item in new}
    assert any(row["evidence"] in evidence for row in causes)
    assert "boss\\u202e" in pages.get("/today").text


@pytest.mark.parametrize("team", TEAMS)
def test_new_findings_of_others_are_not_counted(home: Path, told: Command, team: Team) -> None:
    tags = {item["name"]: item["tags"] for item in told.ok("instances", "list", "--json").json}
    listed = told.ok("findings", "--json").json["findings"]
    new = [
        item
        for item in listed
        if datetime.fromisoformat(item["first_seen_at"]) > NOW
        and team.tag in tags[item["instance"]]
        # Since when namesakes differ, and so whether that is new, others' instances say too.
        and item["rule"] != "uneven-rights"
    ]
    with reading(Settings(home=home), lambda: LATER) as deps:
        found = Answers(deps, Viewer("b", reach=Reach((team.tag,)))).today.all().findings
    assert found.total == len(new)
    causes = {cause.worst.instance for cause in found.causes}
    assert causes <= {item["instance"] for item in new}
    assert bool(causes) == bool(new)


def test_that_namesakes_differ_since_yesterday_is_told_to_who_sees_all(tmp_path: Path) -> None:
    store = Store.open(f"sqlite:///{tmp_path}/sync_pipeline.db")
    bench = StoreBench(store, NOW)
    fleet = bench.fleet("one", "two", "three")
    store.registry.put_instances([replace(item, tags=("team=a",)) for item in fleet], NOW)
    for item in fleet:
        bench.apply(item, an_account("app"))
    review_of(deps_of(store, NOW), store.registry.instances())
    bench.now = NOW + timedelta(minutes=30)
    bench.apply(fleet[0], replace(an_account("app"), is_superuser=True))
    review_of(deps_of(store, bench.now), store.registry.instances())
    found = {
        viewer.name: Answers(deps_of(store, NOW + timedelta(hours=1)), viewer).today.all().findings
        for viewer in (Viewer("all"), Viewer("a", reach=Reach(("team=a",))))
    }
    store.close()
    rules = {
        name: {item.rule for cause in own.causes for item in (*cause.findings, *cause.folded)}
        for name, own in found.items()
    }
    assert rules["all"] - rules["a"] == {"uneven-rights"}
    assert "superuser" in rules["a"]
    assert found["all"].total > found["a"].total > 0


def test_growth_and_limits_are_those_of_the_commands(
    pages: Pages, today: dict[str, Any], told: Command
) -> None:
    """Growth is that of *Capacity*, first rows first, and of `capacity history`."""
    shown = rows_of(today, "growing")
    asked = {"sort": "-growth", "limit": 5}
    listed = pages.get("/api/v1/capacity", asked).json["tables"]["standings"]["items"]
    keys = {
        "instance": "instance", "database": "database", "size_bytes": "now_bytes",
        "grown_bytes": "change_bytes", "measured": "measured",
    }  # fmt: skip
    assert [[row[key] for key in keys] for row in shown] == [
        [item[key] for key in keys.values()] for item in listed
    ]
    assert len({row["grown_bytes"] for row in shown}) > 3
    for row in shown:
        options = (row["instance"], "--database", row["database"], "--period", "week", "--json")
        weeks = {
            item["period_start"]: item for item in told.ok("capacity", "history", *options).json
        }
        assert weeks[row["grown_since"]]["total"]["change_bytes"] == row["grown_bytes"]
    forecasts = [
        *told.ok("capacity", "forecast", "--json").json,
        *(
            item
            for name in ("db", *(f"{team.word}_db0" for team in TEAMS))
            for item in told.ok("capacity", "forecast", "--database", name, "--json").json
        ),
    ]
    near = sorted(
        (item for item in forecasts if item["days_until_limit"] is not None),
        key=lambda item: (item["days_until_limit"], item["instance"], item["database"]),
    )
    rows = rows_of(today, "near_limits")
    assert [
        (row["instance"], row["database"] or "", row["days_left"], row["limit_bytes"])
        for row in rows
    ] == [
        (item["instance"], item["database"], round(item["days_until_limit"], 1),
         item["limit_bytes"])
        for item in near[:5]
    ]  # fmt: skip
    assert rows


def test_the_last_sessions_are_those_of_the_command(today: dict[str, Any], told: Command) -> None:
    rows = {row["category"]: row for row in rows_of(today, "last_sessions")}
    for category, row in rows.items():
        last = told.ok("sessions", "list", "--category", category, "--limit", "1", "--json").json
        keys = {"session": "session_id", "done": "successful", "total": "total",
                "failed": "failed", "skipped": "skipped", "cancelled": "cancelled"}  # fmt: skip
        assert [row[key] for key in keys] == (
            [last[0][key] for key in keys.values()] if last else [None] * len(keys)
        )
    assert rows["account"]["session"]


def test_it_says_what_to_do_next_where_there_is_nothing(tmp_path: Path) -> None:
    store = Store.open(f"sqlite:///{tmp_path}/sync_pipeline.db")
    try:
        pages = Pages(deps_of(store))
        page = pages.get("/today")
        assert "sync-pipeline instances add" in page.text
        assert pages.get("/api/v1/today").json["facts"]["instances"] == 0
        assert pages.get("/").headers["location"] == "/today"
        bench = StoreBench(store, NOW)
        (one,) = bench.fleet("one")
        page = pages.get("/today")
        assert "sync-pipeline run account-sync" in page.text
        bench.apply(one, an_account("a"))
        page = pages.get("/today")
        assert "sync-pipeline run account-sync" not in page.text
        pages.close()
    finally:
        store.close()


def test_a_removed_instance_has_a_history_and_no_page(store: Store) -> None:
    bench = StoreBench(store, NOW)
    one, two = bench.fleet("one", "two")
    for item in (one, two):
        bench.apply(item, an_account("a"))
    bench.now = NOW + timedelta(minutes=30)
    bench.apply(one, an_account("a"), an_account("b"))
    store.registry.delete_instance("one", bench.now)
    answers = Answers(deps_of(store), Viewer("all"))
    page, _ = answers.changes.page(ChangeQuestion(), Place())
    assert [(item.entry.instance, item.is_there) for item in page.items] == [
        ("one", False), ("two", True), ("one", False)
    ]  # fmt: skip
    pages = Pages(deps_of(store))
    text = pages.get("/changes").text
    assert "/account?instance=two" not in text
    assert "/instance?name=two" in text
    assert "name=one" not in text
    assert pages.get("/changes", {"after": "WzFd"}).status == 400
    assert pages.get("/changes", {"since": "yesterday"}).status == 400
    wrong = encoded((NOW.isoformat(), "three", "a", 0))
    assert pages.get("/changes", {"after": wrong}).status == 400
    pages.close()


def test_alike_entries_of_a_moment_are_each_on_one_page(store: Store) -> None:
    """An account may change twice in a sync, and two syncs may be of one moment."""
    bench = StoreBench(store, NOW)
    (one,) = bench.fleet("one")
    bench.apply(one, an_account("a"))
    bench.now = NOW + timedelta(minutes=30)
    changed = replace(an_account("a", is_locked=True), is_superuser=True)
    bench.apply(one, changed)
    bench.apply(one, an_account("a"))
    bench.apply(one, changed)
    read = store.change_pages.page(EVERYTHING, ChangeQuestion(), Place(20))
    ids = [item.entry.id for item in read.items if isinstance(item.entry, LoggedChange)]
    assert len(ids) == len(set(ids)) == 6
    paged: list[int] = []
    after = None
    for _ in ids:
        page = store.change_pages.page(EVERYTHING, ChangeQuestion(), Place(1, after))
        paged += [item.entry.id for item in page.items if isinstance(item.entry, LoggedChange)]
        after = page.next
        if after is None:
            break
        assert after[-1] < 6, "no key counts the rows of others"
    assert paged == ids


PLANS: tuple[tuple[ChangeQuestion, Reach, str], ...] = (
    (ChangeQuestion(), EVERYTHING, "ix_account_change_log_told"),
    (ChangeQuestion(since=NOW, until=LATER), EVERYTHING, "ix_account_change_log_told"),
    (ChangeQuestion(types=(ChangeType.REMOVE,)), EVERYTHING, "ix_account_change_log_told"),
    (ChangeQuestion(effect=Effect.GIVES_POWER), EVERYTHING, "ix_account_change_log_power"),
    (ChangeQuestion(account="a8"), EVERYTHING, "ix_account_change_log_account_name_changed_at_id"),
    (ChangeQuestion(InstanceQuestion(names=("one",))), EVERYTHING, "ix_account_change_log_told_of"),
    (ChangeQuestion(), Reach(("team=a",)), "ix_account_change_log_told_of"),
)


def test_a_page_of_changes_reads_an_index(store: Store) -> None:
    """Whatever is asked, and wherever the page begins."""
    bench = StoreBench(store, NOW)
    fleet = bench.fleet("one", *(f"i{number}" for number in range(19)))
    some = [replace(item, tags=("team=a",)) for item in fleet[:2]]
    store.registry.put_instances(some, NOW)
    # Most entries are of first syncs, or have nothing to tell.
    _write_changes(store, [item.id for item in fleet], 400, told_every=8)
    with store._database.write() as connection:
        connection.exec_driver_sql("ANALYZE")
    for asked, reach, index in PLANS:
        with planned(store) as plans:
            page = store.change_pages.page(reach, asked, Place(1))
            store.change_pages.page(reach, asked, Place(1, page.next))
        found = [plan for plan in plans if re.search(rf"{index}\b", plan)]
        assert len(found) >= 2, (asked, "\n----\n".join(plans))
        assert not [plan for plan in plans if re.search("SCAN account_change_log$", plan)]
        assert not re.search(r"Seq Scan on account_change_log\b", "\n".join(plans))
    for until in (None, LATER):
        # Of those that have its name on other instances, none is read.
        own = ChangeFilter(instances=(fleet[0].id,), account="a8", until=until, limit=5)
        with planned(store) as plans:
            assert store.accounts.changes(own)
        (plan,) = (plan for plan in plans if "account_change_log_account_name" in plan)
        assert "ix_account_change_log_account_name_instance_id_changed_at_id" in plan
        assert re.search(r"account_name( =|=).*instance_id( =|=)", plan), plan
    with planned(store) as plans:
        store.change_pages.kinds(EVERYTHING, NOW)
        store.change_pages.foremost(EVERYTHING, NOW, 5)
        store.change_pages.unjudged(EVERYTHING, NOW, 5)
        store.overview.new_findings(EVERYTHING, NOW, (), 5)
        store.accounts.baselines(ChangeFilter(limit=5))
        store.accounts.changes(ChangeFilter(limit=5, with_baselines=False, with_silent=False))
    wanted = (
        "_told\\b",
        "_told\\b",
        "_power\\b",
        "instance_findings_new",
        "_told",
        "_told",
    )
    for name in wanted:
        assert any(re.search(name, plan) for plan in plans), (name, plans)


def test_what_is_older_is_not_looked_at(tmp_path: Path) -> None:
    """SQLite's steps are counted: a day costs the day, a page the page, however long the log."""
    store = Store.open(f"sqlite:///{tmp_path}/sync_pipeline.db")
    bench = StoreBench(store, NOW)
    fleet = bench.fleet(*(f"i{number}" for number in range(4)))
    _write_changes(store, [item.id for item in fleet], 1500)
    last = NOW + timedelta(hours=2 * 1499)
    steps = [0]

    def count() -> None:
        steps[0] += 1

    def asked(**query: Any) -> ChangeQuestion:
        return ChangeQuestion(**query)

    pages = store.change_pages
    middle = NOW + timedelta(hours=1500)
    deep = Place(10, pages.page(EVERYTHING, asked(until=middle), Place(20)).next)
    old = NOW + timedelta(hours=3)
    questions: tuple[Callable[[], object], ...] = (
        lambda: pages.kinds(EVERYTHING, last),
        lambda: pages.foremost(EVERYTHING, last, 5),
        lambda: pages.unjudged(EVERYTHING, last, 5),
        lambda: pages.page(EVERYTHING, asked(since=last), Place(10)),
        lambda: pages.page(EVERYTHING, asked(until=old), Place(10)),
        lambda: pages.page(EVERYTHING, asked(until=last), deep),
        lambda: pages.page(EVERYTHING, asked(since=NOW, until=last), deep),
        lambda: pages.page(EVERYTHING, asked(account="a7"), Place(10)),
        lambda: pages.page(EVERYTHING, asked(account="a7", since=last), Place(10)),
        lambda: store.accounts.changes(ChangeFilter(since=last, with_silent=False)),
        lambda: change_list(store, ChangeFilter(since=last)),
    )
    store._database.engine.dispose()
    event.listen(
        store._database.engine, "connect",
        lambda connection, _: connection.set_progress_handler(count, 100),
    )  # fmt: skip
    for number, question in enumerate(questions):
        steps[0] = 0
        question()
        assert steps[0] < 40, (number, steps[0], "hundreds of steps; there are 6,000 entries")
    store.close()


def test_more_instances_cost_no_more_statements(tmp_path: Path) -> None:
    sent: list[dict[str, int]] = []
    for size in (10, 300):
        store = Store.open(f"sqlite:///{tmp_path}/{size}.db")
        bench = StoreBench(store, NOW)
        fleet = bench.fleet(*(f"i{number}" for number in range(size)))
        some = [replace(item, tags=("team=a",)) for item in fleet[::2]]
        store.registry.put_instances(some, NOW)
        _write_changes(store, [item.id for item in fleet])
        bench.apply(fleet[0], an_account("a"))
        counts: dict[str, int] = {}
        for viewer in (Viewer("all"), Viewer("some", reach=Reach(("team=a",)))):
            pages = Pages(deps_of(store), viewer)
            for path in ("/today", "/changes"):
                with counted(store) as statements:
                    assert (
                        pages.get(path, {"limit": 20} if path == "/changes" else "").status == 200
                    )
                counts[f"{path} {viewer.name}"] = len(statements)
            pages.close()
        sent.append(counts)
        store.close()
    assert sent[0] == sent[1]
    assert sent[0]["/changes all"] <= 6
    assert sent[0]["/today all"] <= 40


def _write_changes(
    store: Store, instance_ids: list[int], each: int = 4, told_every: int = 1
) -> None:
    rows = [
        {
            "instance_id": instance_id, "account_name": f"a{number}",
            "change_type": "remove" if number % 3 else "add",
            "diff": {}, "lines": ["account appeared"], "session_id": "s", "packed": None,
            "changed_at": NOW + timedelta(hours=2 * number, seconds=instance_id),
            "told": None if number % told_every else number // told_every % 5,
        }
        for instance_id in instance_ids
        for number in range(each)
    ]  # fmt: skip
    with store._database.write() as connection:
        insert_rows(connection, log, rows)


def test_an_upgrade_finds_what_was_told_before(store: Store) -> None:
    """The marks that the migration makes leave the list as it was; powers are judged then."""
    bench = StoreBench(store)
    one, two = bench.fleet("one", "two")
    bench.apply(one, an_account("a"), an_account("b"))
    bench.apply(two, an_account("a"))
    bench.now = minutes(30)
    boss = replace(an_account("a"), is_superuser=True)
    bench.apply(one, boss, an_account("c"))
    bench.now = minutes(60)
    # Nothing to tell: an attribute that only now is reported.
    bench.apply(two, replace(an_account("a"), attributes=(("is_odd", False),)))
    before = change_list(store, ChangeFilter())
    answers = Answers(deps_of(store, minutes(90)), Viewer("all"))
    counts = answers.changes.counts(minutes(10))
    asked = ChangeQuestion(effect=Effect.GIVES_POWER)
    (given,) = answers.changes.page(asked, Place())[0].items
    config = Config()
    config.set_main_option("script_location", "sync_pipeline:store/migrations")
    config.attributes["engine"] = store._database.engine
    alembic.downgrade(config, "0017")
    alembic.upgrade(config, "head")
    assert change_list(store, ChangeFilter()) == before
    assert answers.changes.counts(minutes(10)) == counts
    assert counts.gives_power == 1
    assert answers.changes.page(asked, Place())[0].items == (given,)
    page = answers.changes.page(ChangeQuestion(), Place(2))[0]
    rest = answers.changes.page(ChangeQuestion(), Place(20, page.next))[0]
    found = [item.entry for item in (*page.items, *rest.items)]
    assert sorted(map(str, found)) == sorted(map(str, before))


def test_noise_of_versions_before_is_told_nowhere(store: Store) -> None:
    bench = StoreBench(store)
    (one,) = bench.fleet("one")
    bench.apply(one, an_account("a"))
    bench.now = minutes(30)
    bench.apply(one, replace(an_account("a"), attributes=(("is_odd", False),)))
    with store._database.write() as connection:
        noisy = log.c.change_type == str(ChangeType.MODIFY_OTHER)
        values = {"lines": ["is_odd is no"], "told": int(Effect.UNKNOWN)}
        connection.execute(update(log).where(noisy).values(values))
    answers = Answers(deps_of(store, minutes(90)), Viewer("all"))
    assert answers.changes.counts(minutes(10)).types[ChangeType.MODIFY_OTHER] == 0
    (line,) = answers.changes.page(ChangeQuestion(), Place())[0].items
    assert isinstance(line.entry, Baseline)
    assert [state for state, count in answers.today.all().states.items() if count] == [
        InstanceState.SYNCED
    ]
