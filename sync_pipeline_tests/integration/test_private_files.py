"""Files where other users of the machine can write: nothing of theirs is followed or trusted."""

from __future__ import annotations

import os
import pwd
import stat
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from sync_pipeline.errors import ConfigurationError, StoreUnavailable
from sync_pipeline.files.atomic import replaced
from sync_pipeline.files.locks import open_lock
from sync_pipeline.files.private import make_private, make_private_file, secure_home
from sync_pipeline.model.instance import TlsMode, TlsOptions
from sync_pipeline.report.export import ExportFormat, write_export
from sync_pipeline.report.metrics import write_metrics
from sync_pipeline.store.store import Store
from sync_pipeline.workflows.answers.rule_files import read_rule_file
from workbench.benches.command import Command
from workbench.benches.store_bench import CREDENTIAL, START, an_instance
from workbench.servers.running import as_user

NOBODY = "nobody"
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can be two users")
MINE = b"what must not change"
Write = Callable[[Path], None]


def by_nobody(*command: str) -> None:
    """Run a program as another user of the machine."""
    subprocess.run(as_user(NOBODY, command), check=True)


@pytest.fixture
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a directory like /tmp: everybody may make files in it."""
    directory = tmp_path_factory.mktemp("shared")
    directory.chmod(0o1777)
    for parent in directory.parents:
        if parent.stat().st_uid == os.geteuid() and not parent.stat().st_mode & 0o001:
            parent.chmod(parent.stat().st_mode | 0o011)
    return directory


@pytest.fixture
def victim(tmp_path: Path) -> Path:
    path = tmp_path / "victim"
    path.write_bytes(MINE)
    return path


def modes(home: Path) -> dict[str, str]:
    """Return what in a directory, itself included, others may do something with."""
    found = {path: path.lstat() for path in (home, *home.rglob("*"))}
    return {
        str(path.relative_to(home)): oct(item.st_mode)
        for path, item in found.items()
        if item.st_mode & 0o077 and not stat.S_ISLNK(item.st_mode)
    }


def export(path: Path) -> None:
    write_export([{"a": 1}], path, ExportFormat.CSV)


def parquet(path: Path) -> None:
    write_export([{"a": 1}], path, ExportFormat.PARQUET)


def textfile(path: Path) -> None:
    write_metrics("# up\n", path)


def plain(path: Path) -> None:
    with replaced(path) as file:
        file.write(b"new")


WRITERS = pytest.mark.parametrize("write", [export, parquet, textfile, plain])


@WRITERS
@as_root
def test_links_that_others_planted_are_not_followed(
    write: Write, shared: Path, victim: Path
) -> None:
    output = shared / "out.csv"
    for name in (f".{output.name}.partial", f".{output.name}.{os.getpid()}.partial", output.name):
        by_nobody("ln", "-s", str(victim), str(shared / name))
    write(output)
    assert victim.read_bytes() == MINE
    assert not output.is_symlink()
    assert output.stat().st_uid == os.geteuid()


@pytest.mark.parametrize("plant", [Path.symlink_to, Path.hardlink_to], ids=["symlink", "hardlink"])
def test_a_partial_name_that_was_guessed_is_not_written_to(
    plant: Callable[[Path, Path], None],
    victim: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("secrets.token_hex", lambda _: "guessed")
    plant(tmp_path / ".out.guessed.partial", victim)
    with pytest.raises(FileExistsError):
        plain(tmp_path / "out")
    assert victim.read_bytes() == MINE


@WRITERS
def test_a_pipe_a_device_or_a_directory_is_no_place_for_a_file(
    write: Write, tmp_path: Path
) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    for name in ("pipe", "folder"):
        with pytest.raises((ConfigurationError, OSError), match=name):
            write(tmp_path / name)
    assert stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["folder", "pipe"]


def test_a_file_that_fails_leaves_the_old_one_and_nothing_else(tmp_path: Path) -> None:
    output = tmp_path / "out"
    output.write_bytes(MINE)
    with pytest.raises(ZeroDivisionError), replaced(output) as file:
        file.write(bytes(1 // (file.write(b"half") - 4)))
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("out", MINE)]


def test_a_second_name_of_the_old_file_keeps_the_old_text(victim: Path, tmp_path: Path) -> None:
    output = tmp_path / "out"
    output.hardlink_to(victim)
    plain(output)
    assert (victim.read_bytes(), output.read_bytes()) == (MINE, b"new")


@pytest.mark.parametrize(
    ("umask", "mode"), [(0o022, 0o644), (0o077, 0o600), (0o000, 0o666), (0o777, 0)]
)
def test_a_report_has_the_mode_of_the_umask_and_a_private_one_its_own(
    shared: Path, tmp_path: Path, umask: int, mode: int
) -> None:
    (tmp_path / "home").mkdir(mode=0o700)
    before = os.umask(umask)
    try:
        plain(shared / "report")
        plain(tmp_path / "home" / "report")
        with replaced(shared / "key", is_private=True) as file:
            file.write(b"key")
        make_private(tmp_path / "new" / "deep")
        make_private_file(tmp_path / "new" / "file")
        os.close(open_lock(tmp_path / "new" / "lock"))
    finally:
        os.umask(before)
    assert stat.S_IMODE((shared / "report").stat().st_mode) == mode
    assert stat.S_IMODE((shared / "key").stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "new" / "deep").stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "new" / "file").stat().st_mode) == 0o600
    assert modes(tmp_path / "home") == modes(tmp_path / "new") == {}


def test_a_name_as_long_as_a_name_can_be_is_written(tmp_path: Path) -> None:
    output = tmp_path / ("ÿ" * 127)
    plain(output)
    assert output.read_bytes() == b"new"


@as_root
def test_a_lock_or_a_store_that_others_planted_is_not_used(shared: Path, victim: Path) -> None:
    by_nobody("ln", "-s", str(victim), str(shared / "store.db.migrating"))
    by_nobody("ln", "-s", str(victim), str(shared / "linked.db"))
    by_nobody("mkfifo", str(shared / "pipe.db"), str(shared / "held.db.migrating"))
    for name in ("store.db", "linked.db", "pipe.db", "held.db"):
        with pytest.raises(StoreUnavailable, match="does not answer"):
            Store.open(f"sqlite:///{shared / name}")
    assert victim.read_bytes() == MINE


def open_home(home: Path) -> Path:
    """Make a home as an earlier version did under a careless umask."""
    before = os.umask(0)
    try:
        (home / "dagster" / "storage").mkdir(parents=True)
        for name in ("sync_pipeline.db", "sync_pipeline.db-wal", "dagster/storage/run.log"):
            (home / name).write_bytes(b"")
    finally:
        os.umask(before)
    return home


def test_an_open_home_is_closed_with_all_that_is_in_it(tmp_path: Path, victim: Path) -> None:
    victim.chmod(0o644)
    home = open_home(tmp_path / "home")
    (home / "link").symlink_to(victim)
    os.mkfifo(home / "pipe", 0o666)
    secure_home(home)
    assert set(modes(home)) <= {"pipe"}
    assert stat.S_IMODE(victim.stat().st_mode) == 0o644


def test_a_closed_home_is_looked_into_where_that_is_asked(tmp_path: Path) -> None:
    home = open_home(tmp_path / "home")
    home.chmod(0o700)
    secure_home(home)
    assert set(modes(home)) == {"dagster/storage", "dagster/storage/run.log"}
    secure_home(home, thoroughly=True)
    assert modes(home) == {}


def test_a_home_behind_a_link_of_our_own_is_closed(command: Command, tmp_path: Path) -> None:
    real = open_home(tmp_path / "real")
    link = tmp_path / "link"
    link.symlink_to(real)
    command.patch.setenv("SYNC_PIPELINE_HOME", str(link))
    command.ok("instances", "list")
    assert link.is_symlink()
    assert modes(real) == {}


@as_root
def test_a_home_behind_a_link_of_another_user_is_refused(
    command: Command, tmp_path: Path, shared: Path
) -> None:
    real = tmp_path / "real"
    real.mkdir()
    link = shared / "link"
    by_nobody("ln", "-s", str(real), str(link))
    command.patch.setenv("SYNC_PIPELINE_HOME", str(link))
    said = command.wrong("instances", "list")
    assert f"is a symbolic link of another user (id {pwd.getpwnam(NOBODY).pw_uid})" in said
    assert not list(real.iterdir())


@as_root
def test_a_home_of_another_user_is_refused(command: Command, shared: Path) -> None:
    home = shared / "home"
    by_nobody("mkdir", str(home))
    command.patch.setenv("SYNC_PIPELINE_HOME", str(home))
    said = command.wrong("instances", "list")
    assert f"belongs to another user (id {pwd.getpwnam(NOBODY).pw_uid})" in said
    assert not list(home.iterdir())


def test_a_directory_for_everybody_is_no_home(command: Command, shared: Path) -> None:
    for home in (shared, Path("/")):
        before = home.stat().st_mode
        command.patch.setenv("SYNC_PIPELINE_HOME", str(home))
        assert "is a directory for everybody" in command.wrong("instances", "list")
        assert home.stat().st_mode == before


def test_in_the_home_of_the_user_only_what_is_ours_is_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = open_home(tmp_path / "home")
    (home / "public").mkdir(mode=0o755)
    (home / "public" / "index.html").touch(mode=0o644)
    home.chmod(0o755)
    monkeypatch.setenv("HOME", str(home))
    secure_home(home, thoroughly=True)
    assert modes(home).keys() >= {".", "public", "public/index.html"}
    assert not any(name.endswith((".db", "-wal", "dagster")) for name in modes(home))


def test_rules_that_everybody_may_change_are_not_believed(tmp_path: Path) -> None:
    path = tmp_path / "rules" / "findings.yaml"
    path.parent.mkdir()
    path.write_text("disabled_rules: [superuser]\n")
    assert read_rule_file(path, "NAME") == path.read_text()
    path.chmod(0o666)
    with pytest.raises(ConfigurationError, match=f"NAME names it. Mend it: chmod o-w {path}"):
        read_rule_file(path, "NAME")
    path.chmod(0o644)
    path.parent.chmod(0o777)
    with pytest.raises(ConfigurationError, match=f"Mend it: chmod o-w {path.parent}"):
        read_rule_file(path, "NAME")
    path.parent.chmod(0o1777)
    assert read_rule_file(path, "NAME") == path.read_text()


@pytest.mark.parametrize("option", ["ca_file", "cert_file", "key_file"])
def test_certificates_that_everybody_may_change_are_not_believed(
    command: Command, tmp_path: Path, option: str
) -> None:
    path = tmp_path / "file.pem"
    path.touch()
    path.chmod(0o666)
    command.patch.setenv("WATCHER", "secret")
    store = command.store()
    store.registry.put_credential(CREDENTIAL, START)
    tls = TlsOptions(TlsMode.VERIFY_FULL, **{option: str(path)})
    store.registry.put_instances([replace(an_instance("pg"), tls=tls)], START)
    store.close()
    said = command.run("instances", "test", "pg")
    assert said.status == 1
    assert f"pg: The TLS file {path} can be changed by every user" in said.out
    assert f"chmod o-w {path}" in said.out


def test_a_home_that_is_a_file_has_no_store(command: Command, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("x")
    command.patch.setenv("SYNC_PIPELINE_HOME", str(path))
    said = command.run("instances", "list")
    assert said.status == 3
    assert "does not answer" in said.err


def test_what_commands_and_a_run_make_is_private_whatever_the_umask(tmp_path: Path) -> None:
    home = tmp_path / "new" / "home"
    environment = {**os.environ, "SYNC_PIPELINE_HOME": str(home)}
    script = Path(sys.executable).with_name("sync-pipeline")
    add = ["credentials", "add", "c", "--username", "u", "--password-stdin"]
    commands = (
        (add, 0),
        (["instances", "export", str(home / "fleet.yaml")], 0),
        (["report", "--output", str(home / "report.html")], 0),
        (["run", "account-sync"], 0),
    )
    for arguments, status in commands:
        done = subprocess.run(
            [script, *arguments],
            check=False,
            env=environment,
            umask=0,
            input=b"x",
            capture_output=True,
        )
        assert done.returncode == status, done
        assert modes(home) == {}
    names = {path.name for path in home.rglob("*")}
    assert {"secret.key", "sync_pipeline.db", "report.html", "dagster", "runs.db"} <= names
