"""`backup` and `restore` on real stores, whatever is wrong with a backup and whoever is killed."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest
from alembic import command as alembic
from alembic.config import Config
from alembic.script import ScriptDirectory
from cryptography.fernet import Fernet
from sqlalchemy import inspect
from sqlalchemy.engine import make_url

from sync_pipeline.errors import SyncError
from sync_pipeline.fleet.secrets import SecretVault
from sync_pipeline.model.backup import Manifest
from sync_pipeline.model.daemon_lease import DaemonLease, Holder
from sync_pipeline.model.session import SessionStatus, StepFailure
from sync_pipeline.settings import Settings
from sync_pipeline.store.database import REVISIONS, Database, newest_revision
from sync_pipeline.store.keeping.postgresql_tools import Tools
from sync_pipeline.store.store import Store
from sync_pipeline.store.upgrades import FORMER_TABLES, every_table
from sync_pipeline.store.views.views import SCHEMA, reader_script
from sync_pipeline.workflows.backup.pieces import piece_of
from sync_pipeline.workflows.backup.restoring import Wanted, restore_backup
from sync_pipeline.workflows.sessions import LaunchedRun, RunState, reap
from workbench.benches.command import CANARY, Command
from workbench.benches.store_bench import START, StoreBench
from workbench.servers.fixtures_store import store_database
from workbench.servers.postgresql import obtain
from workbench.servers.running import RunningServer, as_user

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can be two users")
ADD = ("credentials", "add", "monitor", "--username", "watcher", "--password-stdin")
PLACE = ("--engine", "mysql", "--host", "db", "--credential", "monitor")


@pytest.fixture
def fleet(command: Command, store_url: str, monkeypatch: pytest.MonkeyPatch) -> Command:
    """Return the command with a credential and an instance, in each kind of store in turn."""
    programs = obtain(18).programs
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    if store_url.startswith("postgresql"):
        monkeypatch.setenv("SYNC_PIPELINE_STORE_URL", store_url)
    filled(command)
    return command


@pytest.fixture
def home(command: Command) -> Command:
    """Return the same in a file of the home."""
    filled(command)
    return command


def filled(command: Command) -> None:
    command.ok(*ADD, stdin=f"{CANARY}\n")
    command.ok("instances", "add", "shop", *PLACE)


def names(command: Command) -> set[str]:
    return {item["name"] for item in command.ok("instances", "list", "--json").json}


def taken(command: Command, tmp_path: Path, *options: str) -> Path:
    backup = tmp_path / "backup"
    said = command.run("backup", str(backup), *options)
    assert said.status == 0, said
    return backup


def refused(command: Command, backup: Path, *options: str) -> str:
    """Restore, and make sure that nothing is changed by that."""
    before = names(command), (command.home / "secret.key").read_text()
    said = command.run("restore", str(backup), "--replace", *options)
    assert said.status in (2, 3), said
    assert (names(command), (command.home / "secret.key").read_text()) == before
    return said.err


def secret_of(command: Command) -> str:
    """Return the secret of the credential as a sync would get it."""
    found = command.store().registry.credential("monitor")
    assert found is not None
    return SecretVault.open(Settings.load()).resolve(found.secret).reveal()


def test_a_backup_brings_back_what_was(fleet: Command, tmp_path: Path) -> None:
    backup = taken(fleet, tmp_path)
    fleet.ok("instances", "add", "later", *PLACE)
    assert "not empty" in fleet.wrong("restore", str(backup))
    assert names(fleet) == {"shop", "later"}
    said = fleet.ok("restore", str(backup), "--replace", "--check").out
    assert "can be restored" in said
    assert names(fleet) == {"shop", "later"}
    assert "Restored" in fleet.ok("restore", str(backup), "--replace").out
    assert names(fleet) == {"shop"}
    store = fleet.store()
    assert store.schema_revision == newest_revision()
    assert secret_of(fleet) == CANARY
    store.close()


def test_every_table_of_a_store_is_known_to_a_backup(home: Command) -> None:

    with closing(sqlite3.connect(home.home / "sync_pipeline.db")) as connection:
        found = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        assert {row[0] for row in found} == {*every_table().tables, REVISIONS}


@pytest.mark.usefixtures("real_migrations")
def test_every_table_of_an_older_store_is_known_to_a_backup(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'store.db'}")
    config = Config()
    config.set_main_option("script_location", "sync_pipeline:store/migrations")
    config.attributes["engine"] = database.engine
    seen: set[str] = set()
    for revision in reversed(
        [item.revision for item in ScriptDirectory.from_config(config).walk_revisions()]
    ):
        alembic.upgrade(config, revision)
        seen |= set(inspect(database.engine).get_table_names())
    database.close()
    assert seen == {*every_table().tables, *FORMER_TABLES, REVISIONS}


def test_a_backup_with_its_key_brings_all_back_to_another_machine(
    fleet: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = fleet.run("backup", str(tmp_path / "backup"), "--with-key")
    assert "every password" in said.err
    shutil.rmtree(fleet.home)
    if "SYNC_PIPELINE_STORE_URL" in os.environ:
        database = Database(os.environ["SYNC_PIPELINE_STORE_URL"])
        with database.write() as connection:
            connection.exec_driver_sql("DROP SCHEMA public CASCADE")
            connection.exec_driver_sql("CREATE SCHEMA public")
        database.close()
    assert "1 keys" in fleet.ok("restore", str(tmp_path / "backup")).out
    assert names(fleet) == {"shop"}
    assert secret_of(fleet) == CANARY


def test_nobody_else_can_read_a_backup_at_any_moment(fleet: Command, tmp_path: Path) -> None:
    opened: list[int] = []

    def look(event: str, arguments: tuple[object, ...]) -> None:
        if event == "open" and isinstance(arguments[0], str) and ".partial" in arguments[0]:
            with_mode = [path for path in tmp_path.rglob("*") if "backup" in str(path)]
            opened.extend(path.lstat().st_mode for path in with_mode)

    umask = os.umask(0)
    active = [True]
    sys.addaudithook(lambda event, arguments: look(event, arguments) if active else None)
    try:
        backup = taken(fleet, tmp_path, "--with-key")
    finally:
        active.clear()
        os.umask(umask)
    opened += [path.lstat().st_mode for path in (backup, *backup.iterdir())]
    assert {path.name for path in backup.iterdir()} > {"manifest.json", "secret.key"}
    assert not any(stat.S_IMODE(mode) & 0o077 for mode in opened)


def test_what_somebody_else_named_like_it_is_not_taken_away(home: Command, tmp_path: Path) -> None:
    mine = tmp_path / ".backup.of-my-own.partial"
    mine.mkdir()
    left = tmp_path / f".backup.{'0' * 16}.partial"
    left.mkdir()
    taken(home, tmp_path)
    assert (mine.is_dir(), left.exists()) == (True, False)
    odd = tmp_path / f".[x].{'0' * 16}.partial"
    odd.mkdir()
    assert home.run("backup", str(tmp_path / "[x]")).status == 0
    assert not odd.exists()


def test_a_backup_is_put_into_a_directory_that_is_a_link(home: Command, tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "backups").symlink_to(tmp_path / "disk")
    said = home.run("backup", str(tmp_path / "backups" / "today"))
    assert said.status == 0, said
    assert [path.name for path in (tmp_path / "disk").iterdir()] == ["today"]
    home.ok("restore", str(tmp_path / "backups" / "today"), "--replace", "--check")


def test_a_backup_is_never_put_where_something_is(home: Command, tmp_path: Path) -> None:
    for name, make in {
        "directory": lambda path: path.mkdir(),
        "file": lambda path: path.write_text("mine"),
        "link": lambda path: path.symlink_to(tmp_path / "elsewhere"),
    }.items():
        make(tmp_path / name)
        assert "not there yet" in home.wrong("backup", str(tmp_path / name))
    assert (tmp_path / "file").read_text() == "mine"
    assert not (tmp_path / "elsewhere").exists()
    assert "can't be made" in home.wrong("backup", str(tmp_path / "none" / "backup"))
    assert not list(tmp_path.glob(".*partial"))


def test_a_backup_of_a_store_whose_key_is_gone_is_of_no_use(home: Command, tmp_path: Path) -> None:
    (home.home / "secret.key").unlink()
    assert "missing" in home.wrong("backup", str(tmp_path / "backup"))
    assert not (tmp_path / "backup").exists()


Change = Callable[[Path], None]


def cut(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(bytes(content))


@pytest.mark.parametrize("change", [cut, flip])
def test_a_backup_that_is_not_what_was_made_is_refused(
    fleet: Command, tmp_path: Path, change: Change
) -> None:
    backup = taken(fleet, tmp_path)
    change(next(backup.glob("store.*")))
    assert "not the file that was made" in refused(fleet, backup)


def forged(backup: Path, change: Change) -> None:
    """Change the store of a backup, and let its manifest say that it is right."""
    store = next(backup.glob("store.*"))
    change(store)
    found = json.loads((backup / "manifest.json").read_text())
    piece = piece_of(store)
    found["pieces"][store.name] = {"bytes": piece.bytes, "sha256": piece.sha256}
    (backup / "manifest.json").write_text(json.dumps(found))


def test_a_backup_that_somebody_forged_is_refused(home: Command, tmp_path: Path) -> None:
    backup = taken(home, tmp_path)

    def other_host(path: Path) -> None:
        with closing(sqlite3.connect(path)) as connection, connection:
            connection.execute("UPDATE instances SET host = 'evil'")

    forged(backup, other_host)
    assert "changed after it was made" in refused(home, backup)
    forgery = (backup / "store.db").read_bytes()
    # Nothing of it is copied, and no program is given it, before its seal is known to be right.
    (backup / "store.db").unlink()
    assert "changed after it was made" in refused(home, backup)
    (backup / "store.db").symlink_to("/dev/zero")
    assert "changed after it was made" in refused(home, backup)
    found = json.loads((backup / "manifest.json").read_text())
    (backup / "manifest.json").write_text(json.dumps({**found, "seal": ""}))
    assert "No key has sealed this backup" in refused(home, backup)
    (backup / "store.db").unlink()
    backup.joinpath("store.db").write_bytes(forgery)
    assert home.run("restore", str(backup), "--replace", "--unsealed").status == 0


def test_a_password_that_is_a_digest_is_no_seal(home: Command, tmp_path: Path) -> None:
    backup = taken(home, tmp_path)
    path = backup / "manifest.json"
    made = replace(Manifest.from_json(path.read_text()), version="forged", seal="")
    home.ok("credentials", "rotate", "monitor", "--password-stdin", stdin=f"{made.digest}\n")
    found = home.store().registry.credential("monitor")
    assert found is not None
    path.write_text(replace(made, seal=found.secret).to_json())
    assert "did not seal" in refused(home, backup)


@pytest.mark.parametrize(
    "part",
    [{"seal": "fernet:\ud800"}, {"version": "\x1b[2J"}, {"made_at": "0001-01-01T00:00:00+14:00"}],
)
def test_a_manifest_with_a_part_that_nobody_wrote_is_refused(
    home: Command, tmp_path: Path, part: dict[str, str]
) -> None:
    backup = taken(home, tmp_path)
    found = json.loads((backup / "manifest.json").read_text())
    (backup / "manifest.json").write_text(json.dumps({**found, **part}))
    assert "is not what a backup says of itself" in refused(home, backup, "--unsealed")


def test_a_key_as_large_as_a_disk_is_not_copied(home: Command, tmp_path: Path) -> None:
    backup = taken(home, tmp_path, "--with-key")
    found = json.loads((backup / "manifest.json").read_text())
    found["pieces"]["secret.key"]["bytes"] = 2**40
    found["seal"] = ""
    (backup / "manifest.json").write_text(json.dumps(found))
    os.truncate(backup / "secret.key", 2**40)
    assert "is larger than" in refused(home, backup, "--unsealed")


def test_a_damaged_store_is_found_before_anything_is_replaced(
    fleet: Command, tmp_path: Path
) -> None:
    backup = taken(fleet, tmp_path)
    forged(backup, cut)
    assert "damaged" in refused(fleet, backup, "--unsealed")


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{", '{"format": 2}', "[" * 50_000, '{"format": 1, "pieces": {}}'],
    ids=["empty", "list", "half", "newer", "deep", "without"],
)
def test_a_manifest_that_is_none_is_refused(home: Command, tmp_path: Path, text: str) -> None:
    backup = taken(home, tmp_path)
    (backup / "manifest.json").write_text(text)
    assert "Nothing was changed" in refused(home, backup)


def test_what_others_made_or_may_change_is_not_restored(home: Command, tmp_path: Path) -> None:
    backup = taken(home, tmp_path)
    (backup / "store.db").chmod(0o622)
    assert "other users may change it" in refused(home, backup)
    (backup / "store.db").chmod(0o600)
    (backup / "store.db").rename(tmp_path / "aside")
    (backup / "store.db").symlink_to(tmp_path / "aside")
    assert "symbolic link" in refused(home, backup)
    (tmp_path / "way").symlink_to(backup)
    assert "symbolic link" in refused(home, tmp_path / "way")
    (backup / "store.db").unlink()
    os.mkfifo(backup / "store.db", 0o600)
    assert "no file" in refused(home, backup)
    assert "no backup" in refused(home, tmp_path / "nothing")


@as_root
def test_what_belongs_to_another_user_is_not_restored(home: Command, tmp_path: Path) -> None:
    backup = taken(home, tmp_path)
    os.chown(backup / "store.db", 65_534, 65_534)
    run = subprocess.run(as_user("nobody", ["true"]), check=False)
    assert run.returncode == 0
    assert "belongs to another user" in refused(home, backup)


def test_another_key_opens_nothing(fleet: Command, tmp_path: Path) -> None:
    backup = taken(fleet, tmp_path)
    key = fleet.home / "secret.key"
    own = key.read_text()
    key.unlink()

    key.write_text(f"{Fernet.generate_key().decode()}\n")
    key.chmod(0o600)
    assert "did not seal this backup" in refused(fleet, backup)
    assert "does not open 1 secrets" in refused(fleet, backup, "--unsealed")
    key.write_text(f"{key.read_text()}{own}")
    assert fleet.run("restore", str(backup), "--replace").status == 0


def test_a_key_in_the_backup_is_added_and_replaces_none(fleet: Command, tmp_path: Path) -> None:
    backup = taken(fleet, tmp_path, "--with-key")

    key, other = fleet.home / "secret.key", Fernet.generate_key().decode()
    own = key.read_text()
    key.write_text(f"{other}\n")
    key.chmod(0o600)
    assert "did not seal this backup" in refused(fleet, backup)
    assert fleet.run("restore", str(backup), "--replace", "--unsealed").status == 0
    assert key.read_text() == f"{other}\n{own}"
    assert key.stat().st_mode & 0o777 == 0o600


def test_tables_of_a_newer_version_are_refused(fleet: Command, tmp_path: Path) -> None:
    revise(Settings.load().effective_store_url, "9999")
    said = fleet.run("backup", str(tmp_path / "backup"))
    assert said.status == 2
    assert "revision 9999" in said.err
    revise(Settings.load().effective_store_url, newest_revision())


def revise(url: str, revision: str) -> None:
    database = Database(url)
    with database.write() as connection:
        connection.exec_driver_sql(f"UPDATE alembic_version SET version_num = '{revision}'")
    database.close()


@pytest.mark.usefixtures("real_migrations")
def test_tables_of_an_older_version_are_upgraded(fleet: Command, tmp_path: Path) -> None:
    database = Database(Settings.load().effective_store_url)
    config = Config()
    config.set_main_option("script_location", "sync_pipeline:store/migrations")
    config.attributes["engine"] = database.engine
    alembic.downgrade(config, "0028")
    database.close()
    backup = taken(fleet, tmp_path)
    assert json.loads((backup / "manifest.json").read_text())["revision"] == "0028"
    fleet.ok("instances", "add", "later", *PLACE)  # the ordinary upgrade, by whoever comes first
    assert fleet.run("restore", str(backup), "--replace").status == 0
    assert names(fleet) == {"shop"}
    store = fleet.store()
    assert store.schema_revision == newest_revision()
    store.close()


def test_a_store_that_somebody_has_open_is_left_alone(fleet: Command, tmp_path: Path) -> None:
    backup = taken(fleet, tmp_path)
    fleet.ok("instances", "add", "later", *PLACE)
    url = Settings.load().effective_store_url
    program = (
        "import sys; from sync_pipeline.store.store import Store; s = Store.open(sys.argv[1]); "
        "s.registry.instances(); print('open', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, url], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"open\n"
        said = fleet.run("restore", str(backup), "--replace")
        other.kill()
    assert (said.status, "open in another process" in said.err) == (3, True), said
    assert names(fleet) == {"shop", "later"}


def test_a_store_with_a_daemon_at_work_is_left_alone(fleet: Command, tmp_path: Path) -> None:

    backup = taken(fleet, tmp_path)
    with closing(Store.open(Settings.load().effective_store_url)) as store:
        holder = Holder("token", "host", 1, 6.0)
        seen: DaemonLease = store.daemon_lease.read()
        assert store.daemon_lease.take(seen, holder)
    with renewing(holder):
        assert "A daemon is at work" in refused(fleet, backup)
    # One that gives no sign for as long as its lease is gone.
    assert fleet.run("restore", str(backup), "--replace").status == 0


@contextmanager
def renewing(holder: object) -> Iterator[None]:

    ended = threading.Event()

    def renew() -> None:
        with closing(Store.open(Settings.load().effective_store_url)) as store:
            while not ended.wait(0.2):
                store.daemon_lease.renew(holder)

    thread = threading.Thread(target=renew)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


WRITER = """
import sys
from datetime import UTC, datetime
from dataclasses import replace
from sync_pipeline.store.store import Store
from workbench.benches.store_bench import CREDENTIAL, an_instance
store = Store.open(sys.argv[1])
store.registry.put_credential(CREDENTIAL, datetime.now(UTC))
number = 0
while True:
    number += 1
    some = [an_instance(f"{side}{number}") for side in ("left", "right")]
    store.registry.put_instances(some, datetime.now(UTC))
    print(number, flush=True)
"""
"""Each transaction adds two instances: a copy has both or none of them."""


def test_a_backup_is_one_state_of_a_store_that_is_written(fleet: Command, tmp_path: Path) -> None:
    url = Settings.load().effective_store_url
    counts = []
    with subprocess.Popen([sys.executable, "-c", WRITER, url], stdout=subprocess.PIPE) as writer:
        assert writer.stdout is not None
        writer.stdout.readline()
        for number in range(3):
            said = fleet.run("backup", str(tmp_path / f"backup{number}"))
            assert said.status == 0, said
        writer.kill()
    for number in range(3):
        assert fleet.run("restore", str(tmp_path / f"backup{number}"), "--replace").status == 0
        found = names(fleet) - {"shop"}
        left = {item.removeprefix("left") for item in found if item.startswith("left")}
        right = {item.removeprefix("right") for item in found if item.startswith("right")}
        assert left == right == {str(item + 1) for item in range(len(left))}
        counts.append(len(left))
    assert counts == sorted(counts)
    assert counts[0] < counts[-1]


def killed_at(moment: int, backup: Path) -> bool:
    """Restore in a process that is killed at one of its moments; return whether it was."""
    child = os.fork()
    if child == 0:
        count = 0

        def hook(event: str, _: object) -> None:
            nonlocal count
            if event.startswith(("open", "os.", "sqlite3.", "subprocess.", "fcntl.", "shutil.")):
                count += 1
                if count == moment:
                    os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(hook)
        try:
            restore_backup(Settings.load(), backup, Wanted(replace=True))
        except SyncError:
            os._exit(3)
        finally:
            os._exit(0)
    _, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status)


@pytest.mark.long
def test_whenever_a_restore_is_killed_the_store_is_the_old_or_the_new_one(
    fleet: Command, tmp_path: Path
) -> None:
    backup = taken(fleet, tmp_path)
    fleet.ok("instances", "add", "later", *PLACE)
    again = tmp_path / "again"
    assert fleet.run("backup", str(again)).status == 0
    url = Settings.load().effective_store_url
    found, moment = [], 1
    while killed_at(moment, backup):
        await_nobody(url)
        with closing(Store.open(url)) as store:
            found.append({item.name for item in store.registry.instances()})
        assert found[-1] in ({"shop"}, {"shop", "later"})
        if found[-1] == {"shop"}:
            restore_backup(Settings.load(), again, Wanted(replace=True))
        moment += 1 + moment // 12
    assert {"shop", "later"} in found
    left = [path for path in (*tmp_path.rglob("*"),) if path.name.endswith(".partial")]
    assert not left


def await_nobody(url: str) -> None:
    """Wait until psql has noticed that nobody tells it more."""
    if not url.startswith("postgresql"):
        return
    query = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'sync_pipeline_restore'"
    until = time.monotonic() + 60
    with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as connection:
        while connection.execute(query).fetchone() != (0,):
            assert time.monotonic() < until
            time.sleep(0.05)


def test_a_damaged_store_is_replaced_by_a_backup(home: Command, tmp_path: Path) -> None:
    backup = taken(home, tmp_path)
    store = home.home / "sync_pipeline.db"
    store.write_bytes(b"no database at all" * 1000)
    assert "not empty" in home.wrong("restore", str(backup))
    assert home.run("restore", str(backup), "--replace").status == 0
    assert names(home) == {"shop"}
    (before,) = home.home.glob("*.before-*")
    assert before.read_bytes().startswith(b"no database")
    assert before.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
def test_what_is_no_file_is_not_replaced(
    home: Command, tmp_path: Path, make: Callable[[Path], None]
) -> None:
    backup = taken(home, tmp_path)
    store = home.home / "sync_pipeline.db"
    for path in home.home.glob("sync_pipeline.db*"):
        path.unlink()
    make(store)
    said = home.run("restore", str(backup), "--replace")
    assert (said.status, "it is no file" in said.err) == (3, True), said
    assert not store.is_file()


@as_root
def test_a_link_of_another_user_is_not_followed(home: Command, tmp_path: Path) -> None:
    backup = taken(home, tmp_path)
    store = home.home / "sync_pipeline.db"
    for path in home.home.glob("sync_pipeline.db*"):
        path.unlink()
    store.symlink_to(tmp_path / "elsewhere")
    os.lchown(store, 65534, 65534)
    said = home.run("restore", str(backup))
    assert (said.status, "link of another user" in said.err) == (3, True), said
    assert not (tmp_path / "elsewhere").exists()


def test_a_store_of_the_other_kind_is_refused(
    home: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    backup = taken(home, tmp_path)
    monkeypatch.setenv(
        "SYNC_PIPELINE_STORE_URL", "postgresql+psycopg://nobody:s3cret@127.0.0.1:1/x"
    )
    said = home.wrong("restore", str(backup), "--replace")
    assert "is of a store in sqlite" in said
    assert "s3cret" not in said


def test_without_the_programs_of_postgresql_it_is_told_what_to_do(
    fleet: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if "SYNC_PIPELINE_STORE_URL" not in os.environ:
        return
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "pg_dump is not on PATH" in fleet.wrong("backup", str(tmp_path / "backup"))
    assert not list(tmp_path.glob(".*partial"))


def test_what_others_made_in_the_database_is_left_alone(
    command: Command,
    postgresql_server: RunningServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PATH", f"{obtain(18).programs}:{os.environ['PATH']}")
    with store_database(postgresql_server) as url:
        monkeypatch.setenv("SYNC_PIPELINE_STORE_URL", url)
        filled(command)
        plain = url.replace("+psycopg", "")
        with psycopg.connect(plain, autocommit=True) as other:
            views, _, _ = reader_script("reader").partition("COMMIT;")
            other.execute(f"{views}COMMIT;")  # type: ignore[arg-type]
            other.execute("CREATE TABLE notes AS SELECT 1 AS number")
            backup = taken(command, tmp_path)
            command.ok("instances", "add", "later", *PLACE)
            other.execute("CREATE VIEW of_others AS SELECT name FROM instances")
            assert "of_others" in refused(command, backup)
            other.execute("DROP VIEW of_others")
            assert command.run("restore", str(backup), "--replace").status == 0
            assert other.execute("SELECT number FROM notes").fetchall() == [(1,)]
            query = f"SELECT count(*) FROM {SCHEMA}.instances"
            assert other.execute(query).fetchone() == (1,)  # type: ignore[arg-type]
        assert names(command) == {"shop"}
        command.close()


@pytest.fixture
def shared(
    command: Command,
    postgresql_server: RunningServer,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[psycopg.Connection]:
    """Return a connection to the database of a filled store, which somebody else uses too."""
    monkeypatch.setenv("PATH", f"{obtain(18).programs}:{os.environ['PATH']}")
    with store_database(postgresql_server) as url:
        monkeypatch.setenv("SYNC_PIPELINE_STORE_URL", url)
        filled(command)
        with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as other:
            yield other
        command.close()


def test_tables_of_others_outlive_a_restore_where_there_is_no_store(
    command: Command, shared: psycopg.Connection, tmp_path: Path
) -> None:
    backup = taken(command, tmp_path)
    shared.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    shared.execute("CREATE TABLE payroll AS SELECT 1 AS number")
    assert command.run("restore", str(backup)).status == 0
    assert shared.execute("SELECT number FROM payroll").fetchall() == [(1,)]
    assert names(command) == {"shop"}


def test_tables_of_others_outlive_a_restore_over_another_version(
    command: Command, shared: psycopg.Connection, tmp_path: Path
) -> None:
    backup = taken(command, tmp_path)
    shared.execute("CREATE TABLE payroll AS SELECT 1 AS number")
    shared.execute("UPDATE alembic_version SET version_num = '9999'")
    said = command.run("restore", str(backup), "--replace")
    assert (said.status, "payroll" in said.err) == (2, True), said
    shared.execute("CREATE TABLE freshness_told AS SELECT 1 AS number")
    shared.execute("UPDATE alembic_version SET version_num = '0020'")
    assert command.run("restore", str(backup), "--replace").status == 0
    assert shared.execute("SELECT number FROM payroll").fetchall() == [(1,)]
    assert shared.execute("SELECT to_regclass('freshness_told')").fetchone() == (None,)
    assert names(command) == {"shop"}


def test_an_account_without_rights_is_told_of_them(
    command: Command, shared: psycopg.Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    backup = taken(command, tmp_path)
    url = make_url(os.environ["SYNC_PIPELINE_STORE_URL"])
    poor = f"poor_{url.database}"
    shared.execute(f"CREATE ROLE {poor} LOGIN")  # type: ignore[arg-type]
    place = url.set(username=poor).render_as_string(hide_password=False)
    monkeypatch.setenv("SYNC_PIPELINE_STORE_URL", place)
    try:
        for arguments in (("instances", "list"), ("backup", str(tmp_path / "other"))):
            said = command.run(*arguments)
            assert (said.status, "has not the rights" in said.err) == (3, True), said
        said = command.run("doctor", "--each", "0")
        assert "has not the rights" in said.out
        assert "defect" not in said.out
        shared.execute(f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {poor}")  # type: ignore[arg-type]
        said = command.run("restore", str(backup), "--replace", "--check")
        assert (said.status, "does not own" in said.err) == (2, True), said
    finally:
        shared.execute(f"DROP OWNED BY {poor}; DROP ROLE {poor}")  # type: ignore[arg-type]


def test_a_backup_of_another_schema_is_refused(
    command: Command, shared: psycopg.Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    backup = taken(command, tmp_path)
    url = os.environ["SYNC_PIPELINE_STORE_URL"]
    shared.execute('CREATE SCHEMA "We ird"')
    shared.execute("DROP SCHEMA public CASCADE")
    monkeypatch.setenv("SYNC_PIPELINE_STORE_URL", f"{url}?options=-csearch_path%3D%22We\\%20ird%22")
    said = command.run("restore", str(backup), "--check")
    assert (said.status, "public; those" in said.err, '"We ird"' in said.err) == (2, True, True), (
        said
    )
    # In one whose name has to be quoted a backup comes back.
    filled(command)
    assert command.run("backup", str(tmp_path / "other")).status == 0
    command.ok("instances", "add", "later", *PLACE)
    assert command.run("restore", str(tmp_path / "other"), "--replace").status == 0
    assert names(command) == {"shop"}


def test_a_program_that_is_killed_before_it_read_all_says_nothing_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "psql"
    program.write_text("#!/bin/sh\nexec sleep 60\n")
    program.chmod(0o700)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    tools = Tools(make_url("postgresql+psycopg://nobody@127.0.0.1/x"))

    def failing() -> None:
        pipe = subprocess.PIPE
        with tools.started("psql", output=subprocess.DEVNULL, stdin=pipe) as process:
            assert process.stdin is not None
            process.stdin.write(b"BEGIN;")
            raise KeyError("why")

    with pytest.raises(KeyError, match="why"):
        failing()


class Gone:
    """Dagster's history of another time: it knows no run."""

    def state(self, run_id: str) -> RunState:
        return RunState.MISSING

    def launched(self, session_id: str) -> list[LaunchedRun]:
        return []

    def failures(self, run_id: str) -> tuple[StepFailure, ...]:
        return ()


def test_what_ran_when_the_backup_was_made_is_closed_after_it(
    fleet: Command, tmp_path: Path
) -> None:
    with closing(Store.open(Settings.load().effective_store_url)) as store:
        bench = StoreBench(store)
        session = bench.open(bench.fleet("one"))
    backup = taken(fleet, tmp_path)
    assert fleet.run("restore", str(backup), "--replace").status == 0
    with closing(Store.open(Settings.load().effective_store_url)) as store:
        (closed,) = reap(store, Gone(), START, 300)
        assert closed.session.session_id == session.session_id
        assert closed.session.status is SessionStatus.FAILED
        assert not store.sessions.unfinished()
