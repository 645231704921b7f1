"""Each command that shows something has the same three forms, and the same options select."""

from __future__ import annotations

import csv
import io
import itertools
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import typer

from sync_pipeline.cli.context import dependencies
from sync_pipeline.cli.main import app
from sync_pipeline.model.aggregation import AggregationRequest
from sync_pipeline.model.classification import DayCounts
from sync_pipeline.model.instance import EngineName
from sync_pipeline.model.period import PeriodRange, PeriodType
from sync_pipeline.model.privilege import Grant
from sync_pipeline.model.session import SessionFilter, SyncCategory
from sync_pipeline.model.size import DatabaseSize, Measure, SizeLimit, SizeSnapshot
from sync_pipeline.settings import project_root
from sync_pipeline.store.classes import write_class_counts
from sync_pipeline.store.store import Store
from sync_pipeline.workflows.watching.freshness import check_freshness
from sync_pipeline_tests.integration.test_cli_values import commands
from workbench.benches.command import Command
from workbench.benches.store_bench import CREDENTIAL, StoreBench, an_instance
from workbench.servers.fixtures_store import MadeStore, a_store
from workbench.strategies.simple_access import access_rules, account, table
from workbench.strategies.sizes import SERVER, measured

FORMULA = '=HYPERLINK("http://x","y")'
FLEET = (
    ("one", EngineName.POSTGRESQL, ("team=a", "x"), "production"),
    ("two", EngineName.POSTGRESQL, ("team=b",), "production"),
    ("three", EngineName.POSTGRESQL, ("team=a",), "staging"),
    ("four", EngineName.MARIADB, ("x",), "staging"),
    ("five", EngineName.MARIADB, (), None),
)
NO_TABLE = {("grants",), ("up",), ("health",), ("backup",), ("restore",), ("report",),
            ("metrics",), ("capacity", "export"), ("instances", "export"),
            ("console", "export")}  # fmt: skip
WITHOUT_ANSWER = {"add", "edit", "remove", "import", "rotate", "start", "end", "limit", "accept",
                  "unaccept"}  # fmt: skip
SHOWING = (
    ("accounts", "at", "--time=0m"),
    ("accounts", "changes"),
    ("accounts", "classes"),
    ("accounts", "list"),
    ("accounts", "show", FORMULA, "--instance=one"),
    ("accounts", "tenure", "--capability=superuser"),
    ("access", "who-can", "SELECT", "shop.orders"),
    ("access", "of", FORMULA, "--instance=one"),
    ("access", "diff", FORMULA, FORMULA, "--instance=one"),
    ("alerts", "list"),
    ("alerts", "replay", "--since=7d"),
    ("alerts", "rules"),
    ("capacity", "forecast"),
    ("capacity", "history", "--instance=one"),
    ("capacity", "limits"),
    ("capacity", "show", "one"),
    ("capacity", "top"),
    ("credentials", "list"),
    ("findings",),
    ("findings", "accepted"),
    ("findings", "history"),
    ("findings", "rules"),
    ("findings", "trend"),
    ("instances", "list"),
    ("instances", "show", "one"),
    ("maintenance", "list"),
    ("sessions", "list"),
    ("sessions", "show", "latest"),
    ("settings",),
)
LISTS: dict[tuple[str, ...], Callable[[Any], set[str]]] = {
    ("instances", "list"): lambda found: {item["name"] for item in found},
    ("accounts", "list"): lambda found: {item["instance"] for item in found},
    ("accounts", "changes"): lambda found: {item["instance"] for item in found},
    ("accounts", "at", "--time=0m"): lambda found: {item["instance"] for item in found},
    ("findings",): lambda found: {item["instance"] for item in found["findings"]},
    ("access", "who-can", "SELECT", "shop.orders"): lambda found: {
        item["instance"] for item in found["holders"]
    },
    ("alerts", "list"): lambda found: {item["instance"] for item in found["overdue"]},
    ("capacity", "top"): lambda found: {item["instance"] for item in found},
    ("capacity", "forecast"): lambda found: {item["instance"] for item in found},
    ("capacity", "history", "--period=day"): lambda found: {item["instance"] for item in found},
    ("capacity", "limits"): lambda found: {item["instance"] for item in found},
}


@pytest.fixture
def fleet(command: Command, made_fleet: MadeStore) -> Iterator[Command]:
    """Return the command on a copy of the store."""
    use_simple_rules(command.patch)
    with made_fleet.copied(command.home):
        yield command


@pytest.fixture(scope="module")
def made_fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MadeStore]:
    """Five instances, each with a role whose name is a formula, and all overdue."""
    with a_store(tmp_path_factory.mktemp("output")) as made:
        with pytest.MonkeyPatch.context() as patch:
            use_simple_rules(patch)
            fill(Store.open(made.url))
        yield made


def use_simple_rules(patch: pytest.MonkeyPatch) -> None:
    for rules in ("postgresql.engine.PostgreSql", "mariadb.engine.MariaDb"):
        patch.setattr(f"sync_pipeline.engines.{rules}.access_rules", access_rules, raising=False)


def fill(store: Store) -> None:
    bench = StoreBench(store)
    store.registry.put_credential(CREDENTIAL, bench.now)
    wanted = [
        replace(an_instance(name, engine), tags=tags, environment=environment)
        for name, engine, tags, environment in FLEET
    ]
    store.registry.put_instances(wanted, bench.now)
    for instance in store.registry.instances():
        bench.apply(
            instance,
            account(FORMULA, Grant(table("orders"), "SELECT"), superuser=True),
            account("+1", roles=[FORMULA]),
        )
    store.size_queries.put_limit(SizeLimit("one", FORMULA, 10**13))
    store.close()


def test_every_command_that_shows_something_has_the_three_forms() -> None:
    found = dict(commands(typer.main.get_command(app)))
    found[("findings",)] = typer.main.get_command(app).commands["findings"]  # type: ignore[attr-defined]
    for path, command in found.items():
        if path in NO_TABLE or path[-1] in WITHOUT_ANSWER:
            continue
        opts = {name for item in command.params for name in item.opts}
        assert {"--format", "--json", "--csv"} <= opts, path


@pytest.mark.parametrize("arguments", SHOWING, ids=" ".join)
def test_a_table_json_and_csv_of_the_same(fleet: Command, arguments: tuple[str, ...]) -> None:
    assert fleet.ok(*arguments).out
    said = fleet.ok(*arguments, "--format", "json")
    assert said.json is not None
    assert fleet.ok(*arguments, "--json").out == said.out
    shown = fleet.run(*arguments, "--format=csv")
    assert (shown.status, fleet.run(*arguments, "--csv").out) == (0, shown.out)
    (header, *rows) = csv.reader(io.StringIO(shown.out))
    assert len(header) > 1
    assert {len(row) for row in rows} <= {len(header)}
    for cell in itertools.chain.from_iterable(rows):
        assert not re.match(r"\s*[=@]", cell)
        assert not re.match(r"\s*[+-](?![0-9.]+$)", cell)
    for two in (("--json", "--csv"), ("--format", "table", "--json"), ("--format=json", "--csv")):
        assert "one format" in fleet.wrong(*arguments, *two)


def test_numbers_of_csv_are_numbers(fleet: Command) -> None:
    (row,) = csv.DictReader(io.StringIO(fleet.ok("capacity", "limits", "--csv").out))
    assert row == {"instance": "one", "database": f"'{FORMULA}", "limit": str(10**13)}
    (session, *_) = csv.DictReader(io.StringIO(fleet.ok("sessions", "list", "--csv").out))
    assert session["started"] == "2026-03-01T12:00:00+00:00"
    assert float(session["seconds"]) == 0


def test_the_documented_keys_are_those_of_json(fleet: Command) -> None:
    text = (project_root() / "docs" / "operations.md").read_text()
    rows = re.findall(r"^\| `([a-z -]+)` \| (?:a list|an object): (.*) \|$", text, re.MULTILINE)
    documented = {name: set(re.findall(r"`([a-z_]+)`", keys)) for name, keys in rows}
    shown = {" ".join(item[:2]) if item[1:] and not item[1].startswith("-") else item[0]: item
             for item in SHOWING}  # fmt: skip
    shown["findings --benchmark"] = ("findings", "--benchmark=cis-postgresql")
    # They reach out to channels, servers and clouds, or are shown where what they do is.
    untried = {"alerts test", "backup", "doctor", "instances discover", "instances test"}
    for name, keys in documented.items():
        if name in untried:
            continue
        found = fleet.ok(*shown[name], "--json").json
        if isinstance(found, list):
            if not found:
                continue
            found = found[0]
        more = documented["accounts list"] if name == "accounts show" else set()
        assert keys | more <= found.keys(), name
        if "others" not in dict(rows)[name] and name != "instances show":
            assert keys | more == found.keys(), name
    assert len(documented) > 15


@pytest.mark.parametrize("arguments", LISTS, ids=" ".join)
def test_the_options_select_the_same_everywhere(fleet: Command, arguments: tuple[str, ...]) -> None:
    """Against the plain meaning: alternatives within an option, each option narrows."""
    if arguments[0] == "alerts":
        find_overdue()
    if arguments[0] == "capacity":
        measure_all(fleet)
    options = {
        "--instance": ("one", "four"),
        "--tag": ("team=a", "x"),
        "--engine": ("postgresql",),
        "--environment": ("production", "staging"),
    }
    given = [(), *((name, value) for name, values in options.items() for value in values)]
    tried = 0
    for first, second in itertools.combinations(given, 2):
        words = [item for item in (first, second) if item]
        selection = {name: tuple(value for key, value in words if key == name) for name in options}
        wanted = {
            name
            for name, engine, tags, environment in FLEET
            if (not selection["--instance"] or name in selection["--instance"])
            and (not selection["--tag"] or set(tags) & set(selection["--tag"]))
            and (not selection["--engine"] or engine in selection["--engine"])
            and (not selection["--environment"] or environment in selection["--environment"])
        }
        line = (*arguments, *(f"{name}={value}" for name, value in words), "--json")
        if not wanted and arguments[0] in ("findings", "access"):
            assert "No active instance is selected" in fleet.wrong(*line)
            continue
        assert LISTS[arguments](fleet.ok(*line).json) == wanted, line
        tried += 1
    assert tried > 15


def test_what_is_tested_is_selected_too(fleet: Command) -> None:
    """No secret is there, so that nothing is reached out to."""
    for line, wanted in {
        ("--tag=team=a", "--engine=postgresql"): ["one", "three"],
        ("one", "two", "--environment=production", "--tag=x"): ["one"],
        ("four", "--instance=one"): ["four", "one"],
        ("--all",): sorted(name for name, *_ in FLEET),
    }.items():
        said = fleet.run("instances", "test", *line, "--json")
        assert said.status == 1
        assert [item["instance"] for item in said.json] == wanted
    for line in ((), ("--all", "--tag=x")):
        assert "or give --all" in fleet.wrong("instances", "test", *line)
    assert "No instance has the tag" in fleet.wrong("instances", "test", "--tag=y")


def find_overdue() -> None:
    """Look as the daemon does: all were synced long ago."""
    limits = {SyncCategory.ACCOUNT: timedelta(hours=1)}
    with dependencies() as deps:
        assert check_freshness(deps, limits, frozenset()) == len(FLEET)


def measure_all(fleet: Command) -> None:
    """Give each instance a database of another size, a limit, and today's aggregation."""
    store, now = fleet.store(), datetime.now(UTC)
    for item in store.registry.instances():
        size = DatabaseSize(f"of {item.name}", Measure.known(item.id * 10**9))
        snapshot = SizeSnapshot(SERVER, now, (size,))
        store.sizes.put([measured(store, item.id, now.date(), snapshot)])
        store.size_queries.put_limit(SizeLimit(item.name, "", item.id * 10**10))
        today = PeriodRange.between(PeriodType.DAY, now.date(), now.date())
        store.aggregations.compute([AggregationRequest((item.id,), today, now.date(), 5.0, now)])
    store.close()


def test_what_is_ranked_and_written_is_of_the_selection(fleet: Command, tmp_path: Path) -> None:
    measure_all(fleet)

    def top(*options: str) -> list[str]:
        found = fleet.ok("capacity", "top", "--json", *options).json
        return [item["database"] for item in found]

    # Of all, these are the largest: a limit that comes before the selection finds neither.
    assert top("--limit=2") == ["of five", "of four"]
    assert top("--limit=2", "--engine=postgresql") == ["of three", "of two"]
    assert top("--limit=1", "--tag=team=b") == ["of two"]
    assert top("--engine=mariadb", "--environment=production") == []
    for what in ("databases", "instances", "database-aggregations", "instance-aggregations"):
        path = tmp_path / f"{what}.csv"
        words = (f"--output={path}", f"--what={what}", "--period=day")
        said = fleet.ok("capacity", "export", *words, "--tag=team=a", "--tag=team=b")
        assert said.out.startswith("3 rows are in")
        rows = csv.DictReader(io.StringIO(path.read_text()))
        assert {row["instance"] for row in rows} == {"one", "two", "three"}


def test_the_history_and_the_forecast_of_several_and_of_one(fleet: Command) -> None:
    measure_all(fleet)

    def rows(*words: str) -> list[dict[str, str]]:
        return list(csv.DictReader(io.StringIO(fleet.ok("capacity", *words, "--csv").out)))

    day = ("--period=day", f"--from={datetime.now(UTC) - timedelta(days=1):%Y-%m-%d}")
    found = rows("history", *day, "--environment=staging")
    assert [(row["instance"], row["days"]) for row in found] == [
        ("four", "0/1"), ("four", "1/1"), ("three", "0/1"), ("three", "1/1"),
    ]  # fmt: skip
    (yesterday, today) = rows("history", *day, "one")
    assert "instance" not in yesterday
    assert today["average"] == found[1]["average"].replace("4", "1")
    (one,) = rows("history", *day, "--database=of one")[1:]
    assert (one["instance"], one["last"]) == ("one", str(10**9))
    assert [row["database"] for row in rows("forecast", "--tag=x")] == ["", ""]
    assert [row["database"] for row in rows("forecast", "one")] == ["", "of one"]
    assert rows("forecast", "one", "--engine=mariadb") == []
    (only,) = rows("forecast", "--database=of two")
    assert only["instance"] == "two"


def test_sessions_are_selected_by_their_instances(fleet: Command) -> None:
    def selected(*options: str) -> set[str]:
        found = fleet.ok("sessions", "list", "--json", *options).json
        return {item["session_id"] for item in found}

    of = {name: selected(f"--instance={name}") for name, *_ in FLEET}
    assert all(len(ids) == 1 for ids in of.values())
    assert selected() == set.union(*of.values())
    assert selected("--tag=team=a", "--tag=team=b") == of["one"] | of["two"] | of["three"]
    assert selected("--engine=mariadb", "--environment=staging") == of["four"]
    assert selected("--engine=mariadb", "--environment=production") == set()
    assert len(selected("--engine=postgresql", "--limit=2")) == 2
    fleet.ok("instances", "remove", "two", "--yes")
    assert selected("--tag=team=b") == of["two"]
    assert "'nobody' does not exist" in fleet.ok("sessions", "list", "--instance=nobody").out
    assert "has the tag 'nobody'" in fleet.wrong("sessions", "list", "--tag=nobody")


@pytest.mark.parametrize(
    ("option", "sentence"),
    [
        ("--instance=nobody", "The instance 'nobody' does not exist."),
        ("--tag=nobody", "No instance has the tag 'nobody'."),
        ("--environment=nobody", "No instance is in the environment 'nobody'."),
        ("--engine=nobody", "'nobody'"),
    ],
)
def test_a_value_that_is_of_nothing_is_one_sentence(
    fleet: Command, option: str, sentence: str
) -> None:
    for arguments in LISTS:
        if option.startswith("--instance") and arguments[0] == "accounts":
            # A name that was never one has no history: so it was before the other options came.
            assert fleet.ok(*arguments, option, "--json").json == []
            assert sentence in fleet.ok(*arguments, option).out
            continue
        said = fleet.wrong(*arguments, option)
        assert sentence in said
        if not option.startswith("--engine"):
            assert len(said.strip().splitlines()) == 1


def test_records_of_a_session_and_counts_of_classes_are_selected(fleet: Command) -> None:
    store = fleet.store()
    bench = StoreBench(store)
    session = bench.open(store.registry.instances())
    with store._database.write() as connection:
        for item in store.registry.instances():
            counts = DayCounts(datetime.now(UTC).date(), {"robots": 10**item.id})
            write_class_counts(connection, item.id, counts, datetime.now(UTC))
    ids = {item.name: item.id for item in store.registry.instances()}
    store.close()
    show = ("sessions", "show", session.session_id, "--json")
    for options, wanted in {
        (): set(ids),
        ("--tag=x",): {"one", "four"},
        ("--environment=staging", "--engine=mariadb"): {"four"},
        ("--instance=two", "--instance=five"): {"two", "five"},
        ("--instance=nowhere",): set(),
    }.items():
        found = fleet.ok(*show, *options).json["records"]
        assert {item["instance_name"] for item in found} == wanted
        counted = fleet.ok("accounts", "classes", "--json", *options).json
        assert [item["now"]["accounts"] for item in counted] == [
            sum(10 ** ids[name] for name in wanted)
        ] * bool(wanted)
        assert [item["daily"][0]["instances"] for item in counted] == [len(wanted)] * bool(wanted)
    said = fleet.ok("sessions", "show", session.session_id, "--instance=nowhere")
    assert "The instance 'nowhere' does not exist." in said.out


def test_an_inactive_and_a_removed_instance(fleet: Command) -> None:
    fleet.ok("instances", "edit", "--instance", "two", "--inactive")
    fleet.ok("instances", "remove", "three", "--yes")
    production = ("--environment", "production", "--json")
    assert {item["name"] for item in fleet.ok("instances", "list", *production).json} == {
        "one", "two",
    }  # fmt: skip
    found = LISTS[("findings",)]
    assert found(fleet.ok("findings", *production).json) == {"one"}
    assert found(fleet.ok("findings", "--instance=two", "--json").json) == {"two"}
    assert fleet.ok("accounts", "changes", "--instance=three", "--json").json
    assert "'three' does not exist" in fleet.wrong("findings", "--instance=three")


def test_one_instance_is_named_by_an_option_or_by_its_old_place(fleet: Command) -> None:
    for new, old in (
        (("instances", "show", "--instance=one"), ("instances", "show", "one")),
        (("capacity", "show", "--instance=one"), ("capacity", "show", "one")),
        (("capacity", "history", "--instance=one"), ("capacity", "history", "one")),
        (("capacity", "forecast", "--instance=one"), ("capacity", "forecast", "one")),
        (("accounts", "show", FORMULA, "--instance=one"), ("accounts", "show", "one", FORMULA)),
        (("capacity", "limit", "1GB", "--instance=one"), ("capacity", "limit", "one", "1GB")),
    ):
        assert fleet.ok(*new) == fleet.ok(*old)
        assert "named twice" in fleet.wrong(*old, "--instance=one")
    for missing in (("instances", "show"), ("capacity", "show"), ("accounts", "show", "x"),
                    ("capacity", "limit", "1GB")):  # fmt: skip
        assert "--instance" in fleet.wrong(*missing)


def test_a_run_ends_with_its_records_in_each_form(fleet: Command) -> None:
    """The run itself is another one here: a session that is in the store already."""
    store = fleet.store()
    (session, *_) = store.sessions.list(SessionFilter(limit=1))
    store.close()
    fleet.patch.setattr("sync_pipeline.cli.run.run_job", lambda *_: session)
    fleet.patch.setattr("signal.signal", lambda *_: None)
    records = fleet.ok("sessions", "show", session.session_id, "--csv").out
    assert session.total == len(records.splitlines()) - 1
    days = ("--from=2026-01-01", "--to=2026-01-02")
    for command in (("run", "account-sync"), ("backfill", "--period=day", *days)):
        assert fleet.ok(*command, "--csv").out == records
        said = fleet.ok(*command, "--json").json
        assert said["session"]["session_id"] == session.session_id
        assert session.session_id in fleet.ok(*command).out
