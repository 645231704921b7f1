"""What the processes of a run import: one of them imports for all, and a run's begins with it.

Each import of a real `sync-pipeline run` is written down, with the process, by a hook that the
interpreter calls. Modules are counted, not seconds.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest

from sync_pipeline.model.credential import StoredCredential
from sync_pipeline.model.instance import EngineName, Instance, TlsMode, TlsOptions
from sync_pipeline.orchestration.processes import template
from sync_pipeline.settings import project_root
from sync_pipeline.store.store import Store
from workbench.running.code_servers import running_code_server
from workbench.running.system import environment_of

HOOK = """
import os, sys

_file = os.open(os.environ["IMPORTS"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)

def _note(event, arguments):
    if event == "import":
        os.write(_file, f"{os.getpid()} {arguments[0]}\\n".encode())
    elif event == "socket.connect" and arguments[1][1:2] == (int(os.environ["DATABASE"]),):
        os.write(_file, f"{os.getpid()} {WORKER}\\n".encode())

sys.addaudithook(_note)
"""
WORKER = "-connected-"
HOOK = HOOK.replace("{WORKER}", WORKER)
OF_NO_RUN = (
    "celery", "dagster_graphql", "dagster_webserver", "jinja2", "numpy", "pandas", "plotly",
    "prometheus_client", "pyarrow", "requests", "scipy", "typer", "uvicorn",
)  # fmt: skip
HEAVY = ("alembic", "dagster", "grpc", "pydantic", "sqlalchemy", "sync_pipeline.orchestration.jobs")
OF_THE_COMMAND = ("sqlalchemy", "typer")
MOST_OF_A_RUN = 30
"""Modules that the process of a run imports itself. A fresh interpreter would import 2,000."""


@pytest.fixture(scope="module")
def imported(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, set[str]]:
    """The modules that each process imported in the run of one instance, which refuses it."""
    directory = tmp_path_factory.mktemp("imports")
    (directory / "sitecustomize.py").write_text(HOOK)
    home = directory / "home"
    home.mkdir(mode=0o700)
    store, now = Store.open(f"sqlite:///{home / 'sync_pipeline.db'}"), datetime.now(UTC)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # nobody listens there, and nobody else will
        port = taken.getsockname()[1]
        store.registry.put_credential(StoredCredential("c", "u", "env:DATABASE"), now)
        tls = TlsOptions(TlsMode.DISABLE)
        instance = Instance(0, "db", EngineName.MYSQL, "127.0.0.1", port, "c", tls=tls)
        store.registry.put_instances([instance], now)
        store.close()
        path = os.pathsep.join((str(directory), str(project_root())))
        environment = {
            **environment_of(home, retry_limit=0),
            "PYTHONPATH": path,
            "IMPORTS": str(directory / "imports"),
            "DATABASE": str(port),
        }
        done = subprocess.run(
            [sys.executable, "-m", "sync_pipeline.cli.main", "run", "account-sync"],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=180,
        )
    assert done.returncode == 1, done.stderr
    assert "could not be reached (refused)" in done.stdout
    found = defaultdict(set)
    for line in (directory / "imports").read_text().splitlines():
        process, module = line.split(" ", 1)
        found[process].add(module)
    return found


def test_one_process_imports_dagster_for_all(imported: Mapping[str, set[str]]) -> None:
    """The command's own does not, its code server and the run's worker are forked off that."""
    for module in HEAVY:
        importers = {process for process, modules in imported.items() if module in modules}
        assert len(importers) == (2 if module in ("pydantic", "sqlalchemy") else 1), module
    (command,) = (modules for modules in imported.values() if "typer" in modules)
    assert set(OF_THE_COMMAND) <= command
    assert not command & {"dagster", "grpc", "alembic", "sync_pipeline.engines.registry"}


def test_the_process_of_a_run_begins_with_what_it_needs(imported: Mapping[str, set[str]]) -> None:
    (worker,) = (modules for modules in imported.values() if WORKER in modules)
    assert len(worker) <= MOST_OF_A_RUN, sorted(worker)
    assert not worker & set(HEAVY)


def test_no_process_of_a_run_imports_what_is_for_others(imported: Mapping[str, set[str]]) -> None:
    for modules in imported.values():
        if "typer" not in modules:
            assert sorted(modules & set(OF_NO_RUN)) == []


def test_a_process_with_threads_is_no_template(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """As one in which something else runs already; then each run imports for itself."""
    ended = threading.Event()
    thread = threading.Thread(target=ended.wait)
    thread.start()
    try:
        context = template.fork_template(tmp_path / "runs.sock", ["sync_pipeline.definitions"])
    finally:
        ended.set()
        thread.join()
    assert context.get_start_method() == "spawn"
    assert "threads before it begins" in caplog.text
    assert not (tmp_path / "runs.sock").exists()


def test_a_template_ends_neither_by_a_full_machine_nor_by_who_hangs_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The runs that go on would end with it. The first is told in the code: root has no limit."""
    answers: list[int | OSError] = [BlockingIOError(11, "no process"), OSError(12, "no memory"), 7]

    def fork() -> int:
        answer = answers.pop(0)
        if isinstance(answer, OSError):
            raise answer
        return answer

    monkeypatch.setattr(template, "_FORK", fork)
    monkeypatch.setattr(template, "SECONDS_TO_TRY_AGAIN", 0.0)
    assert template.fork_when_it_can() == 7
    with running_code_server(tmp_path, environment_of(tmp_path)) as server:
        before = server.template
        for _ in range(3):
            with socket.socket(socket.AF_UNIX) as client:
                client.connect(str(tmp_path / "runs.sock"))
        assert len(list(Path(f"/proc/{before}/task").iterdir())) == 1
        assert (tmp_path / "runs.sock").stat().st_mode & 0o777 == 0o600
        time.sleep(0.2)
        assert "State:\tZ" not in Path(f"/proc/{before}/status").read_text()
    assert not Path(f"/proc/{before}").exists()
