"""What is in the repository for Grafana and Prometheus works on what this version shows."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
import yaml
from alembic import command
from alembic.config import Config
from psycopg import errors
from sqlalchemy import insert, update
from sqlalchemy.engine import make_url

from sync_pipeline.errors import ConfigurationError
from sync_pipeline.model.daemon_lease import DaemonLease
from sync_pipeline.model.event import Event, EventKind
from sync_pipeline.model.finding import Severity
from sync_pipeline.model.metrics import FleetMetrics
from sync_pipeline.report.metrics import render_metrics
from sync_pipeline.settings import project_root
from sync_pipeline.store.events.rows import write_events
from sync_pipeline.store.schema import account_class_counts, instance_findings, instances
from sync_pipeline.store.sizes.partitions import make_partitions
from sync_pipeline.store.sizes.schema import (
    database_size_stats,
    instance_databases,
    instance_size_stats,
)
from sync_pipeline.store.store import Store
from sync_pipeline.store.views.views import SCHEMA, reader_script, view_names
from workbench.benches.store_bench import FAILED, StoreBench, an_account, minutes
from workbench.servers.debian import Unavailable
from workbench.servers.fixtures_store import store_database
from workbench.servers.promtool import check_rules
from workbench.servers.running import RunningServer

GRAFANA = project_root() / "grafana"
DOCUMENT = (project_root() / "docs" / "grafana.md").read_text()
DASHBOARDS = {path.name: json.loads(path.read_text()) for path in GRAFANA.glob("*.json")}
RULES = GRAFANA / "sync_pipeline.rules.yml"
_METRIC = re.compile(r"\bsync_pipeline_\w+")
ROLE, QUOTED, PASSWORD = 'gra"fana', '"gra""fana"', "it's"


def targets(name: str, key: str) -> list[str]:
    """Return what the panels of a dashboard ask, and its variables."""
    board = DASHBOARDS[name]
    asked = [target[key] for panel in board["panels"] for target in panel["targets"]]
    queries = [item["query"] for item in board["templating"]["list"] if item["type"] == "query"]
    return [*asked, *queries]


def shown_metrics() -> set[str]:
    """Return the names of all samples that `sync-pipeline metrics` may print."""
    moment = datetime(2026, 3, 1, tzinfo=UTC)
    text = render_metrics(FleetMetrics(moment, daemon=DaemonLease(1, renewed_at=moment)))
    kinds = dict(re.findall(r"^# TYPE (\w+) (\w+)$", text, re.MULTILINE))
    ends = ("_bucket", "_count", "_sum")
    histograms = [name for name, kind in kinds.items() if kind == "histogram"]
    return {*kinds, *(name + end for name in histograms for end in ends)}


def test_dashboards_and_rules_name_metrics_that_there_are() -> None:
    asked = "\n".join([*targets("metrics.json", "expr"), RULES.read_text()])
    named = set(_METRIC.findall(asked)) - {"sync_pipeline_"}
    assert named <= shown_metrics()
    assert len(named) > 20


@pytest.mark.parametrize("name", sorted(DASHBOARDS))
def test_a_dashboard_is_one_that_grafana_lays_out(name: str) -> None:
    board = DASHBOARDS[name]
    panels = board["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        place = panel["gridPos"]
        cells = {
            (column, line)
            for column in range(place["x"], place["x"] + place["w"])
            for line in range(place["y"], place["y"] + place["h"])
        }
        assert place["x"] + place["w"] <= 24
        assert taken.isdisjoint(cells), panel["title"]
        taken |= cells
        assert panel["datasource"]["uid"] == "${datasource}"
    assert {"uid", "title", "schemaVersion", "time", "templating"} <= board.keys()


def test_each_alert_says_how_bad_it_is_and_what_it_means() -> None:
    (group,) = yaml.safe_load(RULES.read_text())["groups"]
    for rule in group["rules"]:
        assert rule["labels"]["severity"] in {"critical", "warning"}
        assert rule["annotations"]["summary"]
    names = [rule["alert"] for rule in group["rules"]]
    assert len(set(names)) == len(names)


def checked(rules: Path) -> str:
    """Return what promtool finds wrong with rules."""
    try:
        said = check_rules(rules)
    except Unavailable as error:
        pytest.skip(f"promtool is not available: {error}")
    return "" if said.returncode == 0 else said.stdout + said.stderr


def test_prometheus_takes_the_rules(tmp_path: Path) -> None:
    assert checked(RULES) == ""
    wrong = tmp_path / "wrong.yml"
    wrong.write_text(RULES.read_text().replace("== 1", "= = 1"))
    assert "parse" in checked(wrong)


def test_prometheus_takes_each_expression_of_the_dashboard(tmp_path: Path) -> None:
    asked = targets("metrics.json", "expr")
    expressions = [item.replace("$engine", ".*").replace("$environment", ".*") for item in asked]
    rules = [
        {"record": f"asked:number_{number}", "expr": text}
        for number, text in enumerate(expressions)
        if not text.startswith("label_values(")
    ]
    assert not any("$" in rule["expr"] for rule in rules)
    file = tmp_path / "asked.yml"
    file.write_text(json.dumps({"groups": [{"name": "asked", "rules": rules}]}))
    assert checked(file) == ""


@dataclass
class Reader:
    """A store on PostgreSQL that holds something of everything, and who reads its views."""

    store: Store
    url: str

    def connect(self, user: str = "", password: str = "") -> psycopg.Connection[Any]:
        url = make_url(self.url)
        return psycopg.connect(
            host=url.host,
            port=url.port,
            dbname=url.database,
            user=user or url.username,
            password=password or url.password,
            autocommit=True,
        )

    def rows(self, sql: str) -> list[dict[str, Any]]:
        """Return what the role reads."""
        with self.connect(ROLE, PASSWORD) as connection:
            found = connection.execute(sql)
            names = [item.name for item in found.description or ()]
            return [dict(zip(names, row, strict=True)) for row in found]

    def run_script(self) -> None:
        script = reader_script(ROLE).replace("'<password>'", "'it''s'")
        with self.connect() as connection:
            connection.execute(script)


@pytest.fixture(scope="module")
def reader(postgresql_server: RunningServer) -> Iterator[Reader]:
    with store_database(postgresql_server) as url:
        found = Reader(Store.open(url), url)
        try:
            fill(found.store)
            found.run_script()
            yield found
        finally:
            found.store.close()
            with found.connect() as connection:
                connection.execute(f"DROP OWNED BY {QUOTED}")
                connection.execute(f"DROP ROLE {QUOTED}")


def fill(store: Store) -> None:
    """Write something of each view: accounts that changed, sizes, findings, events, classes."""
    bench = StoreBench(store)
    one, two = bench.fleet("one", "two")
    bench.apply(one, an_account("ann"), an_account("bob"))
    bench.now = minutes(30)
    bench.apply(one, replace(an_account("ann"), is_superuser=True), an_account("bob"))
    failed = bench.open([two])
    store.sessions.finish(bench.claim(failed, two), FAILED, bench.now)
    day = date(2026, 3, 1)
    with store._database.write() as connection:
        make_partitions(connection, [day])
        connection.execute(update(instances).values(tags=["team=billing", "eu"]))
        key = connection.execute(
            insert(instance_databases)
            .values(
                instance_id=one.id, database_name="shop", is_active=True,
                first_seen_at=minutes(0), last_seen_at=minutes(30),
            )
            .returning(instance_databases.c.id)
        ).scalar_one()  # fmt: skip
        for number in range(2):
            own = {
                "instance_id": one.id,
                "collected_date": day + timedelta(days=number),
                "total_bytes": 1000 + 10 * number,
                "collected_at": minutes(0),
            }
            whole = {"known_bytes": 1000, "database_count": 1, "unread_count": 0}
            connection.execute(insert(instance_size_stats).values(**own, **whole))
            connection.execute(insert(database_size_stats).values(database_id=key, **own))
        connection.execute(
            insert(instance_findings).values(
                instance_id=one.id, rule="superuser", account_name="ann", about="",
                severity="high", of_fleet=False, first_seen_at=minutes(30),
            )
        )  # fmt: skip
        connection.execute(
            insert(account_class_counts).values(
                instance_id=one.id, counted_date=day, class_name="humans", account_count=2,
                counted_at=minutes(0),
            )
        )  # fmt: skip
        gained = Event(
            EventKind.POWER_GAINED, Severity.HIGH, one.id, "one", minutes(30), account="ann",
            subject="superuser",
        )  # fmt: skip
        write_events(connection, [gained])


def expanded(sql: str) -> str:
    """Return a query as Grafana's data source of PostgreSQL sends it."""
    begin, end = "'2026-02-28T00:00:00Z'", "'2026-03-10T00:00:00Z'"
    sql = re.sub(r"\$__timeFilter\(([\w.]+)\)", rf"\1 BETWEEN {begin} AND {end}", sql)
    sql = re.sub(
        r"\$__timeGroupAlias\(([\w.]+),\s*([^)]+)\)",
        r'floor(extract(epoch from \1)/3600)*3600 AS "time"',
        sql,
    )
    sql = sql.replace("$__timeFrom()", begin).replace("$__timeTo()", end)
    sql = sql.replace("${engine:sqlstring}", "'postgresql','mysql'")
    return sql.replace("${environment:sqlstring}", "''")


@pytest.mark.postgresql
def test_each_query_of_the_dashboard_is_answered_to_the_reader(reader: Reader) -> None:
    empty = []
    for query in targets("store.json", "rawSql"):
        sql = expanded(query)
        assert "$" not in sql
        assert SCHEMA in sql
        if not reader.rows(sql):
            empty.append(query)
    # Nothing was resolved in the store of this test.
    assert [query for query in empty if "resolved_at, '1d'" not in query] == []


@pytest.mark.postgresql
def test_the_views_say_what_the_store_has(reader: Reader) -> None:
    (given,) = reader.rows(f"SELECT * FROM {SCHEMA}.account_changes WHERE gives_power")
    assert (given["instance"], given["account"], given["takes_power"]) == ("one", "ann", False)
    assert given["changed_at"] == minutes(30)
    fresh = reader.rows(f"SELECT * FROM {SCHEMA}.freshness WHERE category = 'account'")
    assert {row["instance"]: row["last_success_at"] for row in fresh} == {
        "one": minutes(30), "two": None,
    }  # fmt: skip
    tags = reader.rows(f"SELECT tag FROM {SCHEMA}.instance_tags WHERE instance = 'one'")
    assert {row["tag"] for row in tags} == {"team=billing", "eu"}
    people = reader.rows(f"SELECT account FROM {SCHEMA}.accounts WHERE is_superuser")
    assert people == [{"account": "ann"}]


@pytest.mark.postgresql
def test_the_reader_reads_nothing_else_and_writes_nothing(reader: Reader) -> None:
    for refused in ("SELECT * FROM public.credentials", "SELECT secret FROM credentials",
                    "SELECT packed FROM public.account_change_log"):  # fmt: skip
        with pytest.raises((errors.InsufficientPrivilege, errors.UndefinedTable)):
            reader.rows(refused)
    with pytest.raises((errors.ReadOnlySqlTransaction, errors.InsufficientPrivilege)):
        reader.rows(f"DELETE FROM {SCHEMA}.instances RETURNING 1")
    with pytest.raises(errors.InsufficientPrivilege):
        reader.rows(
            "WITH on_ AS (SELECT set_config('default_transaction_read_only', 'off', false)) "
            "SELECT * FROM public.credentials"
        )


@pytest.mark.postgresql
def test_no_view_shows_a_secret(reader: Reader) -> None:
    shown = "\n".join(str(reader.rows(f"SELECT * FROM {SCHEMA}.{name}")) for name in view_names())
    for secret in ("WATCHER", "watcher", "127.0.0.1", "refused"):
        assert secret not in shown


def columns(reader: Reader) -> list[tuple[str, str, str]]:
    sql = (
        "SELECT table_name, column_name, data_type FROM information_schema.columns "
        f"WHERE table_schema = '{SCHEMA}' ORDER BY table_name, ordinal_position"
    )
    return [(row["table_name"], row["column_name"], row["data_type"]) for row in reader.rows(sql)]


SHORT = {"timestamp with time zone": "timestamptz", "double precision": "float8"}


@pytest.mark.postgresql
def test_the_views_are_those_of_the_document(reader: Reader) -> None:
    """They are an interface: a column that goes or becomes another is a change for others."""
    lines = re.findall(r"^\| `(\w+)` \| [^|]+ \| ([^|]+) \|$", DOCUMENT, re.MULTILINE)
    documented = {
        (view, name, kind)
        for view, told in lines
        for name, kind in re.findall(r"`(\w+)` (\w+)", told)
    }
    there = {(view, name, SHORT.get(kind, kind)) for view, name, kind in columns(reader)}
    assert documented == there
    assert {view for view, _, _ in there} == set(view_names())


@pytest.mark.postgresql
def test_an_upgrade_makes_the_views_anew(reader: Reader) -> None:
    before = columns(reader)
    engine = reader.store._database._engine
    config = Config()
    config.set_main_option("script_location", "sync_pipeline:store/migrations")
    config.attributes["engine"] = engine
    command.downgrade(config, "-1")
    assert columns(reader) == []
    Store.open(reader.url).close()
    assert columns(reader) == before
    assert reader.rows(f"SELECT 1 FROM {SCHEMA}.instances")


@pytest.mark.postgresql
def test_an_upgrade_names_what_others_made_of_the_views(reader: Reader) -> None:
    """It can't take away a view that another one shows, and takes nothing of others away."""
    config = Config()
    config.set_main_option("script_location", "sync_pipeline:store/migrations")
    config.attributes["engine"] = reader.store._database._engine
    command.downgrade(config, "-1")
    views, _, _ = reader_script(ROLE).partition("COMMIT;")
    with reader.connect() as connection:
        connection.execute(views + "COMMIT;")
        connection.execute(f'CREATE VIEW "own %" AS SELECT account FROM {SCHEMA}.accounts')
        with pytest.raises(ConfigurationError, match='"own %" depends on view') as found:
            Store.open(reader.url)
        assert "DROP VIEW" in str(found.value)
        connection.execute('DROP VIEW "own %"')
    Store.open(reader.url).close()
    assert reader.rows(f"SELECT 1 FROM {SCHEMA}.instances")


@pytest.mark.postgresql
def test_the_script_may_be_run_again(reader: Reader) -> None:
    views, _, _ = reader_script(ROLE).partition("COMMIT;")
    with reader.connect() as connection:
        connection.execute(views + "COMMIT;")
    assert reader.rows(f"SELECT 1 FROM {SCHEMA}.instances")
