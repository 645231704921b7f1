"""`sync-pipeline accounts` and `sessions`: what is known, what changed, what was then."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pymysql
import pytest

from sync_pipeline.engines.mysql_protocol.accounts.names import account_name
from sync_pipeline.errors import SyncError
from sync_pipeline.fleet.secrets import SecretVault
from sync_pipeline.model.session import SyncCategory
from sync_pipeline.settings import Settings
from sync_pipeline.workflows.dependencies import SyncDeps
from sync_pipeline.workflows.syncing.accounts import sync_instance_accounts
from sync_pipeline.workflows.syncing.recorded import InstanceWork
from workbench.benches.command import Command
from workbench.benches.store_bench import START, StoreBench
from workbench.servers.running import RunningServer

ODD_USER = "o'dd \"50%_用户"
APP, ODD = account_name("cli_app", "%"), account_name(ODD_USER, "%")
APP_SQL, ODD_SQL = "'cli_app'@'%'", "'o''dd \"50%_用户'@'%'"


@dataclass
class History:
    """An instance whose accounts changed between syncs, an hour apart."""

    command: Command
    server: RunningServer
    sessions: list[str] = field(default_factory=list)
    moments: list[datetime] = field(default_factory=list)

    def sql(self, *statements: str) -> None:
        with (
            pymysql.connect(
                host=self.server.host,
                port=self.server.port,
                user=self.server.admin_user,
                password=self.server.admin_password,
                charset="utf8mb4",
                autocommit=True,
            ) as connection,
            connection.cursor() as cursor,
        ):
            for statement in statements:
                cursor.execute(statement)

    def sync(self) -> None:
        store, settings = self.command.store(), Settings.load()
        now = START + timedelta(hours=len(self.moments))
        deps = SyncDeps(store, SecretVault.open(settings), settings, lambda: now)
        instance = store.registry.instance("maria")
        assert instance is not None
        session_id = StoreBench(store, now).open([instance]).session_id
        self.sessions.append(session_id)
        self.moments.append(now)
        try:
            work = InstanceWork(instance, session_id, session_id, SyncCategory.ACCOUNT)
            sync_instance_accounts(deps, work)
        finally:
            store.close()

    def at(self, moment: datetime, *options: str) -> dict[str, list[str]]:
        """Return our accounts at a moment, with the privileges each had then."""
        said = self.command.ok("accounts", "at", "--time", moment.isoformat(), "--json", *options)
        return {
            item["state"]["name"]: sorted(
                grant["privilege"] for grant in item["state"]["grants"] if grant.get("database")
            )
            for item in said.json
            if item["state"]["name"] in (APP, ODD)
        }


@pytest.fixture
def history(command: Command, mariadb_server: RunningServer) -> Iterator[History]:
    """Three syncs: `cli_app` with SELECT; INSERT and the odd one added; `cli_app` gone."""
    server = mariadb_server
    command.ok(
        "credentials", "add", "admin", "--username", server.admin_user, "--reference", "env:ADMIN"
    )
    command.patch.setenv("ADMIN", server.admin_password)
    command.ok(
        "instances", "add", "maria", "--engine", "mariadb", "--host", server.host,
        "--port", str(server.port), "--credential", "admin", "--tls", "disable",
    )  # fmt: skip
    history = History(command, server)
    history.sql(f"CREATE USER {APP_SQL}", f"GRANT SELECT ON shop.* TO {APP_SQL}")
    history.sync()
    history.sql(
        f"GRANT INSERT ON shop.* TO {APP_SQL}",
        f"CREATE USER {ODD_SQL}",
        f"GRANT DELETE ON shop.* TO {ODD_SQL}",
    )
    history.sync()
    history.sql(f"DROP USER {APP_SQL}", f"REVOKE DELETE ON shop.* FROM {ODD_SQL}")
    history.sync()
    yield history
    history.sql(f"DROP USER IF EXISTS {APP_SQL}, {ODD_SQL}")


def names(said: Any) -> list[str]:
    return [item["state"]["name"] for item in said.json]


def test_the_state_of_any_moment_is_replayed(history: History) -> None:
    first, second, third = history.moments
    almost = timedelta(seconds=1)
    assert history.at(first - almost) == {}
    assert history.at(first) == history.at(second - almost) == {APP: ["SELECT"]}
    assert history.at(second) == history.at(third - almost)
    assert history.at(second) == {APP: ["INSERT", "SELECT"], ODD: ["DELETE"]}
    assert history.at(third) == {ODD: []}
    assert set(history.at(third, "--all")) == {APP, ODD}
    assert history.at(second, "--instance", "other") == {}
    assert history.at(second, "--name", ODD, "--instance", "maria") == {ODD: ["DELETE"]}
    table = history.command.ok("accounts", "at", "--time", second.isoformat()).out
    assert "cli_app" in table
    early = history.command.ok("accounts", "at", "--time", "2000-01-01").out
    assert "No account was known at 2000-01-01" in early


def test_every_change_names_what_was_granted_and_revoked(history: History) -> None:
    def changed(*options: str) -> list[tuple[str, str, str]]:
        found = history.command.ok("accounts", "changes", "--json", *options).json
        return [
            (item["account"], item["change_type"], "; ".join(item["lines"]))
            for item in found
            if item["account"] in (APP, ODD)
        ]

    def kinds(*options: str) -> set[tuple[str, str]]:
        return {(account, kind) for account, kind, _ in changed(*options)}

    assert kinds("--session", history.sessions[0]) == {(APP, "add")}
    second = changed("--session", history.sessions[1][:13])
    assert {item[:2] for item in second} == {(APP, "modify_privilege"), (ODD, "add")}
    (line,) = [text for account, _, text in second if account == APP]
    assert "INSERT" in line
    assert "SELECT" not in line
    third = changed("--session", "latest")
    assert {item[:2] for item in third} == {(APP, "remove"), (ODD, "modify_privilege")}
    (line,) = [text for account, _, text in third if account == ODD]
    assert "DELETE" in line
    assert "revoked" in line.lower()
    assert kinds("--account", APP) == {(APP, "add"), (APP, "modify_privilege"), (APP, "remove")}
    assert kinds("--type", "remove") == {(APP, "remove")}
    since = history.moments[1].isoformat()
    assert kinds("--since", since, "--until", since) == {item[:2] for item in second}
    assert len(changed("--limit", "1", "--account", ODD)) == 1
    assert changed("--instance", "other") == []
    assert "Nothing changed" in history.command.ok("accounts", "changes", "--account", "x").out
    table = history.command.ok("accounts", "changes", "--account", APP).out
    assert table.index("remove") < table.index("modify_privilege") < table.index("add")


def test_accounts_are_listed_and_shown(history: History) -> None:
    run = history.command.ok
    assert names(run("accounts", "list", "--json", "--name", "'cli\\_%")) == []
    assert names(run("accounts", "list", "--json", "--name", "%cli\\_%", "--all")) == [APP]
    assert ODD in names(run("accounts", "list", "--json", "--engine", "mariadb"))
    assert names(run("accounts", "list", "--json", "--engine", "postgresql")) == []
    assert ODD not in names(run("accounts", "list", "--json", "--superusers"))
    assert names(run("accounts", "list", "--json", "--locked", "--instance", "maria")) != [ODD]
    assert len(names(run("accounts", "list", "--json", "--all", "--limit", "1"))) == 1
    assert "用户" in run("accounts", "list").out
    assert "No account matches" in run("accounts", "list", "--instance", "other").out
    shown = run("accounts", "show", "maria", APP, "--json").json
    assert shown["is_active"] is False
    assert shown["session_id"] == history.sessions[1]
    assert shown["first_seen_at"] == history.moments[0].isoformat()
    text = run("accounts", "show", "maria", ODD).out
    assert "on maria (mariadb)" in text
    assert "can log in" in text


def test_sessions_are_listed_and_shown(history: History, mariadb_server: RunningServer) -> None:
    run, sessions = history.command.ok, history.sessions
    listed = run("sessions", "list", "--json").json
    assert [item["session_id"] for item in listed] == sessions[::-1]
    assert listed[0]["started_at"] == history.moments[2].isoformat()
    assert run("sessions", "list", "--json", "--limit", "1").json == listed[:1]
    assert run("sessions", "list", "--json", "--status", "failed").json == []
    assert run("sessions", "list", "--json", "--instance", "maria").json == listed
    assert "There is no session yet" in run("sessions", "list", "--instance", "other").out
    assert sessions[0] in run("sessions", "list").out
    shown = run("sessions", "show", "latest", "--json").json
    assert shown["session"] == listed[0]
    assert shown == run("sessions", "show", sessions[2][:20], "--json").json
    (record,) = shown["records"]
    counters = record["counters"]
    assert (record["status"], counters["items_updated"], counters["items_deleted"]) == (
        "completed",
        1,
        1,
    )
    assert "is completed: 1 of 1 completed" in run("sessions", "show", "latest").out
    assert "first sync" not in run("sessions", "show", "latest").out
    assert "first sync" in run("sessions", "show", sessions[0]).out
    history.command.ok("instances", "edit", "maria", "--credential", "admin", "--port", "1")
    with pytest.raises(SyncError):
        history.sync()
    failed = run("sessions", "show", "latest").out
    assert "is failed" in failed
    assert "refused" in failed


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("accounts", "at", "--time", "yesterday"), "'yesterday' is not a time"),
        (("accounts", "changes", "--since", "31.12.2026"), "'31.12.2026' is not a time"),
        (("accounts", "changes", "--since", "2999-01-01"), "has not come yet"),
        (("accounts", "list", "--since", "2999-01-01"), "has not come yet"),
        (("accounts", "list", "--not-seen-since", "2999-01-01"), "has not come yet"),
        (("accounts", "tenure", "--role", "a", "--since", "2999-01-01"), "has not come yet"),
        (("accounts", "tenure", "--role", "a", "--until", "2999-01-01"), "has not come yet"),
        (("accounts", "at", "--time", "2999-01-01"), "has not come yet"),
        (("accounts", "changes", "--until", "2999-01-01"), "has not come yet"),
        (("accounts", "list", "--until", "2999-01-01"), "has not come yet"),
        (("alerts", "replay", "--since", "2999-01-01"), "has not come yet"),
        (("alerts", "replay", "--since", "1d", "--until", "2999-01-01"), "has not come yet"),
        (("findings", "history", "--since", "2d", "--until", "2999-01-01"), "has not come yet"),
        (("access", "who-can", "SELECT", "table:a.b", "--at", "2999-01-01"), "has not come yet"),
        (("findings", "--since", "2999-01-01"), "has not come yet"),
        (("findings", "history", "--since", "2999-01-01"), "has not come yet"),
        (("findings", "history", "--since", "2d", "--until", "3d"), "--until is not after"),
        (("report", "--since", "2999-01-01"), "has not come yet"),
        (("accounts", "changes", "--session", "none"), "'none'"),
        (("accounts", "changes", "--type", "gone"), "gone"),
        (("accounts", "show", "maria", "nobody"), "no known account 'nobody'"),
        (("accounts", "list", "--limit", "0"), "limit"),
        (("sessions", "show", "none"), "'none'"),
        (("sessions", "show", "latest"), "'latest'"),
        (("sessions", "list", "--status", "odd"), "odd"),
    ],
)
def test_bad_input_is_one_sentence(
    command: Command, arguments: tuple[str, ...], message: str
) -> None:
    assert message in command.wrong(*arguments)
