"""No command lets a name, or what a server says, act on the terminal or hide in it."""

from __future__ import annotations

import csv
import io
import json
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta

import pytest
import typer

from sync_pipeline.cli.terminal import DEFECT, run_app
from sync_pipeline.engines.postgresql.engine import PostgreSql
from sync_pipeline.model.account import AccountState
from sync_pipeline.model.credential import StoredCredential
from sync_pipeline.model.instance import TlsMode, TlsOptions
from sync_pipeline.model.privilege import Grant
from sync_pipeline.model.session import RecordOutcome, RecordStatus, SessionStatus
from sync_pipeline_tests.unit.test_visible import UNSEEN, unseen
from workbench.benches.command import Command
from workbench.benches.store_bench import START, StoreBench, an_instance
from workbench.strategies.simple_access import access_rules, account, table

EVERY = "".join(item for item in UNSEEN if not "\ud800" <= item <= "\udfff" and item != "\0")
ODD = "=[red]x[/red]\x1b[2J\x1b]52;c;eA==\x07\u202e\u2066\x9b1m\r\b\x7f\u2028\u200b\u3164\n│ fake │"


PRINTABLE = "=[red]x[/red] │ fake │"
"""The registry takes no other names."""


def hostile(text: str) -> AccountState:
    return account(
        f"{text} account",
        Grant(table(f"orders {text}"), "SELECT", grantable=True),
        superuser=True,
        roles=[f"role {text}"],
    )


@pytest.fixture(params=[ODD, EVERY], ids=["sequences", "every character"])
def odd(request: pytest.FixtureRequest, command: Command) -> Command:
    """A fleet in which every name, text and message is hostile."""
    text = str(request.param)
    command.patch.setattr(PostgreSql, "access_rules", access_rules, raising=False)
    store = command.store()
    bench = StoreBench(store)
    store.registry.put_credential(StoredCredential("monitor", text, f"env:{text}"), START)
    instance = replace(
        an_instance(PRINTABLE),
        tags=(text.replace(";", ""),),
        environment=PRINTABLE,
        description=f"{PRINTABLE}\n{PRINTABLE}",
        database=PRINTABLE,
        host=PRINTABLE,
    )
    store.registry.put_instances([instance], START)
    (found,) = store.registry.instances()
    bench.apply(found, hostile(text), account(f"role {text}", can_login=False))
    bench.now += timedelta(hours=1)
    bench.apply(found, account(f"{text} account"))
    session = bench.open([found])
    claim = bench.claim(session, found)
    failed = RecordOutcome(
        RecordStatus.FAILED, error_kind="query", error_message=text, details={"warnings": [text]}
    )
    store.sessions.finish(claim, failed, bench.now)
    store.sessions.close_run(
        session.session_id, session.session_id, SessionStatus.FAILED, text, bench.now
    )
    store.close()
    return command


COMMANDS = (
    ("instances", "list"),
    ("instances", "export"),
    ("credentials", "list"),
    ("accounts", "list"),
    ("accounts", "changes"),
    ("accounts", "at", "--time", "0m"),
    ("access", "who-can", "SELECT", "shop"),
    ("findings",),
    ("findings", "rules"),
    ("sessions", "list"),
    ("sessions", "show", "latest"),
    ("sessions", "show", "latest", "--failed"),
    ("capacity", "top"),
    ("maintenance", "list"),
    ("alerts", "list"),
    ("metrics",),
    ("settings",),
)


def clean(command: Command, *arguments: str) -> str:
    """Return what a command says; click would strip some sequences where it sees no terminal."""
    command.patch.setattr("typer._click.utils.should_strip_ansi", lambda *_: False)
    said = command.run(*arguments)
    shown = said.out + said.err
    assert set(unseen(shown)) <= {"\n"}, arguments
    return shown


@pytest.mark.parametrize("arguments", COMMANDS, ids=" ".join)
def test_no_command_lets_a_name_act(odd: Command, arguments: tuple[str, ...]) -> None:
    shown = clean(odd, *arguments)
    if arguments[:2] in (("instances", "list"), ("accounts", "list")):
        assert r"\x" in shown


@pytest.mark.parametrize("output", ["--json", "--csv"])
@pytest.mark.parametrize(
    "arguments",
    [
        ("findings",),
        ("access", "who-can", "SELECT", "shop"),
        ("accounts", "changes"),
        ("accounts", "list"),
        ("credentials", "list"),
        ("instances", "list"),
        ("sessions", "show", "latest"),
    ],
    ids=" ".join,
)
def test_what_scripts_read_is_whole(odd: Command, arguments: tuple[str, ...], output: str) -> None:
    clean(odd, *arguments, output)
    said = odd.run(*arguments, output)
    if output == "--csv":
        for row in csv.reader(io.StringIO(said.out)):
            assert not any(cell.lstrip().startswith(("=", "@")) for cell in row)


def test_names_are_exact_in_json(odd: Command) -> None:
    store = odd.store()
    (instance,) = store.registry.instances()
    store.close()
    shown = clean(odd, "instances", "list", "--json")
    assert [item["tags"] for item in json.loads(shown)] == [list(instance.tags)]


def test_one_row_stays_one_row(odd: Command) -> None:
    """A line end in a name can't make a line that looks like another instance's."""
    shown = clean(odd, "credentials", "list")
    assert sum(line.startswith("│ monitor") for line in shown.split("\n")) == 1
    assert not any(line.startswith("│ fake") for line in shown.split("\n"))


@pytest.mark.parametrize(
    "arguments",
    [
        ("instances", "show", ODD),
        ("instances", ODD),
        ("instances", "add", ODD, "--engine", ODD, "--host", "h", "--credential", "c"),
        ("instances", "add", ODD, "--engine", "mysql", "--host", ODD, "--credential", ODD),
        ("instances", "list", f"--{ODD}"),
        ("instances", "remove", ODD, "--yes"),
        ("instances", "import", f"/{ODD}.yaml"),
        ("instances", "export", f"/nowhere/{ODD}"),
        ("credentials", "add", ODD, "--username", ODD, "--reference", f"no:{ODD}"),
        ("credentials", "remove", ODD),
        ("accounts", "show", ODD, ODD),
        ("accounts", "at", "--time", ODD),
        ("access", "of", ODD, "--instance", ODD),
        ("access", "who-can", ODD, ODD),
        ("sessions", "show", ODD),
        ("capacity", "limit", ODD, ODD),
        ("capacity", "export", "--output", f"/nowhere/{ODD}.csv"),
        ("metrics", "--serve", ODD),
        ("maintenance", "start", "--instance", ODD, "--hours", ODD, "--reason", ODD),
        (ODD,),
        ("instances", "show", "\udcff"),
    ],
    ids=lambda item: " ".join(item)[:20].encode("ascii", "replace").decode(),
)
def test_no_error_lets_an_argument_act(command: Command, arguments: tuple[str, ...]) -> None:
    assert command.run(*arguments).status != 0
    assert clean(command, *arguments)


def test_no_defect_lets_a_text_act(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    app = typer.Typer()

    @app.command()
    def broken() -> None:
        raise RuntimeError(ODD)

    monkeypatch.setattr(sys, "argv", ["broken"])
    assert run_app(app) == DEFECT
    said = capsys.readouterr().err
    assert r"RuntimeError: =[red]x[/red]\x1b[2J" in said
    assert set(unseen(said)) <= {"\n"}


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_script_is_visible_on_a_terminal_and_exact_in_a_file(command: Command) -> None:
    user = "a\x1b[2J\u202e"
    arguments = ("grants", "postgresql", "--user", user)
    assert user in command.ok(*arguments).out
    terminal = _Terminal()
    command.patch.setattr(sys, "stdout", terminal)
    command.run(*arguments)
    assert set(unseen(terminal.getvalue())) == {"\n"}
    assert r"a\x1b[2J\u202e" in terminal.getvalue()


@contextmanager
def rogue(message: bytes) -> Iterator[int]:
    """Serve PostgreSQL's protocol as far as an error, whose text is hostile."""
    fields = b"SFATAL\0C42501\0M" + message + b"\0\0"
    answer = b"E" + (len(fields) + 4).to_bytes(4, "big") + fields
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection:
                    connection.recv(4096)
                    connection.sendall(answer)

        threading.Thread(target=serve, daemon=True).start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)


def test_what_a_server_says_does_not_act(command: Command) -> None:
    command.patch.setenv("WATCHER", "secret")
    with rogue("no\n│ fake │ ready │\n\x1b[2J\x1b]52;c;eA==\x07\u202e\u009b".encode()) as port:
        store = command.store()
        store.registry.put_credential(StoredCredential("monitor", "u", "env:WATCHER"), START)
        plain = replace(an_instance("pg"), port=port, tls=TlsOptions(TlsMode.DISABLE))
        store.registry.put_instances([plain], START)
        store.close()
        shown = clean(command, "instances", "test", "--all")
    assert "pg" in shown
    assert not any(line.startswith("│ fake") for line in shown.split("\n"))
