"""Metrics of a real store, printed, written and served."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from sync_pipeline.cli.scrape import Kept, MetricsServer, Page
from sync_pipeline.model.daemon_lease import Holder
from sync_pipeline.model.metrics import FleetMetrics, PhaseTimes, RecordCount
from sync_pipeline.model.session import RecordStatus, SessionStatus, SyncCategory, SyncType
from sync_pipeline.model.size import Measure
from sync_pipeline.report.metrics import render_metrics
from sync_pipeline.settings import Settings
from sync_pipeline.store.store import Store
from sync_pipeline.workflows.answers.metrics import fleet_metrics
from sync_pipeline.workflows.dates import today
from sync_pipeline.workflows.watching.freshness import check_freshness
from workbench.benches.alerts_bench import Ear, tell
from workbench.benches.command import Command
from workbench.benches.watch_bench import TIMINGS, WatchBench, completed
from workbench.servers.running import free_port
from workbench.servers.statements import counted
from workbench.strategies.sizes import UNKNOWN, Day, History, put_history

ACCOUNT, CAPACITY = SyncCategory.ACCOUNT, SyncCategory.CAPACITY
PASSWORD = "hunter2-in-the-url"


@pytest.fixture
def bench(store: Store, tmp_path: Path) -> WatchBench:
    return WatchBench(store, tmp_path)


def gather(bench: WatchBench) -> FleetMetrics:
    found = fleet_metrics(bench.deps)
    assert list(text_string_to_metric_families(render_metrics(found)))
    return found


def test_a_store_without_anything(bench: WatchBench) -> None:
    found = gather(bench)
    assert (found.sessions, found.newest, found.instances) == ((), (), ())


def test_records_are_those_of_the_newest_session(bench: WatchBench) -> None:
    fleet = bench.fleet("a", "b", "c")
    bench.session(completed(fleet))
    bench.wait(30)
    outcomes = [RecordStatus.COMPLETED, RecordStatus.FAILED, RecordStatus.SKIPPED]
    kinds = {RecordStatus.FAILED: "connect", RecordStatus.SKIPPED: "lease_held"}
    last = bench.session(
        zip(fleet, outcomes, strict=True), status=SessionStatus.FAILED, kinds=kinds
    )
    found = gather(bench)
    assert set(found.records) == {
        RecordCount(ACCOUNT, RecordStatus.COMPLETED, None, 1),
        RecordCount(ACCOUNT, RecordStatus.FAILED, "connect", 1),
        RecordCount(ACCOUNT, RecordStatus.SKIPPED, "lease_held", 1),
    }
    assert {(item.status, item.sessions) for item in found.sessions} == {
        (SessionStatus.COMPLETED, 1),
        (SessionStatus.FAILED, 1),
    }
    assert found.newest == found.ended == (last,)


def test_a_session_that_runs_does_not_hide_the_one_that_ended(bench: WatchBench) -> None:
    fleet = bench.fleet("a", "b")
    ended = bench.session(completed(fleet))
    bench.changes(ended, fleet[0], ["add", "add", "modify_privilege"])
    bench.wait(30)
    outcomes = [(fleet[0], RecordStatus.COMPLETED), (fleet[1], RecordStatus.PENDING)]
    running = bench.session(outcomes, status=SessionStatus.RUNNING)
    bench.changes(running, fleet[0], ["remove"])
    found = gather(bench)
    assert (found.newest, found.ended) == ((running,), (ended,))
    assert found.changes == {"add": 2, "modify_privilege": 1}
    assert {(item.status, item.records) for item in found.records} == {
        (RecordStatus.COMPLETED, 1),
        (RecordStatus.PENDING, 1),
    }


def test_a_session_of_the_fleet_counts_before_one_of_a_single_instance(bench: WatchBench) -> None:
    fleet = bench.fleet("a", "b")
    single = bench.session(completed(fleet[:1]), sync_type=SyncType.MANUAL_SINGLE)
    assert gather(bench).newest == (single,)
    whole = bench.session(completed(fleet))
    bench.wait(1)
    bench.session(completed(fleet[:1]), sync_type=SyncType.MANUAL_SINGLE)
    assert gather(bench).newest == (whole,)


def test_durations_are_summed_in_the_store(bench: WatchBench) -> None:
    fleet = bench.fleet("a", "b")
    bench.session([*completed(fleet[:1]), (fleet[1], RecordStatus.FAILED)])
    bench.session(completed(fleet), CAPACITY)
    found = {(item.category, item.phase): item for item in gather(bench).phases}
    assert sorted(found) == [
        (category, phase)
        for category in ("account", "capacity")
        for phase in ("collect", "connect", "total")
    ]
    assert found[CAPACITY, "connect"] == PhaseTimes(CAPACITY, "connect", (2,) * 12, 2, 0.04)
    collect = found[ACCOUNT, "collect"]
    assert collect.below == (0, 0, 0, *(1,) * 9)
    assert (collect.count, collect.total_seconds) == (1, TIMINGS["collect_seconds"])


def test_instances_with_their_last_success_and_size(bench: WatchBench) -> None:
    fleet = bench.fleet("a", "b", "c", "gone")
    bench.store.registry.delete_instance("gone", bench.now)
    bench.session(completed(fleet[:2]))
    first = bench.now
    bench.wait(30)
    bench.session([(fleet[0], RecordStatus.COMPLETED), (fleet[1], RecordStatus.FAILED)])
    day = today(bench.deps)
    nothing = Measure.known(0)
    days: list[Day] = [{"d": (Measure.known(size), nothing, nothing)} for size in (100, 250)]
    put_history(
        bench.store, fleet[0].id, History({day - timedelta(days=1): days[0], day: days[1]}, day)
    )
    unknown: Day = {"d": (UNKNOWN, nothing, nothing)}
    put_history(bench.store, fleet[1].id, History({day: unknown}, day))
    put_history(bench.store, fleet[2].id, History({day - timedelta(days=8): days[0]}, day))
    a, b, c = gather(bench).instances
    assert (a.name, a.engine, a.environment) == ("a", "postgresql", "")
    assert (a.last_success, a.total_bytes) == ({ACCOUNT: bench.now, CAPACITY: None}, 250)
    assert (b.last_success, b.total_bytes) == ({ACCOUNT: first, CAPACITY: None}, None)
    assert (c.last_success, c.total_bytes) == ({ACCOUNT: None, CAPACITY: None}, None)


def test_what_is_overdue_and_not_muted_is_stale(bench: WatchBench) -> None:
    fleet = bench.fleet("a", "b")
    bench.wait(91)
    limits = {ACCOUNT: timedelta(minutes=90), CAPACITY: timedelta(days=3)}
    check_freshness(bench.deps, limits, frozenset({fleet[1].id}))
    found = gather(bench)
    assert [item.stale for item in found.instances] == [{ACCOUNT}, set()]
    assert [(item.category, item.limit) for item in found.checks] == sorted(limits.items())
    assert (found.undelivered, found.waiting_events) == ({}, 1)
    settings = bench.settings.model_copy(update={"alert_slack_url": "http://127.0.0.1/x"})
    object.__setattr__(bench.deps, "settings", settings)
    ear = Ear("slack", works=False)
    tell(bench.deps, ear)
    found = gather(bench)
    assert (found.undelivered, found.alert_failures, found.waiting_events) == (
        {"slack": 1},
        {"slack": 1},
        0,
    )
    bench.wait(1)
    ear.works = True
    tell(bench.deps, ear)
    found = gather(bench)
    assert (found.undelivered, found.alert_failures) == ({"slack": 0}, {"slack": 0})


def test_a_large_fleet_takes_as_many_statements_as_a_small_one(bench: WatchBench) -> None:
    sent = []
    for count in (10, 2_000):
        fleet = bench.fleet(*(f"db{number:04}" for number in range(count)))
        for category in (ACCOUNT, CAPACITY):
            bench.session(completed(fleet), category)
        with counted(bench.store) as statements:
            found = fleet_metrics(bench.deps)
        sent.append(len(statements))
        assert len(found.instances) == count
        assert sum(item.records for item in found.records) == 2 * count
        bench.wait(1)
    assert sent[0] == sent[1] < 30


def samples(text: str) -> dict[str, float]:
    return {
        sample.name: sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if not sample.labels
    }


def test_metrics_are_printed_and_written(command: Command, tmp_path: Path) -> None:
    store = command.store()
    WatchBench(store, command.home).fleet("a")
    store.close()
    assert samples(command.ok("metrics").out)["sync_pipeline_instances"] == 1
    target = tmp_path / "sync_pipeline.prom"
    target.write_text("old")
    assert str(target) in command.ok("metrics", "--textfile", str(target)).out
    assert samples(target.read_text())["sync_pipeline_up"] == 1
    assert [path for path in tmp_path.iterdir() if path.suffix not in (".prom", "")] == []


def test_a_store_that_is_away_leaves_a_zero_in_the_file(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"postgresql+psycopg://sync:{PASSWORD}@127.0.0.1:{free_port()}/store"
    monkeypatch.setenv("SYNC_PIPELINE_STORE_URL", url)
    target = tmp_path / "sync_pipeline.prom"
    said = command.run("metrics", "--textfile", str(target))
    assert (said.status, said.out) == (3, "")
    text = target.read_text()
    assert samples(text) == {"sync_pipeline_up": 0}
    assert text.startswith("# The store postgresql+psycopg://sync:***@")
    assert PASSWORD not in text + said.err
    assert command.run("metrics").status == 3


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--serve", "9188"), "'9188' is not an address"),
        (("--serve", "localhost:http"), "not an address"),
        (("--serve", "localhost:70000"), "not an address"),
        (("--serve", "192.0.2.1:9188"), "192.0.2.1:9188 can't be listened on"),
        (("--serve", "127.0.0.1:0", "--textfile", "x.prom"), "either written or served"),
        (("--textfile", "/no/such/directory/x.prom"), "/no/such/directory/x.prom can't be written"),
    ],
)
def test_bad_input_is_one_sentence(
    command: Command, options: tuple[str, ...], message: str
) -> None:
    assert message in command.wrong("metrics", *options)


def get(url: str) -> tuple[int, str, str]:
    try:
        with urllib.request.urlopen(url, timeout=30) as answer:
            return answer.status, answer.headers["content-type"], answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers["content-type"], error.read().decode()


@contextmanager
def serving(kept: Kept, host: str = "127.0.0.1") -> Iterator[str]:
    with MetricsServer(host, 0, kept) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        shown = f"[{host}]" if ":" in host else host
        try:
            yield f"http://{shown}:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def test_a_page_is_made_when_asked_and_kept_for_a_moment() -> None:
    pages = iter([Page("first 1\n", is_up=True), Page("second 2\n", is_up=False)])
    kept = Kept(lambda: next(pages), seconds=60)
    with serving(kept) as url:
        for _ in range(2):
            assert get(f"{url}/metrics") == (
                200,
                "text/plain; version=0.0.4; charset=utf-8",
                "first 1\n",
            )
        kept.seconds = 0
        assert get(f"{url}/metrics?x=y")[::2] == (503, "second 2\n")
        assert get(f"{url}/")[::2] == (404, "The metrics are at /metrics.\n")


def test_many_who_ask_at_once_wait_for_one_page() -> None:
    made: list[int] = []

    def make() -> Page:
        made.append(1)
        return Page("x 1\n", is_up=True)

    kept = Kept(make, seconds=60)
    threads = [threading.Thread(target=kept.page) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert made == [1]


def test_the_command_serves_until_it_is_told_to_end(tmp_path: Path) -> None:
    """The store is away at first: the page says so, and has the fleet once it is there."""
    blocker = tmp_path / "home"
    blocker.write_text("no directory")
    environment = {**os.environ, "SYNC_PIPELINE_HOME": str(blocker)}
    process = subprocess.Popen(
        [sys.executable, "-m", "sync_pipeline.cli.main", "metrics", "--serve", "127.0.0.1:0"],
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        url = process.stdout.readline().split()[-1]
        status, _, text = get(url)
        assert (status, samples(text)) == (503, {"sync_pipeline_up": 0})
        assert "does not answer" in text.splitlines()[0]
        blocker.unlink()
        Store.open(Settings(home=blocker).effective_store_url).close()
        for _ in range(100):
            status, _, text = get(url)
            if status == 200:
                break
            threading.Event().wait(0.2)
        assert samples(text)["sync_pipeline_up"] == 1
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
        process.stdout.close()


def test_the_daemon_and_what_was_replaced(bench: WatchBench) -> None:
    """By the store's clock: the test's own does not move it."""
    lease = bench.store.daemon_lease
    text = render_metrics(gather(bench))
    assert "sync_pipeline_daemon_at_work{" not in text
    assert "sync_pipeline_daemon_lease_timestamp_seconds 0.0" in text
    holder = Holder("11111111-1111-4111-8111-111111111111", 'db"a', 17, 30.0)
    assert lease.take(lease.read(), holder)
    lease.count_replaced("daemon")
    lease.note_beside()
    found = fleet_metrics(bench.deps)
    assert found.daemon is not None
    assert found.daemon.beside_at is not None
    seen_at = found.daemon.beside_at
    for minutes, beside in ((4, "1.0"), (6, "0.0")):
        text = render_metrics(replace(found, gathered_at=seen_at + timedelta(minutes=minutes)))
        assert f"sync_pipeline_daemon_beside {beside}" in text
    assert 'sync_pipeline_daemon_at_work{host="db\\"a"} 1.0' in text
    assert 'sync_pipeline_process_replacements{process="daemon"} 1.0' in text
    assert 'sync_pipeline_process_replacements{process="webserver"} 0.0' in text
    assert "sync_pipeline_daemon_takeovers 0.0" in text
