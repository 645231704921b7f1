"""Dagster is told of an instance's accounts where they changed, and of a quiet fleet nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest
from dagster import (
    AssetCheckEvaluation,
    AssetCheckKey,
    AssetCheckSeverity,
    AssetObservation,
    DagsterInstance,
    UrlMetadataValue,
)

from sync_pipeline.definitions import defs
from sync_pipeline.model.change import AccountChange, AccountDiff, ChangeType, Effect
from sync_pipeline.model.finding import Severity
from sync_pipeline.model.finding_count import CountedFindings, FindingCount
from sync_pipeline.model.session import RecordStatus
from sync_pipeline.orchestration import catalogued
from sync_pipeline.orchestration.catalogued import FINDINGS, accounts_key
from sync_pipeline.orchestration.categories.account.events import account_events
from sync_pipeline.orchestration.instance import open_instance
from sync_pipeline.web.addresses import Served
from sync_pipeline.web.resources.links import instance_link
from sync_pipeline.workflows.syncing.accounts import AccountSyncReport
from workbench.running.system import Fleet, environment_of, in_environment
from workbench.servers.running import RunningServer

ROLE = "assets_new_admin"


@pytest.fixture
def instance(tmp_path: Path, postgresql_server: RunningServer) -> Iterator[DagsterInstance]:
    """Dagster's instance of a home with one server under two names."""
    settings = {"retry_base_seconds": 0.05, "retry_limit": 0}
    with in_environment(environment_of(tmp_path, **settings)):
        fleet = Fleet(tmp_path)
        for name in ("one", "two"):
            fleet.add(name, postgresql_server)
        fleet.store.close()
        with open_instance() as instance:
            yield instance


@contextmanager
def role(server: RunningServer, options: str) -> Iterator[None]:
    """Let a role exist as long as the block lasts."""
    where = f"host={server.host} port={server.port} user={server.admin_user}"
    with psycopg.connect(f"{where} dbname={server.database}", autocommit=True) as connection:
        connection.execute(f"CREATE ROLE {ROLE} {options}")
        try:
            yield
        finally:
            connection.execute(f"DROP ROLE {ROLE}")


def sync(instance: DagsterInstance) -> None:
    done = defs.resolve_job_def("account_sync").execute_in_process(instance=instance)
    assert done.success


def observations(instance: DagsterInstance, name: str) -> Sequence[AssetObservation]:
    """Return what was told of an instance, the newest first."""
    found = instance.fetch_observations(accounts_key(name), 100).records
    return [record.asset_observation for record in found if record.asset_observation]


def checks(instance: DagsterInstance, name: str) -> list[AssetCheckEvaluation]:
    """Return how an instance's check was answered, the newest first."""
    key = AssetCheckKey(accounts_key(name), FINDINGS)
    found = instance.event_log_storage.get_asset_check_execution_history(key, 100)
    return [
        entry.event.dagster_event.asset_check_evaluation_data
        for entry in found
        if entry.event and entry.event.dagster_event
    ]


def plain(event: AssetObservation | AssetCheckEvaluation) -> dict[str, Any]:
    return {name: value.value for name, value in event.metadata.items()}


def test_a_change_is_told_and_a_quiet_sync_is_not(
    instance: DagsterInstance, postgresql_server: RunningServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    sync(instance)
    (first,) = observations(instance, "one")
    assert "first sync" in (first.description or "")
    (answer,) = checks(instance, "one")
    quiet = len(instance.all_asset_keys()), instance.event_log_storage.get_maximum_record_id()
    sync(instance)
    assert len(observations(instance, "one")) == len(checks(instance, "one")) == 1
    assert len(instance.all_asset_keys()) == quiet[0]
    assert "console" not in {**plain(first), **plain(answer)}
    monkeypatch.setenv("SYNC_PIPELINE_CONSOLE_URL", "https://console.example/")
    with role(postgresql_server, "SUPERUSER LOGIN"):
        sync(instance)
    gained, _ = observations(instance, "one")
    shown = plain(gained)
    assert (shown["accounts that gained a power"], shown["accounts that lost a power"]) == (1, 0)
    assert ROLE in shown["changes"].replace("\\", "")
    now, _ = checks(instance, "one")
    assert not now.passed
    page = "https://console.example/instance?name=one"
    assert shown["console"] == plain(now)["console"] == page
    worse = [f"findings: {item}" for item in Severity if item is not Severity.INFO]
    assert sum(plain(now)[name] for name in worse) > sum(plain(answer)[name] for name in worse)
    assert len(observations(instance, "two")) == len(checks(instance, "two")) == 2


def test_nothing_is_told_of_an_instance_that_the_catalog_has_not(
    instance: DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catalogued, "MOST_INSTANCES", 1)
    sync(instance)
    assert observations(instance, "one")
    assert not observations(instance, "two")
    assert not checks(instance, "two")


def report(*changes: AccountChange, counts: dict[Severity, int] | None = None) -> AccountSyncReport:
    found = None
    if counts is not None:
        rows = [FindingCount("", item.rank, findings=count) for item, count in counts.items()]
        found = CountedFindings("", (*rows, FindingCount("", Severity.LOW.rank, accepted=3)))
    return AccountSyncReport("one", RecordStatus.COMPLETED, "said", changes=changes, findings=found)


def changed(effect: Effect, *lines: str) -> AccountChange:
    return AccountChange("a", ChangeType.MODIFY_OTHER, AccountDiff(), lines, effect)


def test_a_change_that_is_not_worth_telling_is_no_event() -> None:
    assert not list(account_events(report()))
    assert not list(account_events(report(changed(Effect.NONE))))


def test_powers_are_counted_by_account() -> None:
    both = Effect.GIVES | Effect.GIVES_POWER | Effect.TAKES_POWER
    told = report(changed(both, "x"), changed(Effect.TAKES_POWER, "y"), changed(Effect.GIVES, "z"))
    (event,) = account_events(told)
    assert isinstance(event, AssetObservation)
    shown = plain(event)
    assert (shown["accounts that gained a power"], shown["accounts that lost a power"]) == (1, 2)
    assert "findings accepted" not in shown


def test_what_changed_leads_to_the_page_of_the_console() -> None:
    name = "billing & pay/1"
    told = replace(report(changed(Effect.GIVES, "x"), counts={}), instance=name)
    served = Served().link(instance_link(name))
    events = list(account_events(told, "https://console.example"))
    assert len(events) == 2
    for event in events:
        assert plain(event)["console"] == f"https://console.example{served}"
        assert isinstance(event.metadata["console"], UrlMetadataValue)
    for event in account_events(told):
        assert "console" not in plain(event)


@pytest.mark.parametrize(
    ("counts", "passed", "severity"),
    [
        ({}, True, AssetCheckSeverity.WARN),
        ({Severity.MEDIUM: 9, Severity.INFO: 1}, True, AssetCheckSeverity.WARN),
        ({Severity.HIGH: 1}, False, AssetCheckSeverity.WARN),
        ({Severity.CRITICAL: 1, Severity.HIGH: 1}, False, AssetCheckSeverity.ERROR),
    ],
)
def test_the_check_fails_for_what_is_critical_or_high(
    counts: dict[Severity, int], passed: bool, severity: AssetCheckSeverity
) -> None:
    (event,) = account_events(report(counts=counts))
    assert isinstance(event, AssetCheckEvaluation)
    assert (event.passed, event.severity) == (passed, severity)
    shown = plain(event)
    assert shown["findings accepted"] == 3
    assert {item: shown[f"findings: {item}"] for item in Severity} == {
        item: counts.get(item, 0) for item in Severity
    }
