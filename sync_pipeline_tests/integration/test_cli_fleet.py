"""`sync-pipeline instances` and `credentials`, as a user types them."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from cryptography.fernet import Fernet

from sync_pipeline.fleet.secrets import SecretVault
from sync_pipeline.model.instance import TlsMode, TlsOptions
from sync_pipeline.settings import Settings
from workbench.benches.command import CANARY, Command

SCRIPT = Path(sys.executable).with_name("sync-pipeline")
FLEET = """\
instances:
  - name: billing
    engine: postgresql
    host: db1.example.net
    credential: monitor
    tags: [team=billing, tier=1]
    environment: production
  - name: shop
    engine: mariadb
    host: db2.example.net
    port: 3307
    credential: monitor
    active: false
"""


@pytest.fixture
def monitor(command: Command) -> Command:
    """Return the command with one credential, `monitor`."""
    add = ("credentials", "add", "monitor", "--username", "watcher", "--password-stdin")
    command.ok(*add, stdin=f"{CANARY}\n")
    return command


def write(command: Command, name: str, text: str) -> str:
    path = command.home / name
    path.write_text(text)
    return str(path)


def names(command: Command, *options: str) -> list[str]:
    found = command.ok("instances", "list", "--json", *options).json
    return [item["name"] for item in found]


def resolved(command: Command, name: str) -> str:
    store = command.store()
    credential = store.registry.credential(name)
    store.close()
    assert credential is not None
    return SecretVault.open(Settings.load()).resolve(credential.secret).reveal()


def test_a_credential_is_encrypted_at_rest_and_never_shown(monitor: Command) -> None:
    listed = monitor.ok("credentials", "list")
    assert "watcher" in listed.out
    (shown,) = monitor.ok("credentials", "list", "--json").json
    assert (shown["secret"], shown["instances"]) == ("encrypted", [])
    monitor.ok("instances", "import", write(monitor, "fleet.yaml", FLEET))
    monitor.ok("instances", "show", "billing")
    monitor.ok("instances", "export")
    written = [path for path in monitor.home.rglob("*") if path.is_file()]
    assert {"sync_pipeline.db", "secret.key"} <= {path.name for path in written}
    assert not [path for path in written if CANARY.encode() in path.read_bytes()]


def test_a_rotated_secret_is_the_one_in_force(monitor: Command) -> None:
    assert resolved(monitor, "monitor") == CANARY
    monitor.ok("credentials", "rotate", "monitor", "--password-stdin", stdin=f"{CANARY}2\r\n")
    assert resolved(monitor, "monitor") == f"{CANARY}2"
    assert "1 secrets" in monitor.ok("credentials", "rotate", "--key").out
    assert len((monitor.home / "secret.key").read_text().split()) == 2
    assert resolved(monitor, "monitor") == f"{CANARY}2"
    monitor.patch.setenv("WATCHER_PASSWORD", "from the environment")
    monitor.ok("credentials", "rotate", "monitor", "--reference", "env:WATCHER_PASSWORD")
    assert resolved(monitor, "monitor") == "from the environment"
    assert "env:WATCHER_PASSWORD" in monitor.ok("credentials", "list").out
    assert "0 secrets" in monitor.ok("credentials", "rotate", "--key").out


def test_a_missing_key_file_is_not_replaced_in_silence(monitor: Command) -> None:
    key, copy = monitor.home / "secret.key", monitor.home / "copy.key"
    key.rename(copy)
    for arguments in (
        ("credentials", "add", "new", "--username", "u", "--password-stdin"),
        ("credentials", "rotate", "monitor", "--password-stdin"),
        ("credentials", "rotate", "--key"),
    ):
        said = monitor.wrong(*arguments, stdin=f"{CANARY}\n")
        assert "secret.key is missing, and 1 secrets" in said
        assert "rotate --key --lost" in said
        assert not key.exists()
    copy.rename(key)
    assert resolved(monitor, "monitor") == CANARY
    assert "are not lost" in monitor.wrong("credentials", "rotate", "--key", "--lost")
    assert "goes with --key" in monitor.wrong("credentials", "rotate", "monitor", "--lost")


def test_a_key_file_that_is_lost_for_good_is_replaced_by_choice(monitor: Command) -> None:
    (monitor.home / "secret.key").unlink()
    said = monitor.ok("credentials", "rotate", "--key", "--lost").out
    assert "1 secrets went with the old one" in said
    assert "Set again: sync-pipeline credentials rotate monitor" in said
    assert "don't decrypt the secrets of 'monitor'" in monitor.wrong(
        "credentials", "rotate", "--key"
    )
    monitor.ok("credentials", "rotate", "monitor", "--password-stdin", stdin=f"{CANARY}3\n")
    assert resolved(monitor, "monitor") == f"{CANARY}3"


def test_no_key_is_made_before_every_secret_was_readable(monitor: Command) -> None:
    add = ("credentials", "add", "other", "--username", "u", "--password-stdin")
    key = monitor.home / "secret.key"
    first = key.read_text()
    key.write_text(Fernet.generate_key().decode())
    monitor.ok(*add, stdin=f"{CANARY}\n")
    key.write_text(second := first)
    assert "of 'other'" in monitor.wrong("credentials", "rotate", "--key")
    assert key.read_text() == second
    assert resolved(monitor, "monitor") == CANARY


def test_the_secret_is_asked_for_on_a_terminal_and_not_echoed(command: Command) -> None:
    ours, theirs = pty.openpty()
    asking = subprocess.Popen(
        [SCRIPT, "credentials", "add", "typed", "--username", "u"],
        stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True,
    )  # fmt: skip
    os.close(theirs)
    seen = ""
    for _ in range(2):
        seen += read_until(ours, ": ")
        os.write(ours, f"{CANARY}\n".encode())
    seen += read_until(ours, "added.")
    assert asking.wait(30) == 0
    os.close(ours)
    assert CANARY not in seen
    assert resolved(command, "typed") == CANARY


def read_until(terminal: int, text: str) -> str:
    seen = ""
    while text not in seen:
        seen += os.read(terminal, 1000).decode()
    return seen


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("credentials", "add", "monitor", "--username", "x", "--reference", "env:X"), "exists"),
        (("credentials", "add", "a", "--username", "x", "--reference", "X"), "a scheme and a name"),
        (("credentials", "add", "a", "--username", "x", "--reference", "aws:X"), "'aws'"),
        (("credentials", "add", "a", "--username", "x", "--password-stdin"), "empty"),
        (
            (
                "credentials", "add", "a", "--username", "x",
                "--password-stdin", "--reference", "env:X",
            ),
            "not both",
        ),
        (("credentials", "rotate", "nobody", "--reference", "env:X"), "'nobody' does not exist"),
        (("credentials", "rotate"), "not both"),
        (("credentials", "rotate", "monitor", "--key"), "not both"),
        (("credentials", "remove", "nobody"), "'nobody' does not exist"),
        (("instances", "show", "nobody"), "'nobody' does not exist"),
        (("instances", "edit", "nobody", "--port", "1"), "'nobody' does not exist"),
        (("instances", "remove", "nobody", "--yes"), "'nobody' does not exist"),
        (("instances", "test"), "not both"),
        (("instances", "test", "nobody"), "'nobody' does not exist"),
        (("instances", "export", "--format", "xml"), "'xml' is not a format"),
        (("instances", "import", "/no/such/file.yaml"), "can't be read"),
        (
            ("instances", "add", "a", "--engine", "mysql", "--host", "h", "--credential", "none"),
            "'none' does not exist",
        ),
        (
            (
                "instances", "add", "a", "--engine", "mysql", "--host", "h",
                "--credential", "monitor", "--port", "0",
            ),
            "port: ",
        ),
        (
            ("instances", "add", "a", "--engine", "db2", "--host", "h", "--credential", "monitor"),
            "db2",
        ),
    ],
)  # fmt: skip
def test_bad_input_is_one_sentence(
    monitor: Command, arguments: tuple[str, ...], message: str
) -> None:
    assert message in monitor.wrong(*arguments)
    assert names(monitor) == []
    assert len(monitor.ok("credentials", "list", "--json").json) == 1


def test_an_instance_lives(monitor: Command) -> None:
    add = ("instances", "add", "billing", "--host", "db1", "--credential", "monitor")
    options = ("--engine", "postgresql", "--tls", "verify-full", "--tls-ca", "/etc/ca.pem")
    more = ("--tag", "b", "--tag", "a", "--environment", "test", "--connect-timeout", "3")
    monitor.ok(*add, *options, *more)
    assert "exists already" in monitor.wrong(*add, *options)
    shown = monitor.ok("instances", "show", "billing", "--json").json
    assert shown == {
        "name": "billing",
        "engine": "postgresql",
        "host": "db1",
        "port": 5432,
        "credential": "monitor",
        "database": None,
        "tls": "verify-full",
        "tls_ca": "/etc/ca.pem",
        "tls_cert": None,
        "tls_key": None,
        "connect_timeout": 3.0,
        "statement_timeout": 60.0,
        "total_timeout": 300.0,
        "tags": ["a", "b"],
        "environment": "test",
        "description": None,
        "active": True,
        "server_version": None,
        "platform": None,
        "last_connected_at": None,
        "origin": None,
        "maintenance": None,
        "not_reached": [],
        "server": [],
    }
    edit = ("instances", "edit", "billing", "--port", "6000", "--add-tag", "c", "--remove-tag", "a")
    assert "changed" in monitor.ok(*edit, "--inactive", "--environment", "").out
    assert "so already" in monitor.ok(*edit).out
    edited = monitor.ok("instances", "show", "billing", "--json").json
    assert edited == {
        **shown,
        "port": 6000,
        "tags": ["b", "c"],
        "environment": None,
        "active": False,
    }
    assert "billing" in monitor.wrong("credentials", "remove", "monitor")
    assert monitor.run("instances", "remove", "billing", stdin="n\n").status != 0
    assert names(monitor) == ["billing"]
    monitor.ok("instances", "remove", "billing", "--yes")
    assert names(monitor) == []
    monitor.ok("credentials", "remove", "monitor")


def test_the_databases_of_an_inventory_are_imported(monitor: Command) -> None:
    text = """
web[1:40]
[mysql]
db[01:03] sync_pipeline_engine=mysql
odd sync_pipeline_engine=mysql sync_pipeline_host="{{ vip }}"
"""
    arguments = ("instances", "import", write(monitor, "hosts", text), "--from", "ansible")
    assert "credential: Field required" in monitor.run(*arguments).err
    said = monitor.ok(*arguments, "--credential", "monitor", "--dry-run").out
    assert "line 2: web1 and 39 more: no sync_pipeline_engine is set" in said
    assert "line 5: odd: sync_pipeline_host is a template, which is not computed" in said
    assert "3 instances are good" in said
    assert "3 added" in monitor.ok(*arguments, "--credential", "monitor").out
    assert "3 unchanged" in monitor.ok(*arguments, "--credential", "monitor").out
    store = monitor.store()
    assert {(item.name, item.tags) for item in store.registry.instances()} == {
        (name, ("mysql",)) for name in ("db01", "db02", "db03")
    }
    store.close()


def test_what_another_tool_does_not_say_of_an_instance_stays(monitor: Command) -> None:
    monitor.ok(
        *("instances", "add", "billing", "--engine", "postgresql", "--host", "old"),
        *("--credential", "monitor", "--tag", "team=billing", "--environment", "production"),
        *("--total-timeout", "77", "--tls", "verify-full", "--tls-cert", "/c", "--tls-key", "/k"),
        *("--database", "shop", "--description", "ours", "--inactive"),
    )
    entry = {"Name": "billing", "Group": "EU", "Host": "new", "Port": 5433, "Username": "monitor"}
    file = write(monitor, "servers.json", json.dumps({"Servers": {"1": entry}}))
    assert "1 changed" in monitor.ok("instances", "import", file, "--from", "pgadmin").out
    store = monitor.store()
    (found,) = store.registry.instances()
    store.close()
    assert (found.host, found.port, found.tags) == ("new", 5433, ("EU", "team=billing"))
    assert (found.environment, found.description) == ("production", "ours")
    assert (found.database, found.timeouts.total_seconds, found.is_active) == ("shop", 77, False)
    assert found.tls == TlsOptions(TlsMode.VERIFY_FULL, None, "/c", "/k")
    again = monitor.ok("instances", "import", file, "--from", "pgadmin").out
    assert "0 added, 0 changed, 1 unchanged" in again


def test_a_list_of_another_tool_takes_nothing_that_was_set(monitor: Command) -> None:
    """Its words are for who uses that tool: its account, its colour, a TLS mode that it wrote."""
    monitor.ok("credentials", "add", "other", "--username", "x", "--password-stdin", stdin="y\n")
    monitor.ok(
        *("instances", "add", "billing", "--engine", "postgresql", "--host", "old"),
        *("--credential", "monitor", "--environment", "production", "--tls", "verify-full"),
        *("--tls-ca", "/etc/ca.pem", "--database", "shop", "--description", "ours"),
    )
    of_it = {"host": "new", "port": "5433", "type": "dev", "user": "root", "database": "postgres"}
    entry = {
        "provider": "postgresql", "driver": "postgres-jdbc", "name": "billing",
        "description": "mine", "configuration": of_it,
    }  # fmt: skip
    fresh = {**entry, "name": "fresh", "configuration": {**of_it, "user": "other"}}
    text = json.dumps({"connections": {"pg-1": entry, "pg-2": fresh}})
    file = write(monitor, "data-sources.json", text)
    said = monitor.ok("instances", "import", file, "--from", "dbeaver").out
    assert "1 added, 1 changed" in said

    def shown(name: str) -> dict[str, object]:
        return dict(monitor.ok("instances", "show", name, "--json").json)

    kept = shown("billing")
    assert (kept["host"], kept["port"]) == ("new", 5433)
    assert (kept["environment"], kept["credential"]) == ("production", "monitor")
    assert (kept["database"], kept["description"]) == ("shop", "ours")
    assert (shown("fresh")["environment"], shown("fresh")["credential"]) == ("dev", "other")
    of_libpq = {"sslmode": "prefer", "sslrootcert": "/home/me/ca.pem"}
    place = {"Host": "new", "Port": 5433, "Username": "root", "ConnectionParameters": of_libpq}
    entry = {"Name": "billing", **place}
    file = write(monitor, "servers.json", json.dumps({"Servers": {"1": entry}}))
    assert "1 unchanged" in monitor.ok("instances", "import", file, "--from", "pgadmin").out
    assert (shown("billing")["tls"], shown("billing")["tls_ca"]) == ("verify-full", "/etc/ca.pem")
    of_all = ("--environment", "test", "--credential", "other")
    assert "1 changed" in monitor.ok("instances", "import", file, "--from", "pgadmin", *of_all).out
    assert (shown("billing")["environment"], shown("billing")["credential"]) == ("test", "other")


def test_variables_of_ours_in_an_inventory_win_over_what_was_set(monitor: Command) -> None:
    """They are written for us; a TLS mode that checks less, and what it does not say, stay."""
    monitor.ok("credentials", "add", "other", "--username", "x", "--password-stdin", stdin="y\n")
    monitor.ok(
        *("instances", "add", "billing", "--engine", "postgresql", "--host", "old"),
        *("--credential", "monitor", "--environment", "test", "--tls", "verify-full"),
        *("--database", "shop", "--description", "ours", "--tag", "team=billing"),
    )
    said = "sync_pipeline_engine=postgresql sync_pipeline_credential=other"
    said += " sync_pipeline_environment=production sync_pipeline_tls=require ansible_host=new"
    file = write(monitor, "hosts.ini", f"[eu]\nbilling {said}\n")
    assert "1 changed" in monitor.ok("instances", "import", file, "--from", "ansible").out
    found = monitor.ok("instances", "show", "billing", "--json").json
    assert (found["host"], found["credential"], found["environment"]) == (
        "new", "other", "production",
    )  # fmt: skip
    assert (found["database"], found["description"], found["tls"]) == (
        "shop", "ours", "verify-full",
    )  # fmt: skip
    assert found["tags"] == ["eu", "team=billing"]
    assert "1 unchanged" in monitor.ok("instances", "import", file, "--from", "ansible").out


def test_a_fleet_is_imported_whole_and_safe_to_repeat(monitor: Command) -> None:
    file = write(monitor, "fleet.yaml", FLEET)
    assert "nothing was written" in monitor.ok("instances", "import", file, "--dry-run").out
    assert names(monitor) == []
    assert "2 added, 0 changed, 0 unchanged" in monitor.ok("instances", "import", file).out
    assert "0 added, 0 changed, 2 unchanged" in monitor.ok("instances", "import", file).out
    changed = write(monitor, "fleet.yaml", FLEET.replace("3307", "3308"))
    assert "0 added, 1 changed, 1 unchanged" in monitor.ok("instances", "import", changed).out
    assert names(monitor, "--tag", "tier=1") == ["billing"]
    assert names(monitor, "--engine", "mariadb") == ["shop"]
    assert names(monitor, "--environment", "production") == ["billing"]
    assert "db2.example.net:3308" in monitor.ok("instances", "list").out


def test_what_was_removed_does_not_come_back_in_silence(monitor: Command) -> None:
    text = (
        "[all:vars]\nsync_pipeline_engine=mysql\nsync_pipeline_credential=monitor\n[a]\none\ntwo\n"
    )
    arguments = ("instances", "import", write(monitor, "hosts", text), "--from", "ansible")
    monitor.ok(*arguments)
    assert "Removed" not in monitor.ok(*arguments).out
    monitor.ok("instances", "remove", "two", "--yes")
    sentence = "Removed from the fleet before, and added again with their history: two."
    assert sentence in monitor.ok(*arguments, "--dry-run").out
    assert [item.name for item in monitor.store().registry.instances()] == ["one"]
    assert sentence in monitor.ok(*arguments).out


def test_nothing_of_a_bad_file_is_imported(monitor: Command) -> None:
    rows = yaml.safe_load(FLEET)["instances"]
    rows += [{**rows[0], "name": "no credential", "credential": "gone"}, {**rows[0], "port": -1}]
    file = write(monitor, "fleet.yaml", yaml.safe_dump(rows))
    said = monitor.wrong("instances", "import", file)
    assert "Nothing of" in said
    assert "no credential: there is no credential 'gone'" in said
    assert "port: " in said
    assert names(monitor) == []


def mode_of(command: Command, name: str) -> str:
    return str(command.ok("instances", "show", name, "--json").json["tls"])


def test_a_new_instance_requires_tls(monitor: Command) -> None:
    place = ("--engine", "mysql", "--host", "h", "--credential", "monitor")
    monitor.ok("instances", "add", "typed", *place)
    rows = [
        {"name": name, "engine": "mysql", "host": "h", "credential": "monitor"}
        for name in ("from yaml", "from csv")
    ]
    monitor.ok("instances", "import", write(monitor, "a.yaml", yaml.safe_dump(rows[:1])))
    text = ",".join(rows[1]) + "\n" + ",".join(rows[1].values()) + "\n"
    monitor.ok("instances", "import", write(monitor, "a.csv", text))
    for name in ("typed", "from yaml", "from csv"):
        assert mode_of(monitor, name) == "require"


@pytest.mark.parametrize("mode", ["disable", "prefer", "verify-full"])
def test_a_file_that_says_no_mode_changes_none(monitor: Command, mode: str) -> None:
    file = write(monitor, "fleet.yaml", FLEET)
    monitor.ok("instances", "import", file)
    monitor.ok("instances", "edit", "billing", "--tls", mode, "--port", "1")
    said = monitor.ok("instances", "import", file).out
    assert "0 added, 1 changed, 1 unchanged" in said
    assert "1 keep the TLS mode that they had" in said
    assert (mode_of(monitor, "billing"), mode_of(monitor, "shop")) == (mode, "require")
    exported = monitor.ok("instances", "export", "--format", "csv").out
    assert f",{mode}," in exported
    assert ",require," in exported


@pytest.mark.parametrize("file_format", ["yaml", "csv"])
def test_an_export_is_an_import(monitor: Command, file_format: str) -> None:
    monitor.ok("instances", "import", write(monitor, "fleet.yaml", FLEET))
    before = monitor.ok("instances", "list", "--json").json
    exported = monitor.home / f"out.{file_format}"
    assert "2 instances written" in monitor.ok("instances", "export", str(exported)).out
    printed = monitor.ok("instances", "export", "--format", file_format).out
    assert printed.splitlines() == exported.read_text().splitlines()
    for name in ("billing", "shop"):
        monitor.ok("instances", "remove", name, "--yes")
    assert "2 added" in monitor.ok("instances", "import", str(exported)).out
    assert monitor.ok("instances", "list", "--json").json == before


def test_hundreds_are_imported_at_once(monitor: Command) -> None:
    rows = [
        {"name": f"db{number}", "engine": "mysql", "host": f"h{number}", "credential": "monitor"}
        for number in range(300)
    ]
    file = write(monitor, "fleet.yml", json.dumps({"instances": rows}))
    assert "300 added" in monitor.ok("instances", "import", file).out
    assert len(names(monitor)) == 300


def test_a_wrong_setting_and_a_store_that_is_away_have_their_exit_status(
    command: Command, tmp_path: Path
) -> None:
    command.patch.setenv("SYNC_PIPELINE_TIME_ZONE", "Mars")
    assert "SYNC_PIPELINE_TIME_ZONE" in command.wrong("instances", "list")
    command.patch.delenv("SYNC_PIPELINE_TIME_ZONE")
    url = f"postgresql+psycopg://u:{CANARY}@127.0.0.1:1/x"
    command.patch.setenv("SYNC_PIPELINE_STORE_URL", url)
    said = command.run("instances", "list")
    assert (said.status, said.out) == (3, "")
    assert "The store postgresql+psycopg://u:***@127.0.0.1:1/x does not answer" in said.err
    assert str(tmp_path) not in said.err


def test_the_console_script_is_the_command(monitor: Command) -> None:
    done = subprocess.run(
        [SCRIPT, "credentials", "list", "--json"], capture_output=True, text=True, check=True
    )
    assert json.loads(done.stdout)[0]["name"] == "monitor"
    wrong = subprocess.run(
        [SCRIPT, "credentials", "remove", "nobody"], capture_output=True, text=True, check=False
    )
    assert (wrong.returncode, wrong.stdout) == (2, "")
    assert wrong.stderr.count("\n") == 1
