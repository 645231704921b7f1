"""The sensor of freshness, evaluated on a real Dagster instance with real channels."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest
from sqlalchemy import update

from sync_pipeline.errors import ConfigurationError
from sync_pipeline.model.session import SyncCategory
from sync_pipeline.orchestration.freshness import (
    SECONDS_BETWEEN_LOOKS,
    freshness_limits,
    instance_freshness,
    longest_interval,
)
from sync_pipeline.orchestration.instance import open_instance
from sync_pipeline.orchestration.resources import PipelineResource
from sync_pipeline.report.metrics import render_metrics
from sync_pipeline.settings import Settings
from sync_pipeline.store.events.outbox_schema import outbox_routes
from sync_pipeline.workflows.answers.metrics import fleet_metrics
from sync_pipeline.workflows.watching.windows import start_maintenance
from workbench.benches.watch_bench import WatchBench, completed
from workbench.running.system import Fleet, environment_of, in_environment
from workbench.servers.inboxes import WebInbox, web_inbox

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[WatchBench]:
    """A home in which one instance was registered two hours ago and never synced."""
    with in_environment(environment_of(tmp_path)):
        fleet = Fleet(tmp_path)
        bench = WatchBench(fleet.store, tmp_path, datetime.now(UTC) - 2 * HOUR)
        bench.fleet("billing")
        bench.now = datetime.now(UTC)
        yield bench
        fleet.store.close()


@pytest.fixture
def web() -> Iterator[WebInbox]:
    with web_inbox() as inbox:
        yield inbox


def tick() -> str:
    resources = {"pipeline": PipelineResource()}
    with (
        open_instance() as instance,
        dg.build_sensor_context(instance, resources=resources) as context,
    ):
        (found,) = [instance_freshness(context)]
    assert isinstance(found, dg.SkipReason)
    return found.skip_message or ""


def test_it_runs_by_default_and_not_too_often() -> None:
    assert instance_freshness.default_status is dg.DefaultSensorStatus.RUNNING
    assert instance_freshness.minimum_interval_seconds == SECONDS_BETWEEN_LOOKS == 60


def test_an_alert_comes_once_and_a_recovery_once(
    bench: WatchBench, web: WebInbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SYNC_PIPELINE_ALERT_WEBHOOK_URL", web.url)
    monkeypatch.setenv("SYNC_PIPELINE_ALERT_SLACK_URL", web.url)
    assert tick() == "1 overdue. webhook: told slack: told"
    assert tick() == "1 overdue."
    bench.session(completed(bench.store.registry.instances()))
    assert tick() == "Nothing is overdue. webhook: told slack: told"
    assert tick() == "Nothing is overdue."
    assert len(web.posted) == 4
    (overdue, recovered) = [item for item in web.posted if "event" in item]
    assert overdue["overdue"][0]["instance"] == "billing"
    assert recovered["recovered"][0]["instance"] == "billing"


def test_a_channel_that_fails_is_tried_again(
    bench: WatchBench, web: WebInbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SYNC_PIPELINE_ALERT_SLACK_URL", f"{web.url}/t0ken")
    web.status = 500
    said = tick()
    assert "slack: not told, The alert was not sent" in said
    assert "HTTP status 500" in said
    # Not at once: its wait grows with each failure.
    assert tick() == "1 overdue."
    state = bench.store.outbox.states(datetime.now(UTC))["slack"]
    assert (state.waiting, state.failures) == (1, 1)
    with bench.store._database.write() as connection:
        connection.execute(update(outbox_routes).values(next_try_at=None))
    web.status = 200
    assert tick() == "1 overdue. slack: told"
    assert tick() == "1 overdue."
    state = bench.store.outbox.states(datetime.now(UTC))["slack"]
    assert (state.waiting, state.failures, state.error) == (0, 0, "")


def test_without_a_channel_only_the_metrics_know(bench: WatchBench) -> None:
    assert tick() == "1 overdue. Nobody is told: no SYNC_PIPELINE_ALERT_… channel is set."
    text = render_metrics(fleet_metrics(bench.deps))
    (line,) = [
        line
        for line in text.splitlines()
        if line.startswith("sync_pipeline_instance_is_stale") and 'category="account"' in line
    ]
    assert 'instance="billing"' in line
    assert line.endswith(" 1.0")


def test_a_file_that_is_not_valid_keeps_nothing_from_being_told_later(
    bench: WatchBench, web: WebInbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "alerts.yaml"
    monkeypatch.setenv("SYNC_PIPELINE_ALERTS_FILE", str(file))
    monkeypatch.setenv("TEAM_URL", web.url)
    file.write_text("routes: {team: {channel: slack}}")
    file.chmod(0o600)
    with pytest.raises(ConfigurationError, match="not where it leads"):
        tick()
    assert bench.store.freshness.view([SyncCategory.ACCOUNT]).announced
    file.write_text("routes: {team: {channel: slack, url: 'env:TEAM_URL'}}")
    assert tick() == "1 overdue. team: told"
    assert "billing (account)" in web.posted[0]["text"]


@pytest.mark.parametrize("instance", ["billing", None])
def test_maintenance_alerts_nobody(
    bench: WatchBench, web: WebInbox, monkeypatch: pytest.MonkeyPatch, instance: str | None
) -> None:
    monkeypatch.setenv("SYNC_PIPELINE_ALERT_WEBHOOK_URL", web.url)
    (billing,) = bench.store.registry.instances()
    tag = None if instance else "moving"
    bench.store.registry.put_instances([replace(billing, tags=("moving",))], bench.now)
    start_maintenance(
        bench.deps,
        instance=instance,
        tag=tag,
        ends_at=bench.now + HOUR,
        reason="moving house",
        created_by="carol",
    )
    assert tick() == "Nothing is overdue."
    assert not web.posted


@pytest.mark.usefixtures("bench")
def test_an_instance_without_our_configuration_is_refused() -> None:
    resources = {"pipeline": PipelineResource()}
    with (
        dg.DagsterInstance.ephemeral() as instance,
        dg.build_sensor_context(instance, resources=resources) as context,
        pytest.raises(ConfigurationError, match=r"without the project's dagster\.yaml"),
    ):
        instance_freshness(context)


@pytest.mark.parametrize(
    ("cron", "interval"),
    [
        ("*/30 * * * *", HOUR / 2),
        ("* * * * *", HOUR / 60),
        ("0 3 * * *", DAY),
        ("0 3 * * 1-5", 3 * DAY),
        ("0 9,17 * * 1-5", 2 * DAY + 16 * HOUR),
        ("0 0 1 * *", 31 * DAY),
        ("0 0 1 1 *", 366 * DAY),
    ],
)
def test_an_interval_is_the_longest_between_two_ticks(cron: str, interval: timedelta) -> None:
    assert longest_interval(cron, "UTC") == interval


def test_the_limits_follow_the_schedules_and_the_settings() -> None:
    account, capacity = SyncCategory.ACCOUNT, SyncCategory.CAPACITY
    assert freshness_limits(Settings()) == {account: 1.5 * HOUR, capacity: 3 * DAY}
    settings = Settings(
        account_sync_cron="0 * * * *", freshness_intervals=2, freshness_categories=("account",)
    )
    assert freshness_limits(settings) == {account: 2 * HOUR}
