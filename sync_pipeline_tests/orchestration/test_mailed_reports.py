"""A report that is due is mailed by a run of Dagster's own daemon, once, whatever is killed."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from dagster import RunsFilter

from sync_pipeline.orchestration.instance import open_instance
from sync_pipeline.orchestration.reports import REPORT_JOB
from sync_pipeline.settings import Settings
from sync_pipeline.store.store import Store
from workbench.benches.store_bench import StoreBench, an_account
from workbench.running.system import (
    LAUNCH,
    System,
    launched,
    quick_up,
    running_system,
    selector,
    wait_for,
)
from workbench.servers.inboxes import MailInbox, mail_inbox

pytestmark = pytest.mark.long

NEVER = "0 0 1 1 *"
WEEK = timedelta(days=7)
ROUTES = {"reports": [{"name": "fleet", "to": ["dba@example.net"], "formats": ["html", "xlsx"]}]}


@pytest.fixture
def mailed(tmp_path: Path) -> Iterator[tuple[System, MailInbox]]:
    """A system that is started when a report has been due for a while."""
    file = tmp_path / "reports.yaml"
    file.write_text(json.dumps(ROUTES))
    store = Store.open(Settings(home=tmp_path).effective_store_url)
    bench = StoreBench(store, datetime.now(UTC))
    (instance,) = bench.fleet("billing")
    bench.apply(instance, an_account("alice"))
    store.report_routes.begin("fleet", bench.now - 2 * WEEK)
    store.close()
    with (
        mail_inbox() as inbox,
        running_system(
            tmp_path,
            quick_up,
            reports_file=file,
            alert_email_from="sync@example.net",
            alert_smtp_host="127.0.0.1",
            alert_smtp_port=inbox.port,
            alert_smtp_tls="none",
            account_sync_cron=NEVER,
        ) as system,
    ):
        yield system, inbox


def launch(system: System) -> str:
    """Let a run send what is due, as the launchpad does."""
    params: dict[str, Any] = {"selector": selector(REPORT_JOB), "runConfigData": {}}
    return launched(system.graphql(LAUNCH, params=params)["launchRun"])


def sends(system: System) -> None:
    assert system.ended_run(launch(system)) == "SUCCESS"


def make_due(system: System) -> None:
    now = datetime.now(UTC)
    system.fleet.store.report_routes.sent("fleet", now - 2 * WEEK, now - 2 * WEEK)


def files_of(mail: EmailMessage) -> dict[str, bytes]:
    found = {part.get_filename() or "": part.get_payload(decode=True) for part in mail.walk()}
    return {name: body for name, body in found.items() if name and isinstance(body, bytes)}


def test_a_due_report_is_mailed_by_the_daemon_and_once(
    mailed: tuple[System, MailInbox],
) -> None:
    system, inbox = mailed
    wait_for(lambda: inbox.mails, 90, "the mail")
    (page, book) = files_of(inbox.mails[0]).values()
    assert b"billing" in page
    assert page.lstrip().lower().startswith(b"<!doctype html")
    cells = [
        cell.value
        for sheet in openpyxl.load_workbook(io.BytesIO(book))
        for row in sheet
        for cell in row
    ]
    assert "billing" in cells
    with open_instance() as instance:
        (run,) = instance.get_runs(RunsFilter(job_name=REPORT_JOB))
    assert run.tags["dagster/sensor_name"] == "due_reports"
    assert system.ended_run(run.run_id) == "SUCCESS"
    sends(system)
    assert inbox.recipients == [["dba@example.net"]]

    # Killed before the server has it, and when it has it and nobody knows that it was sent.
    for command, arrived in (("RCPT", 0), ("DATA", 1)):
        inbox.mails.clear()
        make_due(system)
        inbox.held_at = command
        run_id = launch(system)
        wait_for(lambda: inbox.is_held, 60, "the mail on its way")
        system.kill_run(run_id)
        assert system.ended_run(run_id) == "FAILURE"
        inbox.held_at = ""
        assert len(inbox.mails) == arrived
        sends(system)  # Somebody may be at it still.
        assert len(inbox.mails) == arrived
        system.fleet.store.report_routes.failed("fleet", datetime.now(UTC), "")
        sends(system)
        sends(system)
        assert len(inbox.mails) == arrived + 1
        assert len({mail["Message-ID"] for mail in inbox.mails}) == 1
