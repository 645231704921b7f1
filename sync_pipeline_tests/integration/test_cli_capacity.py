"""`sync-pipeline capacity`, `report` and `sessions` on sizes that a test wrote."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest

from sync_pipeline.model.aggregation import AggregationRequest
from sync_pipeline.model.period import PeriodRange, PeriodType
from sync_pipeline.model.session import RecordOutcome, RecordStatus
from sync_pipeline.model.size import DatabaseSize, Measure, SizeSnapshot, TableSize, TablespaceSize
from sync_pipeline.store.store import Store
from workbench.benches.command import Command
from workbench.benches.store_bench import StoreBench
from workbench.strategies.sizes import SERVER, measured, put_snapshots, today

GB = 10**9
ODD = "<b>we\"ird</b> 'ä%"


@pytest.fixture
def store(command: Command) -> Iterator[Store]:
    opened = command.store()
    yield opened
    opened.close()


def snapshot(day: date, back: int) -> SizeSnapshot:
    """Return `big`, which grows by 1 GB a day, and others that stay."""
    databases = [
        DatabaseSize("big", Measure.known((900 - back) * GB), Measure.known(GB), Measure.known(1)),
        DatabaseSize(ODD, Measure.known(5 * GB), maximum_bytes=8 * GB),
    ]
    if back > 50:
        databases.append(DatabaseSize("old", Measure.known(GB)))
    return SizeSnapshot(
        server=SERVER,
        observed_at=datetime.now(UTC) - timedelta(days=back),
        databases=tuple(databases),
        log=Measure.known(2 * GB),
        temporary=Measure.denied("it is secret"),
        tablespaces=(
            TablespaceSize("capped", Measure.known((900 - back) * GB), 920 * GB),
            TablespaceSize("open", Measure.known(GB)),
        ),
    )


@pytest.fixture
def filled(store: Store) -> StoreBench:
    """100 days of `alpha` without two of them, and one day of `beta`."""
    bench = StoreBench(store, datetime.now(UTC))
    alpha, beta = bench.fleet("alpha", "beta")
    days = {back: today() - timedelta(days=back) for back in range(100) if back not in (20, 21)}
    put_snapshots(store, alpha.id, {day: snapshot(day, back) for back, day in days.items()})
    unread = snapshot(today(), 0)
    table = TableSize("public", "orders", 3 * GB, 2 * GB, GB)
    broken = DatabaseSize("broken", Measure.unreachable("Database broken is invalid; drop it."))
    largest = replace(unread.databases[0], name="other", tables=(table,))
    unread = replace(unread, databases=(largest, broken))
    store.sizes.put([measured(store, beta.id, today(), unread)])
    for kind in PeriodType:
        periods = PeriodRange.between(kind, today() - timedelta(days=99), today())
        store.aggregations.compute(
            [AggregationRequest((alpha.id,), periods, today(), 5.0, datetime.now(UTC))]
        )
    return bench


def test_nothing_was_measured_yet(command: Command) -> None:
    for arguments in (("top",), ("forecast",)):
        said = command.ok("capacity", *arguments)
        assert "Nothing was measured: sync-pipeline run capacity-sync." in said.out
    assert command.ok("capacity", "limits").out.strip() == "There is no limit."


def test_top(command: Command, filled: StoreBench) -> None:
    largest = command.ok("capacity", "top", "--json").json
    assert [(item["instance"], item["database"]) for item in largest] == [
        ("alpha", "big"), ("beta", "other"), ("alpha", ODD), ("beta", "broken"),
    ]  # fmt: skip
    (fastest,) = command.ok("capacity", "top", "--by", "growth", "--json", "--days", "30").json
    assert (fastest["database"], fastest["grown_bytes"]) == ("big", 30 * GB)
    table = command.ok("capacity", "top").out
    assert "900.0 GB" in table
    assert ODD in table
    assert "big" in command.ok("capacity", "top", "--instance", "alpha", "--limit", "1").out


def test_show_says_what_is_not_known_and_why(command: Command, filled: StoreBench) -> None:
    said = command.ok("capacity", "show", "beta").out
    assert "at least 900.0 GB in 2 databases, 1 not readable" in said
    assert "Database broken is invalid; drop it." in said.replace("\n", " ")
    assert "orders" in said
    found = command.ok("capacity", "show", "beta", "--json").json
    assert found["instance"]["point"]["total_bytes"] is None
    alpha = command.ok("capacity", "show", "alpha").out
    assert "905.0 GB in 2 databases, 0 not readable" in alpha
    assert "logs 2.0 GB" in alpha
    assert "temporary is not known: denied: it is secret" in alpha
    assert "Database old vanished" in alpha


def test_history_shows_gaps(command: Command, filled: StoreBench) -> None:
    days = command.ok("capacity", "history", "alpha", "--period", "day").out
    assert days.count("0/1") == 2
    months = command.ok("capacity", "history", "alpha", "--period", "month", "--json").json
    assert sum(item["expected_count"] - item["data_count"] for item in months) >= 2
    old = command.ok("capacity", "history", "alpha", "--database", "old", "--json").json
    assert {item["database"] for item in old} == {"old"}
    assert "Nothing was aggregated" in command.ok("capacity", "history", "beta").out


def test_forecast_and_limits(command: Command, filled: StoreBench) -> None:
    assert "limit 1.0 TB" in command.ok("capacity", "limit", "alpha", "1TB").out
    command.ok("capacity", "limit", "alpha", "950GB", "--database", "big")
    limits = command.ok("capacity", "limits", "--json").json
    assert [(item["database"], item["limit_bytes"]) for item in limits] == [
        ("", 10**12), ("big", 950 * GB),
    ]  # fmt: skip
    said = command.ok("capacity", "forecast", "alpha", "--json").json
    found = {item["database"]: item for item in said if not item["tablespace"]}
    (capped,) = [item for item in said if item["tablespace"]]
    assert (capped["tablespace"], capped["days_until_limit"]) == ("capped", pytest.approx(20))
    shown = " ".join(command.ok("capacity", "forecast", "alpha").out.split())
    assert "tablespace capped" in shown
    assert "920.0 GB (ceiling)" in shown
    assert found["big"]["bytes_per_day"] == pytest.approx(GB)
    assert found["big"]["days_until_limit"] == pytest.approx(50)
    # A database that vanished in between moves the instance's trend a little.
    assert found[""]["days_until_limit"] == pytest.approx(95, rel=0.05)
    assert found["big"]["trend"] == "growing"
    assert found[ODD]["trend"] == "no trend"
    assert "no trend" in shown
    assert found[ODD]["days_until_limit"] is None
    assert (found[ODD]["limit_bytes"], found[ODD]["limit_kind"]) == (8 * GB, "ceiling")
    assert [item["days"] for item in found["big"]["forecasts"]] == [30, 90]
    table = command.ok("capacity", "forecast").out
    assert "too few points" not in table.split("beta")[0]
    assert "(at the earliest" in table
    removed = command.ok("capacity", "limit", "alpha", "0", "--database", "big")
    assert "alpha/big: no limit." in removed.out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("show", "nobody"), "'nobody' does not exist"),
        (("history", "nobody"), "'nobody' does not exist"),
        (("top", "--instance", "nobody"), "'nobody' does not exist"),
        (("limit", "nobody", "5GB"), "'nobody' does not exist"),
        (("limit", "alpha", "much"), "'much' is not a size"),
        (("history", "alpha", "--from", "2026-02-01", "--to", "2026-01-01"), "ends before"),
        (("export", "--output", "sizes.xlsx"), "does not say the format"),
        (("export", "--output", "/nowhere/at/all.csv"), "can't be written"),
    ],
)
def test_bad_input(
    command: Command, filled: StoreBench, arguments: tuple[str, ...], words: str
) -> None:
    assert words in command.wrong("capacity", *arguments)


@pytest.mark.parametrize("file_format", ["csv", "parquet"])
def test_an_export_is_read_back(
    command: Command, filled: StoreBench, tmp_path: Path, file_format: str
) -> None:
    def exported(*options: str) -> pd.DataFrame:
        path = tmp_path / f"rows.{file_format}"
        said = command.ok("capacity", "export", "--output", str(path), *options)
        read = pd.read_csv if file_format == "csv" else pd.read_parquet
        frame: pd.DataFrame = read(path)
        assert f"{len(frame)} rows are in" in said.out.replace("\n", "")
        assert not list(tmp_path.glob(".*partial"))
        return frame

    first = ("--from", str(today() - timedelta(days=9)))
    sizes = exported(*first)
    big = sizes[(sizes["database"] == "big")]
    assert list(big["total_bytes"]) == [(900 - back) * GB for back in range(9, -1, -1)]
    assert ODD in set(sizes["database"])
    broken = sizes[sizes["database"] == "broken"]
    assert broken["total_bytes"].isna().all()
    assert "is invalid" in broken["unknown"].iloc[0]
    instances = exported("--what", "instances", *first)
    assert set(instances["instance"]) == {"alpha", "beta"}
    months = exported("--what", "database-aggregations", "--period", "month")
    assert {"total_avg_bytes", "total_growth_rate", "period_type"} < set(months.columns)
    assert set(months["period_type"]) == {"month"}
    whole = exported("--what", "instance-aggregations", "--period", "quarter")
    assert set(whole["database"].astype("string").fillna("")) == {""}
    # Bytes stay whole numbers, whatever is missing beside them.
    if file_format == "parquet":
        assert str(sizes["total_bytes"].dtype) == "Int64"


def test_the_report_holds_everything_and_names_are_text(
    command: Command, filled: StoreBench, tmp_path: Path
) -> None:
    alpha = next(i for i in filled.store.registry.instances() if i.name == "alpha")
    session = filled.open([alpha])
    failed = RecordOutcome(
        RecordStatus.FAILED, error_kind="connect", error_message="alpha: <i>refused</i>"
    )
    filled.store.sessions.finish(filled.claim(session, alpha), failed, datetime.now(UTC))
    path = tmp_path / "report.html"
    assert "The report of 2 instances" in command.ok("report", "--output", str(path)).out
    page = path.read_text()
    shown = page[page.index("<body>") :]
    for text in (
        "Report of the databases",
        "alpha",
        "beta",
        "&lt;b&gt;we&#34;ird",
        "&lt;i&gt;refused",
    ):
        assert text in shown
    assert "<b>we" not in shown
    assert "<i>refused" not in shown
    assert '<td class="n">no trend</td>' in shown  # the odd one; 0 B a day would be a claim
    assert "src=" not in page
    assert "<script" not in page
    gap = today() - timedelta(days=21)
    assert f'<td class="day">{gap}</td><td class="day">{gap + timedelta(days=1)}</td>' in shown


def test_a_report_of_nothing(command: Command, tmp_path: Path) -> None:
    path = tmp_path / "empty.html"
    command.ok("report", "--output", str(path))
    assert "Nothing was measured in this time." in path.read_text()
    assert "can't be written" in command.wrong("report", "--output", "/nowhere/report.html")
