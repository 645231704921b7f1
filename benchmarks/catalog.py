"""What instances as assets cost: loading them, looking at the catalog, and having nothing to do.

    python -m benchmarks.catalog [--instances 200 1000 2000 10000] [--with-periods 0]

Each count is a system of its own in which all instances are in the catalog, one after the other:
the seconds that the code location takes to load and to be described, the bytes of the description,
which the webserver and the daemon hold too, the seconds until a browser shows the catalog and the
assets of accounts, and the CPU of each process while nothing is due. Chromium has to be installed
for the pages.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dagster._core.definitions.definitions_load_context import DefinitionsLoadType
from dagster._core.remote_representation.external_data import RepositorySnap
from dagster._serdes import serialize_value
from dagster._utils.test.definitions import scoped_definitions_load_context
from playwright.sync_api import sync_playwright

from benchmarks.idle import (
    NEVER,
    SCHEDULES,
    Idle,
    by_service,
    free_port,
    measure,
    plain_environment,
    register,
    started,
)
from sync_pipeline.orchestration import catalogued
from sync_pipeline.orchestration.processes import code_server, serve
from workbench.running.programs import chromium

INSTANCES, WITH_PERIODS = "BENCHMARK_INSTANCES", "BENCHMARK_WITH_PERIODS"
MODULE = (sys.executable, "-m", "benchmarks.catalog")
PAGES = {"catalog": ("/assets", "accounts"), "a group": ("/assets/accounts", "db000000")}
SECONDS_TO_SETTLE = 60.0


def take_limits() -> None:
    """Let as many instances be assets as the environment says."""
    catalogued.MOST_INSTANCES = int(os.environ[INSTANCES])
    catalogued.MOST_WITH_PERIODS = int(os.environ[WITH_PERIODS])


def describe() -> None:
    """Load the location as a code server does, and print seconds and bytes."""
    from sync_pipeline.definitions import location  # noqa: PLC0415 - once the limits are others

    began = time.monotonic()
    with scoped_definitions_load_context(DefinitionsLoadType.INITIALIZATION):
        repository = location().get_repository_def()
        loaded = time.monotonic() - began
        text = serialize_value(RepositorySnap.from_def(repository, defer_snapshots=True)).encode()
    seconds = time.monotonic() - began
    packed = len(zlib.compress(text, 1))
    print(  # noqa: T201 - the report of a command
        f"    loaded in {loaded:.1f} s, described in {seconds - loaded:.1f} s: "
        f"{len(text) / 2**20:.1f} MiB, {packed / 2**20:.2f} MiB packed"
    )


@contextmanager
def system_of(directory: Path, count: int, environment: dict[str, str]) -> Iterator[Idle]:
    """Start a system with so many instances, all of them assets."""
    port = free_port()
    with (
        (directory / "up.log").open("w") as log,
        started(
            f"{count} instances", [*MODULE, "serve", "--port", str(port)], environment, port, log
        ) as system,
    ):
        yield system


def look(port: int) -> None:
    """Print how long a browser takes to show the catalog."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
        for name, (address, text) in PAGES.items():
            page = browser.new_page(viewport={"width": 1400, "height": 800})
            began = time.monotonic()
            page.goto(f"http://127.0.0.1:{port}{address}")
            page.get_by_text(text).first.wait_for(timeout=300_000)
            heap = page.evaluate("performance.memory.usedJSHeapSize")
            print(  # noqa: T201
                f"    {name}: {time.monotonic() - began:.1f} s in a browser, {heap / 2**20:.0f} MiB"
            )
            page.close()
        browser.close()


def measure_count(count: int, with_periods: int, seconds: float) -> None:
    """Measure one count of instances."""
    print(f"{count} instances, {with_periods} of them with periods")  # noqa: T201
    with tempfile.TemporaryDirectory() as name:
        home = Path(name) / "home"
        home.mkdir(mode=0o700)
        register(home, count)
        crons = {f"SYNC_PIPELINE_{item}_CRON": NEVER for item in SCHEDULES}
        limits = {INSTANCES: str(count), WITH_PERIODS: str(with_periods)}
        environment = plain_environment() | crons | limits | {"SYNC_PIPELINE_HOME": str(home)}
        subprocess.run([*MODULE, "describe"], env=environment, check=True)  # noqa: S603
        with system_of(Path(name), count, environment) as system:
            look(system.port)
            time.sleep(SECONDS_TO_SETTLE)
            measure([system], seconds)
            print(f"    idle: {system.cpu_a_minute[-1]:.2f} s of CPU a minute")  # noqa: T201
            print(f"    {by_service(system)}")  # noqa: T201
            print(f"    {system.memory_bytes / 2**20:.0f} MiB of memory")  # noqa: T201


def main() -> None:
    """Measure what the command line asks for, or be a part of the measured system."""
    if sys.argv[1:2] in (["describe"], ["serve"], [code_server.PROGRAM]):
        part = sys.argv[1]
        take_limits()
        if part == "describe":
            describe()
        elif part == "serve":
            del sys.argv[1]
            own = code_server.command
            code_server.command = lambda *of: [*MODULE, *own(*of)[3:]]
            sys.exit(serve.main())
        else:
            sys.exit(code_server.main())
        return
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--instances", type=int, nargs="*", default=[200, 1000, 2000, 10_000])
    parser.add_argument("--with-periods", type=int, default=0, help="of them, with their periods")
    parser.add_argument("--seconds", type=float, default=120.0)
    options = parser.parse_args()
    for count in options.instances:
        measure_count(count, min(options.with_periods, count), options.seconds)


if __name__ == "__main__":
    main()
