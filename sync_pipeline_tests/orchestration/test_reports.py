"""The sensor and the job that mail reports, on a real Dagster instance and a real mail server."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest

from sync_pipeline.definitions import build_definitions
from sync_pipeline.orchestration.catalog import Known
from sync_pipeline.orchestration.instance import open_instance
from sync_pipeline.orchestration.resources import PipelineResource
from sync_pipeline.settings import Settings
from workbench.benches.store_bench import StoreBench
from workbench.running.system import Fleet, environment_of, in_environment
from workbench.servers.inboxes import MailInbox, mail_inbox

WEEK = timedelta(days=7)


@pytest.fixture
def fleet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Fleet, MailInbox]]:
    file = tmp_path / "reports.yaml"
    file.write_text("reports: [{name: fleet, to: [dba@example.net]}]")
    with mail_inbox() as inbox, in_environment(environment_of(tmp_path)):
        monkeypatch.setenv("SYNC_PIPELINE_REPORTS_FILE", str(file))
        monkeypatch.setenv("SYNC_PIPELINE_ALERT_EMAIL_FROM", "sync@example.net")
        monkeypatch.setenv("SYNC_PIPELINE_ALERT_SMTP_PORT", str(inbox.port))
        monkeypatch.setenv("SYNC_PIPELINE_ALERT_SMTP_HOST", "127.0.0.1")
        monkeypatch.setenv("SYNC_PIPELINE_ALERT_SMTP_TLS", "none")
        made = Fleet(tmp_path)
        StoreBench(made.store, datetime.now(UTC)).fleet("billing")
        yield made, inbox
        made.store.close()


def tick(found: dg.Definitions) -> dg.RunRequest | str:
    sensor = found.get_sensor_def("due_reports")
    resources = {"pipeline": PipelineResource()}
    with (
        open_instance() as instance,
        dg.build_sensor_context(instance, resources=resources) as context,
    ):
        said = sensor(context)
    if isinstance(said, dg.SkipReason):
        return said.skip_message or ""
    assert isinstance(said, dg.RunRequest)
    return said


def ran(found: dg.Definitions) -> tuple[bool, dict[str, object]]:
    with open_instance() as instance:
        result = found.resolve_job_def("send_reports").execute_in_process(
            instance=instance, raise_on_error=False
        )
    outputs = [event for event in result.all_events if event.is_successful_output]
    metadata = [
        event.event_specific_data.metadata  # type: ignore[union-attr]
        for event in outputs
    ]
    return result.success, {key: value.value for item in metadata for key, value in item.items()}


def test_a_due_report_is_asked_for_sent_and_told(fleet: tuple[Fleet, MailInbox]) -> None:
    home, inbox = fleet
    found = build_definitions(Settings.load(), Known())
    assert tick(found) == "No report is due."
    # As if the route were known for a long time.
    home.store.report_routes.sent("fleet", datetime.now(UTC) - 2 * WEEK, datetime.now(UTC) - WEEK)
    assert isinstance(tick(found), dg.RunRequest)
    inbox.answer = "451 later"
    assert ran(found)[0] is False
    assert tick(found) == "No report is due."  # not before its time
    state = home.store.report_routes.states()["fleet"]
    assert "code 451" in state.problem
    home.store.report_routes.failed("fleet", datetime.now(UTC), "")
    inbox.answer = "250 taken"
    inbox.mails.clear()
    done, said = ran(found)
    assert done
    assert said["reports sent"] == 1
    assert "fleet: sent to 1" in str(said["outcome"])
    assert tick(found) == "No report is due."
    assert ran(found)[1]["outcome"] == "Nothing was due."
    assert len(inbox.mails) == 1


def test_without_a_file_nobody_looks(
    fleet: tuple[Fleet, MailInbox], monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [item.name for item in build_definitions(Settings.load(), Known()).sensors or ()]
    assert "due_reports" in names
    monkeypatch.delenv("SYNC_PIPELINE_REPORTS_FILE")
    names = [item.name for item in build_definitions(Settings.load(), Known()).sensors or ()]
    assert "due_reports" not in names
