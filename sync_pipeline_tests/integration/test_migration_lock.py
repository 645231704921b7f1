"""The lock of the migrations: one at a time, given back by whoever dies, of nobody else's file."""

from __future__ import annotations

import errno
import fcntl
import os
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from sync_pipeline.errors import StoreUnavailable
from sync_pipeline.files.locks import exclusive
from sync_pipeline.store.store import Store
from workbench.servers.running import as_user

HOLD = (
    "import sys; from pathlib import Path; from sync_pipeline.files.locks import exclusive\n"
    "with exclusive(Path(sys.argv[1])): print('held', flush=True); sys.stdin.read()"
)
pytestmark = pytest.mark.usefixtures("real_migrations")
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can be two users")


def is_held(path: Path) -> bool:
    """Look as another process would, without this program's code."""
    with path.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def holder(path: Path) -> subprocess.Popen[bytes]:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"held\n"
    return process


def test_whoever_comes_waits_for_a_holder_and_has_the_lock_when_that_one_is_killed(
    tmp_path: Path,
) -> None:
    path = tmp_path / "store.db.migrating"
    first = holder(path)
    had = threading.Event()

    def come() -> None:
        with exclusive(path):
            had.set()

    thread = threading.Thread(target=come)
    thread.start()
    try:
        assert not had.wait(0.3)
        assert is_held(path)
        first.kill()
        first.wait()
        assert had.wait(30)
    finally:
        first.kill()
        first.communicate()
        thread.join()
    assert not is_held(path)
    # It stays: whoever waits for a file that is gone would wait for another one.
    assert path.exists()


def test_of_threads_one_at_a_time_has_it(tmp_path: Path) -> None:
    inside, most = [], []

    def work() -> None:
        for _ in range(5):
            with exclusive(tmp_path / "lock"):
                inside.append(1)
                most.append(len(inside))
                inside.pop()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (max(most), len(most)) == (1, 20)


@pytest.mark.parametrize("umask", [0, 0o077])
def test_it_is_its_owner_s_alone_and_nothing_is_written_to_it(tmp_path: Path, umask: int) -> None:
    old = tmp_path / "old"
    old.write_bytes(b"what an older version left")
    before = os.umask(umask)
    try:
        with exclusive(tmp_path / "new"), exclusive(old):
            assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o600
    finally:
        os.umask(before)
    assert old.read_bytes() == b"what an older version left"
    assert (tmp_path / "new").read_bytes() == b""


def make(path: Path, kind: str) -> None:
    match kind:
        case "link":
            (path.parent / "victim").write_bytes(b"mine")
            path.symlink_to(path.parent / "victim")
        case "pipe":
            os.mkfifo(path)
        case "directory":
            path.mkdir()


@pytest.mark.parametrize("kind", ["link", "pipe", "directory"])
def test_what_is_no_file_of_its_own_is_not_used(tmp_path: Path, kind: str) -> None:
    make(tmp_path / "store.db.migrating", kind)
    with pytest.raises(StoreUnavailable, match="does not answer"):
        Store.open(f"sqlite:///{tmp_path / 'store.db'}")
    assert not (tmp_path / "store.db").exists()
    if kind == "link":
        assert (tmp_path / "victim").read_bytes() == b"mine"


@as_root
def test_a_file_that_another_user_put_there_is_not_used(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """They could hold it for ever, or take it away while it is held."""
    shared = tmp_path_factory.mktemp("shared")
    for parent in (shared, *shared.parents):
        if parent.stat().st_uid == os.geteuid() and not parent.stat().st_mode & 0o001:
            parent.chmod(parent.stat().st_mode | 0o011)
    shared.chmod(0o1777)
    lock = shared / "store.db.migrating"
    subprocess.run(as_user("nobody", ("touch", str(lock))), check=True)
    lock.chmod(0o666)
    with pytest.raises(StoreUnavailable, match="does not answer"):
        Store.open(f"sqlite:///{shared / 'store.db'}")


@pytest.mark.parametrize("code", [errno.ENOSYS, errno.ENOLCK, errno.EIO])
def test_a_file_system_without_locks_is_said_and_no_lock_is_made_up(
    code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A network's file system, of which none can be had here: flock(2) fails as there."""

    def refuse(_file: int, _operation: int) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(fcntl, "flock", refuse)
    with pytest.raises(StoreUnavailable, match=os.strerror(code)):
        Store.open(f"sqlite:///{tmp_path / 'store.db'}")
    assert not (tmp_path / "store.db").exists()


def test_a_directory_that_can_t_be_written_is_said(tmp_path: Path) -> None:
    # There making a file fails as where a directory is missing, and filelock waits for it.
    with pytest.raises(StoreUnavailable, match="does not answer"):
        Store.open("sqlite:////proc/self/store.db")
    if os.geteuid():
        tmp_path.chmod(0o500)
        with pytest.raises(StoreUnavailable, match="does not answer"):
            Store.open(f"sqlite:///{tmp_path / 'store.db'}")
