"""What the compose file starts, started without containers: the same files, commands and variables.

PostgreSQL is on no network and asks for passwords; its roles are made by the script of the compose
file, the passwords by `secrets.sh`. Only the places of files are others.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError

import psycopg
import pytest
import yaml

from sync_pipeline.settings import project_root
from workbench.running.installed import Installed, build_wheel, with_these_packages
from workbench.running.system import Fleet, System, in_environment, wait_for
from workbench.servers.postgresql import installations, run_at_socket
from workbench.servers.running import free_port

pytestmark = [pytest.mark.long, pytest.mark.timeout(600)]

DEPLOY = project_root() / "deploy"
SERVICES: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]


@dataclass(frozen=True, slots=True)
class Composed:
    """PostgreSQL and the secrets, and the services as they would be started."""

    directory: Path
    installed: Installed

    def variables(self, service: str, **more: str) -> dict[str, str]:
        """Return the environment of a service of ours, with the places that things have here."""
        given: Mapping[str, str] = SERVICES[service]["environment"]
        named = {name: self._here(text) for name, text in given.items() if "${" not in text}
        return self.installed.variables | named | more

    def _here(self, text: str) -> str:
        places = {
            "/run/secrets": self.directory / "secrets",
            "/tmp": self.directory / "of_console",
            "/var/run/postgresql": self.directory / "pg" / "socket",
        }
        found = "|".join(map(re.escape, places))
        return re.sub(found, lambda place: str(places[place[0]]), text)


@pytest.fixture(scope="module")
def composed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Composed]:
    if os.geteuid() != 0:
        pytest.skip("only root can be two users")
    wheel = build_wheel(tmp_path_factory.mktemp("dist"))
    installed = with_these_packages(tmp_path_factory.mktemp("installed"), wheel)
    # A socket has a short name.
    with tempfile.TemporaryDirectory(prefix="composed-") as name:
        directory = Path(name)
        shutil.copy(DEPLOY / "secrets.sh", directory)
        subprocess.run([directory / "secrets.sh"], check=True)
        password = (directory / "secrets" / "postgres_password").read_text()
        with run_at_socket(installations()[-1], directory / "pg", password) as postgres:
            script = (DEPLOY / "postgresql" / "10-databases.sh").read_text()
            own = {"PGHOST": str(directory / "pg" / "socket"), "PGPASSWORD": password}
            path = f"{postgres.programs}{os.pathsep}{os.environ['PATH']}"
            subprocess.run(
                ["/bin/sh", "-c", script.replace("/run/secrets", f"{directory}/secrets")],
                env={**os.environ, **own, "PATH": path, "POSTGRES_USER": "postgres"}, check=True,
            )  # fmt: skip
            home = directory / "home"
            for made in (home, directory / "of_console"):
                made.mkdir(mode=0o700)
            shutil.copy(DEPLOY / "dagster.yaml", home)
            variables = installed.variables | {"SYNC_PIPELINE_HOME": str(home)}
            yield Composed(directory, replace(installed, home=home, variables=variables))


@pytest.fixture(scope="module")
def pipeline(composed: Composed) -> Iterator[System]:
    """`up`, as the image starts it but for its ports."""
    variables, port = composed.variables("pipeline"), free_port()
    command = [composed.installed.command, "up", "--host", "0.0.0.0", "--port", str(port)]
    with in_environment(variables), pytest.MonkeyPatch.context() as patch:
        patch.setenv("PGPASSFILE", variables["PGPASSFILE"])
        fleet = Fleet(composed.installed.home, variables["SYNC_PIPELINE_STORE_URL"])
        system = System(fleet, variables, port, command, directory=composed.installed.empty)
        try:
            system.start()
            yield system
        finally:
            system.stop()
            fleet.store.close()
            sys.stdout.write(system.log.read_text(errors="replace")[-20_000:])


def run(composed: Composed, service: str, *arguments: str, status: int = 0) -> str:
    """Run a command of ours in a service."""
    done = subprocess.run(
        [composed.installed.command, *arguments], env=composed.variables(service),
        cwd=composed.installed.empty, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_a_run_is_carried_out_and_all_state_is_in_postgresql(
    composed: Composed, pipeline: System
) -> None:
    assert pipeline.ended_run(pipeline.launch(), 200) == "SUCCESS"
    assert "completed" in run(composed, "pipeline", "sessions", "list", "--csv")
    files = {path.name for path in composed.installed.home.rglob("*.db")}
    assert files == set()


def test_it_is_healthy(composed: Composed, pipeline: System) -> None:
    said = run(composed, "pipeline", "health", "--port", str(pipeline.port))
    assert "a daemon is at work" in said


def test_no_password_is_in_an_environment(composed: Composed, pipeline: System) -> None:
    passwords = [path.read_text() for path in (composed.directory / "secrets").glob("*_password")]
    assert len(passwords) == 4
    for service in ("pipeline", "console"):
        told = "\n".join(composed.variables(service).values())
        assert not [item for item in passwords if item in told]


def test_the_console_reads_and_changes_nothing(composed: Composed, pipeline: System) -> None:
    """It refuses to start before there is a token; then who has one comes in."""
    port = free_port()
    words = SERVICES["console"]["command"][1:]
    assert "no token yet" in run(composed, "console", *words, "--port", str(port), status=2)
    made = run(composed, "pipeline", "console", "tokens", "add", "alice", "--expires", "1d")
    token = made.splitlines()[0]
    process = subprocess.Popen(
        [composed.installed.command, *words, "--port", str(port)],
        cwd=composed.installed.empty, env=composed.variables("console"),
    )  # fmt: skip
    try:

        def answer(headers: Mapping[str, str]) -> int:
            request = urllib.request.Request(
                f"http://127.0.0.1:{port}/api/v1/instances", headers=dict(headers)
            )
            try:
                with urllib.request.urlopen(request, timeout=30) as found:
                    return int(found.status)
            except HTTPError as error:
                return error.code
            except (URLError, ConnectionError):
                return 0

        assert wait_for(lambda: answer({}), 60, "the console") == 401
        assert answer({"Authorization": f"Bearer {token}"}) == 200
        run(composed, "console", "health", "--no-daemon", "--port", str(port))
    finally:
        process.terminate()
        process.wait(60)
    variables = composed.variables("console")
    assert not list(Path(variables["SYNC_PIPELINE_HOME"]).parent.rglob("secret.key"))
    with (
        pytest.raises(psycopg.errors.InsufficientPrivilege),
        psycopg.connect(
            host=str(composed.directory / "pg" / "socket"), dbname="sync_pipeline",
            user="sync_pipeline_console", passfile=variables["PGPASSFILE"],
        ) as connection,
    ):  # fmt: skip
        connection.execute("DELETE FROM instances")
