"""The wheel has all that runs need: installed without a checkout, it works in an empty directory.

With the Python that runs the tests the packages that it depends on are those of this environment,
seen by a path; the wheel itself is installed, and nothing of the checkout is on the path. With
each other Python that it may be installed with, where this machine has it, all is built and
installed as the image is: by the steps of `deploy/Dockerfile`, each package by its hash. That takes
minutes, and is done where SYNC_PIPELINE_TEST_EVERY_PYTHON is set.
"""

from __future__ import annotations

import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from urllib.error import URLError
from zipfile import ZipFile

import pytest
import yaml

from sync_pipeline.model.session import SessionFilter, SessionStatus
from sync_pipeline.settings import project_root
from workbench.running.installed import (
    Installed,
    build_wheel,
    by_the_recipe,
    with_these_packages,
)
from workbench.running.interpreters import VERSIONS, interpreter
from workbench.running.system import Fleet, System, in_environment, wait_for
from workbench.servers.running import RunningServer, free_port

pytestmark = [pytest.mark.long, pytest.mark.timeout(1800)]

ROOT = project_root()
EVERY = "SYNC_PIPELINE_TEST_EVERY_PYTHON"
PACKAGE = ROOT / "sync_pipeline"
BROUGHT = {
    "sync_pipeline/project/dagster.yaml": ROOT / "dagster.yaml",
    "sync_pipeline/project/workspace.yaml": ROOT / "workspace.yaml",
    "sync_pipeline/project/requirements.txt": ROOT / "requirements" / "run.txt",
    **{
        f"sync_pipeline/project/requirements-{name}.txt": ROOT / "requirements" / f"{name}.txt"
        for name in ("celery", "kubernetes", "secrets")
    },
}
SCHEDULES = """
{ schedulesOrError(repositorySelector: {repositoryLocationName: "sync_pipeline",
    repositoryName: "__repository__"}) { ... on Schedules { results { name
    scheduleState { status } } } } }
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_wheel(tmp_path_factory.mktemp("dist"))


@pytest.fixture(scope="module", params=VERSIONS)
def installed(
    request: pytest.FixtureRequest, wheel: Path, tmp_path_factory: pytest.TempPathFactory
) -> Installed:
    version = str(request.param)
    directory = tmp_path_factory.mktemp("installed")
    if version == ".".join(map(str, sys.version_info[:2])):
        return with_these_packages(directory, wheel)
    if not os.environ.get(EVERY):
        pytest.skip(f"Python {version} is tried where {EVERY} is set")
    program = interpreter(version)
    if program is None:
        pytest.skip(f"Python {version} is not on this machine")
    return by_the_recipe(directory, program)


def test_it_has_every_file_of_the_package_and_of_the_project(wheel: Path) -> None:
    files = {
        str(path.relative_to(ROOT)): path
        for path in PACKAGE.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    } | BROUGHT
    with ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
        assert names == set(files)
        for name, path in files.items():
            assert archive.read(name) == path.read_bytes(), name


def test_it_is_the_wheel_that_runs(installed: Installed) -> None:
    script = "import sync_pipeline, sync_pipeline.settings as s; print(sync_pipeline.__file__)"
    asked = f"{script}; print(s.project_root())"
    done = subprocess.run(
        [installed.environment / "bin" / "python", "-c", asked],
        cwd=installed.empty, env=installed.variables,
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    file, root = done.stdout.splitlines()
    assert Path(file) == installed.package / "__init__.py"
    assert Path(root) == (installed.package / "project").resolve()


def test_the_main_job_runs_in_an_empty_directory(
    installed: Installed, postgresql_server: RunningServer
) -> None:
    server = postgresql_server
    installed.run(
        "credentials", "add", "monitor", "--username", server.admin_user, "--password-stdin",
        said=server.admin_password,
    )  # fmt: skip
    installed.run(
        "instances", "add", "first", "--engine", "postgresql", "--host", server.host,
        "--port", str(server.port), "--credential", "monitor", "--tls", "disable",
        "--database", server.database or "postgres",
    )  # fmt: skip
    installed.run("run", "account-sync")
    with in_environment(installed.variables):
        fleet = Fleet(installed.home)
        (session,) = fleet.store.sessions.list(SessionFilter(limit=10))
        fleet.store.close()
    assert (session.status, session.successful) == (SessionStatus.COMPLETED, 1)
    assert server.admin_user in installed.run("accounts", "list", "--instance", "first")
    assert not list(installed.empty.iterdir())


@pytest.fixture
def system(installed: Installed) -> Iterator[tuple[System, int]]:
    """`up` in the empty directory, with its console."""
    with in_environment(installed.variables):
        fleet = Fleet(installed.home)
        port, console = free_port(), free_port()
        command = [installed.command, "up", "--port", str(port), "--console-port", str(console)]
        system = System(fleet, installed.variables, port, command, directory=installed.empty)
        try:
            system.start()
            yield system, console
        finally:
            system.stop()
            fleet.store.close()
            sys.stdout.write(system.log.read_text(errors="replace")[-20_000:])


def test_everything_starts_in_an_empty_directory(
    installed: Installed, system: tuple[System, int]
) -> None:
    """The UI with its schedules, the daemon that carries out a run, and the console."""
    ours, console = system
    found = ours.graphql(SCHEDULES)["schedulesOrError"]["results"]
    assert {item["scheduleState"]["status"] for item in found} == {"RUNNING"}
    assert len(found) == 4
    assert ours.ended_run(ours.launch(), 200) == "SUCCESS"

    def page() -> str:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{console}/") as answer:
                return str(answer.read().decode())
        except (URLError, ConnectionError):
            return ""

    assert "<html" in wait_for(page, 60, "the console")
    assert not list(installed.empty.iterdir())


def test_a_dagster_yaml_in_the_home_is_in_force(installed: Installed, tmp_path: Path) -> None:
    """Of an installation; in a checkout its own is."""
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    own = yaml.safe_load((installed.package / "project" / "dagster.yaml").read_text())
    own["concurrency"]["runs"]["max_concurrent_runs"] = 17
    (home / "dagster.yaml").write_text(yaml.safe_dump(own))
    script = (
        "from sync_pipeline.orchestration.instance import open_instance\n"
        "with open_instance() as instance:\n"
        "    print(instance.get_concurrency_config().run_queue_config.max_concurrent_runs)"
    )
    done = subprocess.run(
        [installed.environment / "bin" / "python", "-c", script],
        cwd=installed.empty, env=installed.variables | {"SYNC_PIPELINE_HOME": str(home)},
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "17"
    with in_environment(installed.variables | {"SYNC_PIPELINE_HOME": str(home)}):
        assert project_root() == ROOT
