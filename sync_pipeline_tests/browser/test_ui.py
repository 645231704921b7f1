"""A person opens the UI, launches the job from the launchpad, and sees it succeed."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect, sync_playwright

from sync_pipeline.model.session import SessionStatus
from sync_pipeline_tests.browser.programs import chromium
from sync_pipeline_tests.orchestration.system import System, running_system
from sync_pipeline_tests.servers.running import RunningServer

SECONDS = 1000.0
LAUNCHPAD = "/locations/sync_pipeline/jobs/account_sync/playground"


@pytest.fixture
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    with running_system(tmp_path_factory.mktemp("ui"), account_sync_cron="0 0 1 1 *") as system:
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
    expect(page.get_by_text("sync_instance[billing_pg_i1]").first).to_be_visible()
    assert system.fleet.ended_session(match[1]).status is SessionStatus.COMPLETED
    picture = Path(os.environ.get("SYNC_PIPELINE_TEST_PICTURE") or tmp_path / "ui-run.png")
    page.screenshot(path=picture)
    assert picture.stat().st_size > 10_000
