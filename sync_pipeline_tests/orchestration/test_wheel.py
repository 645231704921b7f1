"""The wheel has all that runs need: installed without a checkout, it works in an empty directory.

The packages that it depends on are those of this environment, seen by a path; the wheel itself is
installed, and nothing of the checkout is on the path.
"""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.error import URLError
from zipfile import ZipFile

import pytest
import yaml

from sync_pipeline.model.session import SessionFilter, SessionStatus
from sync_pipeline.settings import project_root
from workbench.running.system import Fleet, System, environment_of, in_environment, wait_for
from workbench.servers.running import RunningServer, free_port

pytestmark = [pytest.mark.long, pytest.mark.timeout(900)]

ROOT = project_root()
PACKAGE = ROOT / "sync_pipeline"
BROUGHT = {
    "sync_pipeline/project/dagster.yaml": ROOT / "dagster.yaml",
    "sync_pipeline/project/workspace.yaml": ROOT / "workspace.yaml",
    "sync_pipeline/project/requirements.txt": ROOT / "requirements" / "run.txt",
}
SCHEDULES = """
{ schedulesOrError(repositorySelector: {repositoryLocationName: "sync_pipeline",
    repositoryName: "__repository__"}) { ... on Schedules { results { name
    scheduleState { status } } } } }
"""


@dataclass(frozen=True, slots=True)
class Installed:
    """An environment with the wheel, an empty directory, and a home."""

    environment: Path
    empty: Path
    home: Path
    variables: dict[str, str]

    @property
    def command(self) -> str:
        return str(self.environment / "bin" / "sync-pipeline")

    @property
    def package(self) -> Path:
        (found,) = self.environment.glob("lib/python3*/site-packages/sync_pipeline")
        return found

    def run(self, *arguments: str, said: str = "") -> str:
        done = subprocess.run(
            [self.command, *arguments],
            cwd=self.empty, env=self.variables, input=said,
            capture_output=True, text=True, timeout=300, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("dist")
    python(["hatchling", "build", "-t", "wheel", "-d", str(directory)])
    (found,) = directory.glob("*.whl")
    return found


def python(arguments: Sequence[str]) -> None:
    """Run a module, without what the environment of a test adds."""
    done = subprocess.run(
        [sys.executable, "-m", *arguments],
        cwd=ROOT, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    directory = tmp_path_factory.mktemp("installed")
    environment = directory / "venv"
    python(["venv", "--without-pip", str(environment)])
    interpreter = str(environment / "bin" / "python")
    arguments = ["install", "--quiet", "--no-deps", "--no-index", str(wheel)]
    python(["pip", "--python", interpreter, *arguments])
    # Afterwards, so that pip sees no other sync_pipeline. What stands in a directory that is named
    # so is found; its own .pth files, one of which leads to the checkout, are not read.
    (site,) = environment.glob("lib/python3*/site-packages")
    (site / "packages.pth").write_text(sysconfig.get_path("purelib") + "\n")
    empty, home = directory / "empty", directory / "home"
    empty.mkdir()
    variables = environment_of(home) | {"HOME": str(directory)}
    for name in ("PYTHONPATH", "VIRTUAL_ENV"):
        variables.pop(name, None)
    variables["PATH"] = f"{environment / 'bin'}{os.pathsep}{variables['PATH']}"
    return Installed(environment, empty, home, variables)


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
