"""A person opens the UI, launches the job from the launchpad, and sees it succeed."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import quote

import pytest
from playwright.sync_api import Page, expect, sync_playwright

from sync_pipeline.model.session import SessionStatus
from sync_pipeline_tests.browser.programs import chromium
from sync_pipeline_tests.integration.store_bench import StoreBench
from sync_pipeline_tests.orchestration.system import (
    Fleet,
    System,
    environment_of,
    in_environment,
    running_system,
)
from sync_pipeline_tests.orchestration.test_backfill import history
from sync_pipeline_tests.servers.running import RunningServer
from sync_pipeline_tests.strategies.sizes import put_history

pytestmark = pytest.mark.long

SECONDS = 1000.0
MEASURED = "odd 'name' é"
LAUNCHPAD = "/locations/sync_pipeline/jobs/account_sync/playground"


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """A system that knows, when it starts, one inactive instance with two years of sizes."""
    home = tmp_path_factory.mktemp("ui")
    with in_environment(environment_of(home)):
        fleet = Fleet(home)
        bench = StoreBench(fleet.store, datetime.now(UTC))
        (measured,) = bench.fleet(MEASURED)
        today = datetime.now(UTC).date()
        put_history(bench.store, measured.id, history(today - timedelta(days=730), today))
        fleet.deactivate_all()
        fleet.store.close()
    with running_system(home, account_sync_cron="0 0 1 1 *") as system:
        yield system


@pytest.fixture
def page() -> Iterator[Page]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1400, "height": 800})
        page.set_default_timeout(60 * SECONDS)
        yield page
        browser.close()


@pytest.mark.browser
def test_a_run_from_the_launchpad(
    page: Page,
    system: System,
    postgresql_server: RunningServer,
    mariadb_server: RunningServer,
    tmp_path: Path,
) -> None:
    system.fleet.add("billing-pg", postgresql_server)
    system.fleet.add("shop-mariadb", mariadb_server)
    page.goto(system.url + LAUNCHPAD)
    page.get_by_role("button", name="Launch Run").click()
    page.wait_for_url(re.compile(r"/runs/[0-9a-f-]{36}"))
    expect(page.get_by_text("Success", exact=True).first).to_be_visible(timeout=90 * SECONDS)
    match = re.search(r"/runs/([0-9a-f-]{36})", page.url)
    assert match is not None
    expect(page.get_by_text("sync_instance[billing_pg_i2]").first).to_be_visible()
    assert system.fleet.ended_session(match[1]).status is SessionStatus.COMPLETED
    picture = Path(os.environ.get("SYNC_PIPELINE_TEST_PICTURE") or tmp_path / "ui-run.png")
    page.screenshot(path=picture)
    assert picture.stat().st_size > 10_000


@pytest.mark.browser
def test_the_ui_plots_an_instance_over_its_periods(page: Page, system: System) -> None:
    today = datetime.now(UTC).date()
    first = today - timedelta(days=700)
    done = subprocess.run(
        [sys.executable, "-m", "sync_pipeline.cli.main", "backfill", "--period", "month",
         "--from", str(first), "--to", str(today)],
        env=system.environment, capture_output=True, text=True, timeout=200, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    name = quote(MEASURED, safe="")
    page.goto(f"{system.url}/assets/size_aggregations/month/{name}?view=overview")
    page.get_by_text("Plots", exact=True).click()
    expect(page.get_by_text("average bytes")).to_be_visible()
    expect(page.locator("canvas").first).to_be_visible()
    for number in ("last bytes", "change percent", "days with data"):
        expect(page.get_by_text(number)).to_be_visible()
