"""Names of instances at the press of Tab, by the shells' own protocols: no error, never late."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import pytest

from sync_pipeline.store.names import read_names
from sync_pipeline.store.store import Store
from workbench.benches.store_bench import START, StoreBench
from workbench.servers.running import free_port

NAMES = ("billing", "billing-2", "shop", "a b", "$(id)", "a;b", "`x`", "-x", "öl")
SAFE = ("billing", "billing-2", "shop", "öl")
PROGRAM = "from sync_pipeline.cli.main import main; main()"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    store = Store.open(f"sqlite:///{home / 'sync_pipeline.db'}")
    StoreBench(store).fleet(*NAMES, "gone")
    store.registry.delete_instance("gone", START)
    store.close()
    return home


def completed(home: Path, *words: str, shell: str = "bash", **more: str) -> list[str]:
    """Return what the program answers a shell: the last word is the one that is typed."""
    line = " ".join(("sync-pipeline", *words))
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env={
            **os.environ,
            "SYNC_PIPELINE_HOME": str(home),
            "_SYNC_PIPELINE_COMPLETE": f"complete_{shell}",
            "COMP_WORDS": line,
            "COMP_CWORD": str(len(words)),
            "_TYPER_COMPLETE_ARGS": line,
            "_TYPER_COMPLETE_FISH_ACTION": "get-args",
            **more,
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, ""), done
    return done.stdout.split()


@pytest.mark.parametrize(
    "words",
    [
        ("instances", "show"),
        ("instances", "test"),
        ("instances", "edit", "--instance"),
        ("accounts", "list", "--instance"),
        ("accounts", "show", "someone", "--instance"),
        ("access", "of", "someone", "--instance"),
        ("access", "diff", "a", "b", "--other-instance"),
        ("findings", "--instance"),
        ("capacity", "show"),
        ("run", "account-sync", "--instance"),
    ],
    ids=" ".join,
)
def test_every_command_completes_the_names(home: Path, words: tuple[str, ...]) -> None:
    assert completed(home, *words, "bill") == ["billing", "billing-2"]


@pytest.mark.parametrize("shell", ["bash", "fish"])
def test_names_that_a_shell_would_read_are_left_out(home: Path, shell: str) -> None:
    assert completed(home, "instances", "show", "", shell=shell) == list(SAFE)


def test_commands_and_options_are_completed(home: Path) -> None:
    assert completed(home, "acc") == ["accounts", "access"]
    assert completed(home, "accounts", "ch") == ["changes"]
    assert completed(home, "accounts", "list", "--env") == ["--environment"]


@contextmanager
def locked(home: Path) -> Iterator[None]:
    with closing(sqlite3.connect(home / "sync_pipeline.db", isolation_level=None)) as other:
        other.execute("PRAGMA locking_mode=EXCLUSIVE")
        other.execute("PRAGMA journal_mode=DELETE")
        other.execute("BEGIN EXCLUSIVE")
        yield


def test_a_store_that_is_locked_has_no_names_and_soon(home: Path) -> None:
    with locked(home):
        began = time.monotonic()
        with pytest.raises(sqlite3.OperationalError):
            read_names(f"sqlite:///{home / 'sync_pipeline.db'}", "", 10)
        assert completed(home, "instances", "show", "") == []
        assert time.monotonic() - began < 30  # the store itself waits for a minute


def test_a_store_that_is_missing_is_not_made(tmp_path: Path) -> None:
    home = tmp_path / "none"
    assert completed(home, "instances", "show", "") == []
    assert not home.exists()


def test_a_store_that_is_none_and_one_that_is_away(home: Path) -> None:
    (home / "sync_pipeline.db").write_bytes(b"no database at all" * 100)
    assert completed(home, "instances", "show", "") == []
    away = f"postgresql+psycopg://u:p@127.0.0.1:{free_port()}/x"
    assert completed(home, "instances", "show", "", SYNC_PIPELINE_STORE_URL=away) == []
    assert completed(home, "instances", "show", "", SYNC_PIPELINE_RETRY_LIMIT="x") == []


def test_both_stores_say_the_same_names(store: Store, store_url: str) -> None:
    StoreBench(store).fleet("Bill", "bill_1", "bill%2", "other", "gone")
    store.registry.delete_instance("gone", START)
    assert read_names(store_url, "bill", 10) == ["bill%2", "bill_1"]
    assert read_names(store_url, "", 2) == sorted(read_names(store_url, "", 10))[:2]


# Completes, and writes what it is called with where it is run.
SPY = """
import os, sys
from pathlib import Path
if "_SYNC_PIPELINE_COMPLETE" in os.environ:
    from sync_pipeline.cli.main import main
    main()
Path(os.environ["CALLED"]).open("a").write(" ".join(sys.argv[1:]) + "\\n")
"""


def test_zsh_itself_completes_at_the_press_of_tab(home: Path) -> None:
    """A real zsh at a terminal: the four names that are safe are inserted, and no other."""
    if shutil.which("zsh") is None:
        pytest.fail("zsh is not installed: apt-get install zsh")
    bin_, called = home.parent / "bin", home.parent / "called"
    bin_.mkdir()
    (bin_ / "sync-pipeline").write_text(f"#!{sys.executable}\n{SPY}")
    (bin_ / "sync-pipeline").chmod(0o755)
    (home.parent / ".zshrc").write_text(
        "autoload -Uz compinit; compinit -u -D\n"
        'eval "$(_SYNC_PIPELINE_COMPLETE=source_zsh sync-pipeline)"\n'
        "setopt menu_complete\n"
    )
    keys = (
        "sync-pipeline capacity show sho\t\r"
        "sync-pipeline accounts list --instance billing-\t\r"
        # One more than there are of these names: it is the first one again.
        "sync-pipeline capacity show \t\t\t\t\t\r"
        "exit\r"
    )
    terminal, shells_end = os.openpty()
    zsh = subprocess.Popen(
        ["zsh", "--no-globalrcs", "-i"],
        env={
            **os.environ,
            "PATH": f"{bin_}:{os.environ['PATH']}",
            "ZDOTDIR": str(home.parent),
            "SYNC_PIPELINE_HOME": str(home),
            "CALLED": str(called),
            "TERM": "dumb",
            "LC_ALL": "C.UTF-8",
        },
        stdin=shells_end,
        stdout=shells_end,
        stderr=shells_end,
        start_new_session=True,
    )
    os.close(shells_end)
    with os.fdopen(terminal, "r+b", buffering=0) as keyboard, zsh:
        keyboard.write(keys.encode())
        shown = b""
        with suppress(OSError):  # the terminal is gone with the shell
            while part := keyboard.read(4096):
                shown += part
        zsh.wait(60)
    assert called.read_text().splitlines() == [
        "capacity show shop",
        "accounts list --instance billing-2",
        "capacity show billing",
    ], shown


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
def test_bash_itself_completes_by_the_script_that_is_installed(home: Path) -> None:
    """`--install-completion` writes this script: bash runs its function as at the press of Tab."""
    program = home.parent / "bin" / "sync-pipeline"
    program.parent.mkdir()
    program.write_text(f"#!{sys.executable}\n{PROGRAM}\n")
    program.chmod(0o755)
    script = """
        eval "$(_SYNC_PIPELINE_COMPLETE=source_bash sync-pipeline)"
        COMP_WORDS=(sync-pipeline capacity show b); COMP_CWORD=3
        _sync_pipeline_completion sync-pipeline; printf '%s\n' "${COMPREPLY[@]}"
    """
    path = f"{program.parent}:{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "--norc", "-c", script],
        env={**os.environ, "PATH": path, "SYNC_PIPELINE_HOME": str(home)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.stdout.split(), done.stderr) == (["billing", "billing-2"], "")
