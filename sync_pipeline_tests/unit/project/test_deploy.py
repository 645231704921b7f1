"""The recipe of the image, the compose file and the units: what they name exists, and is safe.

No container engine can be had here. The recipe is read, and its steps up to the installation are
carried out by `orchestration/test_wheel.py`; the compose file is read by Compose itself, and the
units by systemd's own checker.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import stat
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.main import get_command

from sync_pipeline.cli.main import app
from sync_pipeline.orchestration.processes import handover, launch, services
from sync_pipeline.ports import CONSOLE_PORT, UI_PORT
from sync_pipeline.settings import Settings, project_root, secret_variables
from workbench.running.recipe import Context, Instruction, stages_of
from workbench.servers import compose
from workbench.servers.debian import Unavailable

ROOT = project_root()
DEPLOY = ROOT / "deploy"
CONTEXT = Context(ROOT)
STAGES = stages_of(DEPLOY / "Dockerfile")
WHEEL, INSTALLED, IMAGE = STAGES
SETTINGS = {f"SYNC_PIPELINE_{name.upper()}" for name in Settings.model_fields}
OTHER_VARIABLES = {
    "DAGSTER_POSTGRES_URL", "PATH", "PGPASSFILE", "POSTGRES_INITDB_ARGS", "POSTGRES_PASSWORD_FILE",
}  # fmt: skip
LONGEST_END = (
    # Daemon, console, webserver and code server, each asked and then killed; who takes over; and
    # as many runs as may be at work, each cancelled and then killed.
    4 * services.SECONDS_TO_STOP + handover.SECONDS_FOR_A_SUCCESSOR + 6 * launch.SECONDS_TO_CANCEL
)


def require_command(words: list[str]) -> None:
    """A command line of ours names a command and options that there are."""
    assert words[0] == "sync-pipeline"
    command = get_command(app).commands[words[1]]  # type: ignore[attr-defined]
    options = {name for item in command.params for name in (*item.opts, *item.secondary_opts)}
    assert {word for word in words if word.startswith("--")} <= options


# --- The recipe ---------------------------------------------------------------------------------


def test_every_stage_begins_with_the_image_that_is_chosen() -> None:
    assert {stage.base for stage in STAGES} == {"${PYTHON_IMAGE}"}
    text = (DEPLOY / "Dockerfile").read_text()
    (image,) = re.findall(r"^ARG PYTHON_IMAGE=(\S+)$", text, re.MULTILINE)
    assert re.fullmatch(r"docker\.io/library/python:3\.1[123]-slim-\w+", image)


def test_what_is_copied_exists_and_goes_to_the_builder() -> None:
    copied = [text for stage in STAGES for text in stage.all("COPY")]
    for *sources, _ in (text.split() for text in copied if not text.startswith("--from=")):
        for source in sources:
            assert (ROOT / source).exists(), source
            assert CONTEXT.has(Path(source)), source
    for stage in re.findall(r"--from=(\w+)", "\n".join(copied)):
        assert stage in {item.name for item in STAGES}


@pytest.mark.parametrize(
    "path",
    [".git/config", ".venv/bin/python", "deploy/secrets/pgpass", "deploy/compose.yaml", "uv.lock",
     "sync_pipeline/__pycache__/settings.cpython-311.pyc", "sync_pipeline_tests/conftest.py"],
)  # fmt: skip
def test_nothing_else_goes_to_the_builder(path: str) -> None:
    assert not CONTEXT.has(Path(path))


def test_the_image_runs_as_nobody_in_particular() -> None:
    assert IMAGE.all("USER") == ("10001:10001",)
    words = [item.word for item in IMAGE.instructions]
    assert words.index("USER") > max(i for i, word in enumerate(words) if word in ("RUN", "COPY"))
    assert "USER 10001" not in {f"{item.word} {item.text}" for item in WHEEL.instructions}


def test_its_user_is_none_that_debian_has() -> None:
    """From Debian's base-passwd; `useradd` refuses a name that is there."""
    of_debian = (
        "root daemon bin sys sync games man lp mail news uucp proxy www-data backup list irc "
        "_apt nobody"
    )
    (made,) = (item for item in IMAGE.all("RUN") if "useradd" in item)
    (name,) = re.findall(r"useradd .*?(\w+) &&", made)
    assert name not in of_debian.split()
    assert f"--owner={name} --group={name}" in made


def test_no_layer_has_a_secret() -> None:
    found = [item for stage in STAGES for item in stage.instructions]
    secret = {*secret_variables(), "PGPASSWORD"}
    for item in found:
        assert item.word != "ADD", "COPY takes no address and unpacks nothing"
        if item.word in ("ARG", "ENV"):
            names = set(re.findall(r"(\w+)=|^(\w+)$", item.text))
            assert not {name for pair in names for name in pair} & secret
            assert not re.search(r"password|token|secret", item.text, re.IGNORECASE)


def test_lists_of_packages_stay_in_no_layer() -> None:
    for item in (item for stage in STAGES for item in stage.instructions):
        if item.word == "RUN" and "apt-get update" in item.text:
            assert item.text.count("apt-get update") == item.text.count("apt/lists/*")
            assert "--no-install-recommends" in item.text


def test_what_the_image_starts_and_asks_is_a_command_of_ours() -> None:
    (starts,) = IMAGE.all("CMD")
    (asks,) = IMAGE.all("HEALTHCHECK")
    require_command(json.loads(starts))
    require_command(json.loads(asks.partition("CMD ")[2]))
    assert json.loads(IMAGE.all("ENTRYPOINT")[0]) == ["/usr/bin/tini", "--"]
    tini = next(item for item in IMAGE.instructions if "tini" in item.text)
    assert isinstance(tini, Instruction)
    (variables,) = IMAGE.all("ENV")
    assert f"SYNC_PIPELINE_HOME={IMAGE.all('VOLUME')[0]}" in variables


# --- Compose ------------------------------------------------------------------------------------


PLAIN: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
SERVICES = sorted(PLAIN["services"])
OURS = ("console", "pipeline")


def test_compose_takes_the_file() -> None:
    try:
        done = compose.read(DEPLOY / "compose.yaml", "--profile", "*")
    except Unavailable as error:
        pytest.skip(f"Compose is not available: {error}")
    assert (done.returncode, done.stderr) == (0, "")
    found = json.loads(done.stdout)
    assert sorted(found["services"]) == SERVICES == ["console", "pipeline", "postgres"]
    assert set(found["secrets"]) == set(PLAIN["secrets"])


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_is_kept_watched_and_may_do_little(name: str) -> None:
    service = PLAIN["services"][name]
    assert service["restart"] == "unless-stopped"
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert "healthcheck" in service or IMAGE.all("HEALTHCHECK")
    assert not {"privileged", "env_file", "pid", "ipc"} & set(service)
    if name in OURS:
        assert service["read_only"] is True
        assert [item.partition(":")[0] for item in service["tmpfs"]] == ["/tmp"]
        assert "cap_add" not in service


@pytest.mark.parametrize("name", SERVICES)
def test_logs_are_bounded_by_a_driver_that_docker_and_podman_have(name: str) -> None:
    logging = PLAIN["services"][name]["logging"]
    assert logging["driver"] == "json-file"
    assert set(logging["options"]) == {"max-size", "max-file"}


def test_the_ports_are_those_of_the_commands() -> None:
    ports = {name: PLAIN["services"][name]["ports"] for name in OURS}
    here = {"pipeline": UI_PORT, "console": CONSOLE_PORT}
    assert ports == {name: [f"127.0.0.1:{port}:{port}"] for name, port in here.items()}
    assert IMAGE.all("EXPOSE") == (f"{UI_PORT} {CONSOLE_PORT}",)


@pytest.mark.parametrize("name", SERVICES)
def test_no_secret_is_in_an_environment(name: str) -> None:
    service = PLAIN["services"][name]
    assert set(service["environment"]) <= SETTINGS | OTHER_VARIABLES
    for variable, value in service["environment"].items():
        assert variable not in secret_variables() - {"SYNC_PIPELINE_STORE_URL"}
        assert not re.search(r"://[^/@]*:[^/@]*@", value), variable
        if value.startswith("/run/secrets/"):
            assert value.removeprefix("/run/secrets/") in service["secrets"]
    for secret in service["secrets"]:
        assert PLAIN["secrets"][secret]["file"] == f"./secrets/{secret}"


@pytest.mark.parametrize("name", OURS)
def test_the_settings_of_a_service_are_valid(name: str) -> None:
    given = PLAIN["services"][name]["environment"].items()
    plain = {key: re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", value) for key, value in given}
    fields = {key.removeprefix("SYNC_PIPELINE_").lower(): value for key, value in plain.items()}
    Settings.model_validate({key: fields[key] for key in fields if key in Settings.model_fields})


def test_every_port_is_published_on_this_machine_alone() -> None:
    ports = [port for name in SERVICES for port in PLAIN["services"][name].get("ports", ())]
    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)
    assert PLAIN["services"]["postgres"]["network_mode"] == "none"


def test_volumes_and_files_are_there() -> None:
    for name in SERVICES:
        for volume in PLAIN["services"][name]["volumes"]:
            source = volume.partition(":")[0]
            if source.startswith("."):
                assert (DEPLOY / source).exists()
                assert volume.endswith(":ro")
            else:
                assert source in PLAIN["volumes"]


def test_only_the_pipeline_has_the_key() -> None:
    having = {
        name for name in SERVICES
        if any(item.startswith("home:") for item in PLAIN["services"][name]["volumes"])
    }  # fmt: skip
    assert having == {"pipeline"}
    assert not set(PLAIN["services"]["console"]["networks"]) & set(
        PLAIN["services"]["pipeline"]["networks"]
    )


def test_commands_of_the_services_are_ours() -> None:
    require_command(PLAIN["services"]["console"]["command"])
    require_command(PLAIN["services"]["console"]["healthcheck"]["test"][1:])


def test_it_waits_for_the_end_of_all_runs() -> None:
    minutes = int(PLAIN["services"]["pipeline"]["stop_grace_period"].removesuffix("m"))
    assert minutes * 60 >= LONGEST_END


def test_dagster_yaml_differs_in_its_storage_alone() -> None:
    ours = yaml.safe_load((ROOT / "dagster.yaml").read_text())
    theirs = yaml.safe_load((DEPLOY / "dagster.yaml").read_text())
    storage = theirs.pop("storage")["custom"]
    assert theirs == {key: value for key, value in ours.items() if key != "storage"}
    assert storage["class"] == "PostgresStorage"
    variable = storage["config"]["postgres_url"]["env"]
    assert variable in PLAIN["services"]["pipeline"]["environment"]


def test_secrets_are_made_once_and_for_their_readers_alone(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can be two users")
    shutil.copy(DEPLOY / "secrets.sh", tmp_path)

    def made() -> dict[str, tuple[int, int, str]]:
        subprocess.run([tmp_path / "secrets.sh"], check=True, capture_output=True)
        files = (tmp_path / "secrets").iterdir()
        looked = {item.name: (item.stat(), item.read_text()) for item in files}
        return {
            name: (found.st_uid, stat.S_IMODE(found.st_mode), text)
            for name, (found, text) in looked.items()
        }

    first = made()
    assert made() == first
    assert set(first) == set(PLAIN["secrets"])
    assert stat.S_IMODE((tmp_path / "secrets").stat().st_mode) == 0o700
    assert {name: mode for name, (_, mode, _) in first.items()} == {
        name: 0o400 if name.startswith("pgpass") else 0o444 for name in first
    }
    assert first["pgpass"][0] == first["pgpass_console"][0] == 10001
    passwords = {text for name, (_, _, text) in first.items() if name.endswith("_password")}
    assert len(passwords) == 4
    assert all(re.fullmatch("[0-9a-f]{48}", text) for text in passwords)
    assert first["pgpass"][2].splitlines() == [
        f"*:*:sync_pipeline:sync_pipeline:{first['store_password'][2]}",
        f"*:*:dagster:dagster:{first['dagster_password'][2]}",
    ]


# --- systemd ------------------------------------------------------------------------------------

UNITS = sorted((DEPLOY / "systemd").glob("*.service"))
HARDENED = {
    "ProtectSystem": "strict", "ProtectHome": "yes", "PrivateTmp": "yes", "PrivateDevices": "yes",
    "NoNewPrivileges": "yes", "CapabilityBoundingSet": "", "AmbientCapabilities": "",
    "RestrictNamespaces": "yes", "RestrictSUIDSGID": "yes", "SystemCallArchitectures": "native",
    "KillMode": "mixed", "KillSignal": "SIGTERM", "OOMPolicy": "continue", "UMask": "0077",
    "Restart": "on-failure", "RestartPreventExitStatus": "2",
}  # fmt: skip
MOST_EXPOSED = 2.0
"""Of 10; systemd-analyze calls less than 3 OK."""


def directives(unit: Path) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for key, value in re.findall(r"^(\w+)=(.*)$", unit.read_text(), re.MULTILINE):
        found.setdefault(key, []).append(value)
    return found


def analyze(*arguments: str) -> str:
    """Return what systemd's own checker says of units; it starts nothing."""
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip("systemd-analyze is not on this machine")
    done = subprocess.run(
        [program, *arguments], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_a_unit_is_hardened(unit: Path) -> None:
    found = directives(unit)
    assert {key: found[key][-1] for key in HARDENED} == HARDENED
    assert ("User" in found) is not ("DynamicUser" in found)
    (start,) = found["ExecStart"]
    program, *words = start.split()
    require_command([Path(program).name, *(word for word in words if not word.startswith("$"))])
    for value in (text for text in found["Environment"]):
        assert value.partition("=")[0] in SETTINGS - secret_variables()


def test_a_unit_waits_for_the_end_of_all_runs() -> None:
    (seconds,) = directives(DEPLOY / "systemd" / "sync-pipeline.service")["TimeoutStopSec"]
    assert int(seconds.removesuffix("min")) * 60 >= LONGEST_END


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_systemd_takes_the_units(unit: Path, tmp_path: Path) -> None:
    for item in UNITS:
        here = item.read_text().replace("/opt/sync_pipeline/bin/sync-pipeline", "/bin/true")
        (tmp_path / item.name).write_text(here)
    assert analyze("verify", "--man=no", str(tmp_path / unit.name)) == ""
    said = analyze("security", "--offline=true", "--no-pager", str(tmp_path / unit.name))
    (exposed,) = re.findall(r"exposure level for \S+ ([\d.]+)", said)
    assert float(exposed) <= MOST_EXPOSED
