"""`doctor` on whatever is there: it says what is wrong, changes nothing, and comes to an end."""

from __future__ import annotations

import hashlib
import os
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from sync_pipeline.model.instance import EngineName
from sync_pipeline.orchestration.instance import open_instance
from sync_pipeline.settings import Settings
from sync_pipeline.store.store import Store
from sync_pipeline.workflows.checkup import drivers, scheduled
from workbench.benches.command import CANARY, Command
from workbench.servers.inboxes import mail_inbox, web_inbox
from workbench.servers.running import RunningServer
from workbench.servers.small_disk import small_disk

ADD = ("credentials", "add", "monitor", "--username", "watcher", "--password-stdin")
PLACE = ("--engine", "mysql", "--host", "127.0.0.1", "--port", "1", "--credential", "monitor")
Found = dict[str, tuple[str, str]]


@pytest.fixture(autouse=True)
def _without_dagster(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a process say nothing instead of importing Dagster; one test has the real one."""
    monkeypatch.setattr(scheduled, "PROGRAM", "workbench.running.says_nothing")
    monkeypatch.setenv("SYNC_PIPELINE_CONSOLE_DAGSTER_UI", "")


@pytest.fixture
def fleet(command: Command) -> Command:
    command.ok(*ADD, stdin=f"{CANARY}\n")
    command.ok("instances", "add", "shop", *PLACE)
    return command


def examined(command: Command, *options: str, status: int | None = None) -> Found:
    """Run it, and make sure that nothing of the home is another afterwards."""
    before = snapshot(command.home)
    said = command.run("doctor", "--json", "--seconds", "60", *options)
    assert snapshot(command.home) == before
    assert said.err == ""
    found = said.json
    assert found.keys() == {"state", "took_seconds", "checks"}
    assert said.status == ["ok", "warning", "fault"].index(found["state"])
    assert status in (None, said.status), said
    for item in found["checks"]:
        assert item.keys() == {"name", "state", "what", "todo"}
        assert item["todo"] or item["state"] == "ok", item
    return {item["name"]: (item["state"], item["what"]) for item in found["checks"]}


def snapshot(home: Path) -> dict[str, Any]:
    """Return all that can be known of a directory without a look at when it was read."""
    found = {}
    for path in (home, *home.rglob("*")):
        if not os.path.lexists(path):
            continue
        item = path.lstat()
        content = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
        facts = (item.st_mode, item.st_uid, item.st_ino, item.st_size, item.st_mtime_ns)
        found[str(path)] = (*facts, content)
    return found


def test_an_empty_home_is_not_made(command: Command) -> None:
    found = examined(command, status=1)
    assert found["home"][0] == found["store"][0] == "warning"
    assert found["key"][0] == "ok"
    assert not command.home.exists()


def test_what_is_well_is_said_in_a_line_each(fleet: Command) -> None:
    found = examined(fleet, "--each", "0")
    assert found["store"][0] == found["key"][0] == found["home"][0] == "ok"
    assert "opens all 1 encrypted secrets" in found["key"][1]
    lines = fleet.run("doctor", "--each", "0").out.splitlines()
    assert {line.split()[0] for line in lines} <= {"ok", "warning", "fault"}
    assert len(lines) == len(found)
    assert fleet.run("doctor", "--each", "0", "--csv").out.startswith("state,check,what,todo")


def test_a_store_in_use_is_read_beside_its_users(fleet: Command) -> None:
    with closing(Store.open(Settings.load().effective_store_url)) as store:
        store.registry.instances()
        wal = fleet.home / "sync_pipeline.db-wal"
        assert wal.exists()
        before = {path.name for path in fleet.home.iterdir()}
        said = fleet.run("doctor", "--json", "--each", "0")
        assert {path.name for path in fleet.home.iterdir()} == before
    assert {item["name"]: item["state"] for item in said.json["checks"]}["store"] == "ok"


def test_a_log_that_nobody_took_in_is_left_alone(fleet: Command) -> None:
    """A machine that lost its power leaves one."""
    program = (
        "import os, sys; from sync_pipeline.store.store import Store; "
        "from datetime import UTC, datetime; s = Store.open(sys.argv[1]); "
        "s.registry.change_secret('monitor', 'env:OTHER', datetime.now(UTC)); os._exit(9)"
    )
    url = Settings.load().effective_store_url
    subprocess.run([sys.executable, "-c", program, url], check=False)
    log = fleet.home / "sync_pipeline.db-wal"
    assert log.stat().st_size
    names = {path.name for path in fleet.home.iterdir()}
    checks = fleet.run("doctor", "--json", "--each", "0").json["checks"]
    assert {item["name"]: item["state"] for item in checks}["store"] == "ok"
    assert {path.name for path in fleet.home.iterdir()} == names
    (fleet.home / "sync_pipeline.db-shm").unlink()
    assert "was not taken in yet" in examined(fleet, "--each", "0")["store"][1]


def damage(home: Path) -> None:
    content = bytearray((home / "sync_pipeline.db").read_bytes())
    content[40_000:60_000] = b"x" * 20_000
    (home / "sync_pipeline.db").write_bytes(content)


def replace(home: Path) -> None:
    (home / "sync_pipeline.db").write_bytes(b"no database at all " * 1000)


def cut(home: Path) -> None:
    content = (home / "sync_pipeline.db").read_bytes()
    (home / "sync_pipeline.db").write_bytes(content[: len(content) // 3])


@pytest.mark.parametrize("change", [damage, replace, cut])
def test_a_damaged_store_is_a_fault(fleet: Command, change: Callable[[Path], None]) -> None:
    change(fleet.home)
    found = examined(fleet, status=2)
    assert found["store"][0] == "fault"
    assert "damaged" in found["store"][1]


def revise(home: Path, revision: str) -> None:
    with closing(sqlite3.connect(home / "sync_pipeline.db")) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = ?", (revision,))


@pytest.mark.parametrize(("revision", "state"), [("9999", "fault"), ("0001", "warning")])
def test_a_store_of_another_version_stays_so(fleet: Command, revision: str, state: str) -> None:
    revise(fleet.home, revision)
    found = examined(fleet)
    assert found["store"][0] == state
    assert f"revision {revision}" in found["store"][1]
    assert found["key"][0] == "ok"


def without_key(home: Path) -> None:
    (home / "secret.key").unlink()


def open_key(home: Path) -> None:
    (home / "secret.key").chmod(0o644)


def no_key(home: Path) -> None:
    (home / "secret.key").write_text("what is no key\n")


def other_key(home: Path) -> None:
    (home / "secret.key").write_text("A" * 43 + "=\n")


def key_directory(home: Path) -> None:
    (home / "secret.key").unlink()
    (home / "secret.key").mkdir(mode=0o700)


def dangling_key(home: Path) -> None:
    (home / "secret.key").unlink()
    (home / "secret.key").symlink_to("nowhere")


KEYS = (without_key, open_key, no_key, other_key, key_directory, dangling_key)


@pytest.mark.parametrize("change", KEYS)
def test_a_key_that_opens_nothing_is_a_fault(
    fleet: Command, change: Callable[[Path], None]
) -> None:
    change(fleet.home)
    assert examined(fleet, "--each", "0", status=2)["key"][0] == "fault"


def open_home(home: Path) -> None:
    home.chmod(0o755)


def store_directory(home: Path) -> None:
    (home / "sync_pipeline.db").unlink()
    (home / "sync_pipeline.db").mkdir()


def home_file(home: Path) -> None:
    home.rename(home.with_name("aside"))
    home.write_text("a file")


def linked_store(home: Path) -> None:
    (home / "sync_pipeline.db").unlink()
    (home / "sync_pipeline.db").symlink_to("nowhere")


@pytest.mark.parametrize("change", [open_home, store_directory, home_file, linked_store])
def test_what_is_no_home_is_said(fleet: Command, change: Callable[[Path], None]) -> None:
    change(fleet.home)
    found = examined(fleet, "--each", "0")
    assert {found["home"][0], found["store"][0]} & {"warning", "fault"}


def test_a_pipe_in_the_place_of_the_store_is_told_as_such(fleet: Command) -> None:
    for path in fleet.home.glob("sync_pipeline.db*"):
        path.unlink()
    os.mkfifo(fleet.home / "sync_pipeline.db")
    state, what = examined(fleet, status=2)["store"]
    assert (state, "it is no file" in what) == ("fault", True), what


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_a_home_of_another_user_is_a_fault(fleet: Command) -> None:
    os.chown(fleet.home, 65_534, 65_534)
    assert "another user" in examined(fleet, "--each", "0", status=2)["home"][1]


def test_settings_that_are_not_valid_are_the_only_line(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SYNC_PIPELINE_RETRY_LIMIT", "many")
    found = examined(command, status=2)
    assert found.keys() == {"settings"}
    assert "RETRY_LIMIT" in found["settings"][1]


def test_no_secret_is_shown_whatever_is_wrong(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`Command` looks for the canary in all that is said."""
    url = f"postgresql+psycopg://user:{CANARY}@127.0.0.1:1/store?sslpassword={CANARY}"
    monkeypatch.setenv("SYNC_PIPELINE_STORE_URL", url)
    monkeypatch.setenv("SYNC_PIPELINE_SECRET_KEY", CANARY)
    monkeypatch.setenv("SYNC_PIPELINE_ALERT_SLACK_URL", f"http://127.0.0.1:1/{CANARY}")
    found = examined(command, status=2)
    assert found["store"][0] == found["key"][0] == found["alerts slack"][0] == "fault"
    assert "***" in found["store"][1]
    monkeypatch.setenv("SYNC_PIPELINE_STORE_URL", f"nothing://{CANARY}")
    assert examined(command, status=2)["store"][0] == "fault"


@contextmanager
def silent() -> Iterator[int]:
    """Listen, and say nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


def test_what_hangs_holds_nothing_else(fleet: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scheduled, "PROGRAM", "workbench.running.never_ends")
    with silent() as port:
        monkeypatch.setenv("SYNC_PIPELINE_ALERT_WEBHOOK_URL", f"https://127.0.0.1:{port}/x")
        fleet.ok("instances", "add", "hangs", *PLACE[:4], "--port", str(port), *PLACE[6:])
        began = time.monotonic()
        checks = fleet.run("doctor", "--json", "--seconds", "6", "--each", "2").json["checks"]
        took = time.monotonic() - began
    found = {item["name"]: item["state"] for item in checks}
    assert took < 30  # not the sum of what hangs: ten seconds each, and for ever
    assert found["store"] == found["key"] == "ok"
    assert found["schedules"] == found["alerts webhook"] == found["instance hangs"] == "fault"


def test_ways_to_people_are_tried_and_sent_nothing(
    fleet: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    with web_inbox() as web, mail_inbox() as mail:
        monkeypatch.setenv("SYNC_PIPELINE_ALERT_WEBHOOK_URL", web.url)
        monkeypatch.setenv("SYNC_PIPELINE_ALERT_EMAIL_TO", "dba@example.net")
        monkeypatch.setenv("SYNC_PIPELINE_ALERT_EMAIL_FROM", "sync@example.net")
        monkeypatch.setenv("SYNC_PIPELINE_ALERT_SMTP_HOST", "127.0.0.1")
        monkeypatch.setenv("SYNC_PIPELINE_ALERT_SMTP_PORT", str(mail.port))
        monkeypatch.setenv("SYNC_PIPELINE_ALERT_SMTP_TLS", "none")
        found = examined(fleet, "--each", "0")
        assert found["alerts webhook"][0] == found["alerts email"][0] == "ok"
        assert not web.posted
        assert not mail.mails


def test_drivers_that_no_instance_needs_are_no_fault(
    fleet: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(_: object) -> str:
        raise ModuleNotFoundError(name="nothing")

    rows = [(engines, name, missing) for engines, name, _ in drivers.DRIVERS]
    monkeypatch.setattr(drivers, "DRIVERS", rows)
    found = examined(fleet, "--each", "0", status=2)
    states = {name: found[f"driver {name}"][0] for _, name, _ in rows}
    assert states == {"pymysql": "fault", "psycopg": "ok", "pyodbc": "ok", "oracledb": "ok"}
    assert {engine for engines, _, _ in rows for engine in engines} == set(EngineName)


def test_secrets_are_asked_for_where_they_are(
    fleet: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    add = ("credentials", "add", "given", "--username", "x", "--reference", "env:GIVEN")
    monkeypatch.setenv("GIVEN", CANARY)
    fleet.ok(*add)
    assert examined(fleet, "--each", "0")["secrets env"][0] == "ok"
    monkeypatch.delenv("GIVEN")
    assert examined(fleet, "--each", "0", status=2)["secrets env"][0] == "fault"


def test_instances_are_logged_in_to_and_a_rejected_login_is_noted_nowhere(
    command: Command, postgresql_server: RunningServer
) -> None:
    server = postgresql_server
    place = ("--engine", "postgresql", "--host", server.host, "--port", str(server.port))
    more = ("--database", server.database, "--tls", "prefer", "--credential")
    command.ok(
        "credentials", "add", "right", "--username", server.admin_user, "--password-stdin",
        stdin=f"{server.admin_password}\n",
    )  # fmt: skip
    command.ok(
        "credentials", "add", "wrong", "--username", "nobody", "--password-stdin",
        stdin=f"{CANARY}\n",
    )  # fmt: skip
    command.ok("instances", "add", "a", *place, *more, "right")
    command.ok("instances", "add", "b", *place, *more, "wrong")
    found = examined(command)
    assert found["instance a"][0] == "ok"
    assert "instance b" not in found
    found = examined(command, "--each", "2", status=2)
    assert found["instance b"][0] == "fault"
    with closing(Store.open(Settings.load().effective_store_url)) as store:
        instances = store.registry.instances()
        assert not any(store.rejections.of(item.id) for item in instances)
        assert not any(item.last_connected_at for item in instances)


@pytest.mark.postgresql
@pytest.mark.usefixtures("without_tables")
def test_a_store_in_postgresql_is_as_it_was(
    command: Command, store_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not store_url.startswith("postgresql"):
        return
    monkeypatch.setenv("SYNC_PIPELINE_STORE_URL", store_url)
    assert examined(command)["store"][0] == "warning"
    with closing(Store.open(store_url)):
        """Make its tables."""
    found = examined(command)
    assert found["store"][0] == found["clock"][0] == "ok"
    assert "give or take" in found["clock"][1]


def test_a_full_disk_is_a_fault(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with small_disk(tmp_path / "small", 4 * 2**20) as disk:
        command = Command(disk.path / "home", monkeypatch, capsys)
        command.ok(*ADD, stdin=f"{CANARY}\n")
        disk.fill()
        found = examined(command, status=2)
        assert found["disk home"][0] == "fault"
        assert found["store"][0] == "ok"


def test_dagsters_storage_is_read_and_not_made(
    fleet: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scheduled, "PROGRAM", "sync_pipeline.orchestration.processes.checkup")
    assert examined(fleet, "--each", "0")["schedules"][0] == "warning"
    with open_instance():
        """Make its files."""
    found = examined(fleet, "--each", "0")
    assert found["heartbeats"][0] == "warning"
    assert found["schedule account_sync"][0] == "warning"
