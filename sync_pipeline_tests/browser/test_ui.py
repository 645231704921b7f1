"""A person opens the UI, launches the job from the launchpad, and sees it succeed."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import quote

import pytest
from playwright.sync_api import Browser, Page, expect

from sync_pipeline.model.period import PeriodRange, PeriodType
from sync_pipeline.model.session import SessionStatus
from sync_pipeline_tests.orchestration.test_backfill import history
from sync_pipeline_tests.orchestration.test_ui import SELECTOR, launch_of, runs
from workbench.benches.store_bench import StoreBench
from workbench.running.system import (
    Fleet,
    System,
    environment_of,
    in_environment,
    running_system,
)
from workbench.servers.running import RunningServer
from workbench.strategies.sizes import put_history

pytestmark = pytest.mark.long

SECONDS = 1000.0
MEASURED = "odd 'name' é"
LAUNCHPAD = "/locations/sync_pipeline/jobs/account_sync/playground"

LAUNCH_NOW = (
    f'mutation {{ launchRun(executionParams: {{selector: {{{SELECTOR}, jobName: "account_sync"}}, '
    'runConfigData: "{}"}) { __typename } }'
)


class QuietHandler(SimpleHTTPRequestHandler):
    """Serves files and says nothing of it."""

    def log_message(self, format: str, *args: object) -> None: ...  # noqa: A002


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
def page(browser: Browser) -> Iterator[Page]:
    page = browser.new_page(viewport={"width": 1400, "height": 800})
    page.set_default_timeout(60 * SECONDS)
    yield page
    page.close()


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
    # The page of partitions knows what our command computed, though no run of the job did.
    month = PeriodType.MONTH
    offered = len(list(PeriodRange.between(month, today - timedelta(days=730), today)))
    missing = offered - len(list(PeriodRange.between(month, first, today)))
    page.goto(f"{system.url}/locations/sync_pipeline/jobs/aggregate_month/partitions")
    said = re.compile(rf"{offered}\s*Total partitions\s*{missing}\s*Missing partitions")
    expect(page.locator("body")).to_contain_text(said, timeout=90 * SECONDS)


FOREIGN = """
<!doctype html><title>A page of somebody else</title>
<iframe id="frame" src="{ui}/runs"></iframe>
<form id="form" method="post" enctype="text/plain" target="sink"
 action="{ui}/graphql?query={query}">
<input name='{json}' value=""></form><iframe name="sink"></iframe>
<img src="{ui}/graphql?query={query}">
<script src="{ui}/graphql?query={query}"></script>
"""
ATTACK = """
async ([ui, query, body]) => {
  const outcome = {};
  const attempt = async (name, ask) => {
    try { outcome[name] = await ask(); } catch (error) { outcome[name] = "refused"; }
  };
  const post = (mode, type) => fetch(ui + "/graphql", {
    method: "POST", mode, credentials: "include", headers: {"content-type": type}, body,
  }).then((answer) => answer.text());
  await attempt("json", () => post("cors", "application/json"));
  await attempt("text", () => post("no-cors", "text/plain"));
  await attempt("text, with the query in the URL", () => fetch(
    ui + "/graphql?query=" + query,
    {method: "POST", mode: "no-cors", headers: {"content-type": "text/plain"}, body: "x"},
  ).then((answer) => answer.text()));
  await attempt("form", () => post("no-cors", "application/x-www-form-urlencoded"));
  await attempt("get", () => fetch(ui + "/graphql?query=" + query, {mode: "no-cors"})
    .then((answer) => answer.text()));
  await attempt("read", () => fetch(ui + "/server_info").then((answer) => answer.text()));
  await attempt("beacon", () => {
    navigator.sendBeacon(ui + "/graphql?query=" + query, body); return "";
  });
  await attempt("websocket", () => new Promise((resolve, reject) => {
    const socket = new WebSocket(ui.replace("http", "ws") + "/graphql", "graphql-ws");
    socket.onopen = () => resolve("opened");
    socket.onerror = () => reject(new Error("refused"));
  }));
  document.getElementById("form").submit();
  await new Promise((done) => setTimeout(done, 500));
  await attempt("frame", () => document.getElementById("frame").contentDocument.title);
  return outcome;
}
"""


@pytest.fixture
def foreign(tmp_path: Path, system: System) -> Iterator[str]:
    """Serve a page of somebody else from another port of this machine."""
    asked = launch_of({})
    query = quote(LAUNCH_NOW, safe="")
    page = FOREIGN.format(ui=system.url, query=query, json=json.dumps(asked))
    (tmp_path / "index.html").write_text(page)
    handler = partial(QuietHandler, directory=str(tmp_path))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.browser
def test_a_page_of_another_origin_launches_and_reads_nothing(
    page: Page, system: System, foreign: str
) -> None:
    before = runs(system)
    page.goto(foreign)
    asked = [system.url, quote(LAUNCH_NOW, safe=""), json.dumps(launch_of({}))]
    outcome = page.evaluate(ATTACK, asked)
    read = {name: text for name, text in outcome.items() if text not in ("", "refused")}
    assert read == {}
    assert outcome["json"] == outcome["read"] == outcome["websocket"] == "refused"
    # A host name that a stranger's name server makes point here is another origin too.
    rebound = system.url.replace("127.0.0.1", "evil.localhost")
    answer = page.goto(f"{rebound}/runs")
    assert answer is not None
    assert answer.status == 403
    assert runs(system) == before


@pytest.mark.browser
def test_a_link_opens_the_ui_and_its_websocket_follows_a_run(
    page: Page, system: System, foreign: str
) -> None:
    followed: list[str] = []
    page.on("websocket", lambda socket: followed.append(socket.url))
    page.goto(foreign)
    page.evaluate("address => { window.location = address; }", system.url + LAUNCHPAD)
    page.get_by_role("button", name="Launch Run").click()
    page.wait_for_url(re.compile(r"/runs/[0-9a-f-]{36}"))
    expect(page.get_by_text(re.compile("^(Success|Failure)$")).first).to_be_visible(
        timeout=90 * SECONDS
    )
    assert f"ws://127.0.0.1:{system.port}/graphql" in followed
