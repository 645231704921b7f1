"""What the pages and the API show: the numbers of the commands, as data, in few statements."""

from __future__ import annotations

import csv
import io
import json
import random
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from html import unescape
from html.parser import HTMLParser
from importlib.resources import files
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import event

from sync_pipeline.catalogs import LANGUAGES, catalog_of
from sync_pipeline.model.account import AccountKind, AccountState
from sync_pipeline.model.causes import ITSELF, causes_of
from sync_pipeline.model.finding import Finding, Severity
from sync_pipeline.model.instance import EngineName
from sync_pipeline.model.page import Place, page_of_list
from sync_pipeline.model.privilege import Grant, Securable, SecurableKind
from sync_pipeline.model.server_fact import ServerFact
from sync_pipeline.report.csv_cells import harmless
from sync_pipeline.settings import Settings, project_root
from sync_pipeline.store.server_facts import write_facts
from sync_pipeline.store.store import Store
from sync_pipeline.visible import visible
from sync_pipeline.web.asked import Asked, decoded, encoded
from sync_pipeline.web.pages import Look, view_page
from sync_pipeline.web.resource import Resource
from sync_pipeline.web.resources.causes import _who
from sync_pipeline.web.resources.every import RESOURCES
from sync_pipeline.web.resources.findings import finding_row
from sync_pipeline.web.serve import reading
from sync_pipeline.web.texts import PACKAGE, Texts, texts_of
from sync_pipeline.web.views import Column, Kind, Layout, Link, View
from sync_pipeline.workflows.console import looking
from workbench.benches.command import Command, command_at
from workbench.benches.store_bench import StoreBench
from workbench.fleet.teams import HOSTILE, NOW, Team, fill
from workbench.running.asked_pages import Pages, pages_of_home
from workbench.servers.statements import forgetting
from workbench.strategies.reviewed_worlds import reviewed_snapshot

TEAMS = Team("blue", 4, HOSTILE), Team("ruby", 2)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("pages")
    directory.chmod(0o700)
    store = Store.open(f"sqlite:///{directory}/sync_pipeline.db")
    fill(store, TEAMS, 7, sessions=2)
    store.close()
    return directory


@pytest.fixture(scope="module")
def pages(home: Path) -> Iterator[Pages]:
    with pages_of_home(home, NOW) as made:
        yield made


@pytest.fixture
def told(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Command]:
    """The command on the same home, at the same moment."""
    with command_at(home, NOW, monkeypatch, capsys) as made:
        yield made


def everything(pages: Pages, path: str, **query: Any) -> list[dict[str, Any]]:
    """Return the rows of all pages of an answer."""
    found: list[dict[str, Any]] = []
    after = ""
    while True:
        page = pages.get(path, {**query, "limit": 3, **({"after": after} if after else {})}).json
        found += page["items"]
        after = page["next"]
        if not after:
            return found


def test_instances_are_those_of_the_command(pages: Pages, told: Command) -> None:
    shown = everything(pages, "/api/v1/instances")
    listed = told.ok("instances", "list", "--json").json
    assert [item["instance"] for item in shown] == [item["name"] for item in listed]
    # Those of the filter: whoever was not reached by the last syncs, tried less often or not yet.
    failing = {item["instance"] for item in everything(pages, "/api/v1/instances", state="failing")}
    assert failing >= {item["name"] for item in listed if item["not_reached"]}
    for one, other in zip(shown, listed, strict=True):
        assert one["address"] == f"{other['host']}:{other['port']}"
        assert one["tags"] == sorted(other["tags"])
        assert one["reached"] == other["last_connected_at"]
        assert bool(one["on_hold"]) == bool(other["maintenance"] or other["not_reached"])
        state = (
            "inactive" if not other["active"]
            else "maintenance" if other["maintenance"]
            else "failing" if other["name"] in failing
            else "well" if other["last_connected_at"] else "never-reached"
        )  # fmt: skip
        assert one["state"] == state
    for engine in EngineName:
        own = everything(pages, "/api/v1/instances", engine=engine)
        known = [item["name"] for item in listed if item["engine"] == engine]
        assert [item["instance"] for item in own] == known
    held = everything(pages, "/api/v1/instances", state="maintenance")
    assert [item["instance"] for item in held] == [
        item["name"] for item in listed if item["maintenance"]
    ]


def test_an_instance_has_the_numbers_of_the_commands(pages: Pages, told: Command) -> None:
    known = [
        row
        for one in told.ok("sessions", "list", "--json").json
        for row in told.ok("sessions", "show", one["session_id"], "--json").json["records"]
    ]
    for item in everything(pages, "/api/v1/instances"):
        name = item["instance"]
        page = pages.get("/api/v1/instance", {"name": name, "limit": 500}).json
        facts, tables = page["facts"], page["tables"]
        accounts = told.ok("accounts", "list", "--instance", name, "--all", "--json").json
        active = sum(one["is_active"] for one in accounts)
        assert (facts["accounts"], facts["gone_accounts"]) == (active, len(accounts) - active)
        causes = told.ok("findings", "--instance", name, "--json").json["causes"]
        counts = [f"{number} {severity}" for severity, number in causes.items() if number]
        assert facts["findings"] == (", ".join(counts) or "0")
        shown = told.ok("instances", "show", name, "--json").json
        assert len(tables["server"]["items"]) == len(shown["server"])
        assert facts["reached"] == shown["last_connected_at"]
        origin = shown["origin"] or {"cloud": None, "vanished_at": None}
        assert facts["listed"] == origin["cloud"]
        assert facts["gone_from_list"] == origin["vanished_at"]
        records = [
            (row["session_id"], row["status"]) for row in known if row["instance_name"] == name
        ]
        last = [(row["session"], row["status"]) for row in tables["last_records"]["items"]]
        assert last == records[:10]


def test_accounts_are_those_of_the_command(pages: Pages, told: Command) -> None:
    shown = everything(pages, "/api/v1/accounts", gone="yes")
    listed = told.ok("accounts", "list", "--all", "--json").json
    key = Counter((item["instance"], item["account"]) for item in shown)
    assert key == Counter((item["instance"], item["state"]["name"]) for item in listed)
    assert max(key.values()) == 1
    counts = Counter(item["instance"] for item in listed if item["is_active"])
    for item in everything(pages, "/api/v1/instances"):
        assert item["accounts"] == counts[item["instance"]]
    superusers = {
        (item["instance"], item["account"])
        for item in everything(pages, "/api/v1/accounts", superusers="yes")
    }
    assert superusers == {
        (item["instance"], item["state"]["name"])
        for item in told.ok("accounts", "list", "--superusers", "--json").json
    }
    # By code points, which is the order of the index.
    names = [item["account"] for item in shown]
    assert names == sorted(names)


OWN_OF = {
    EngineName.POSTGRESQL: "pg_monitor",
    EngineName.MYSQL: "'mysql.sys'@'localhost'",
    EngineName.MARIADB: "'mariadb.sys'@'localhost'",
    EngineName.ORACLE: "XDB",
    EngineName.SQLSERVER: "sysadmin",
}


def test_what_the_engines_made_is_left_out_as_the_command_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    store = Store.open(f"sqlite:///{tmp_path}/sync_pipeline.db")
    bench = StoreBench(store, NOW)
    bench.fleet(*OWN_OF)
    known = [replace(item, engine=EngineName(item.name)) for item in store.registry.instances()]
    store.registry.put_instances(known, NOW)
    session = bench.open(store.registry.instances())
    for item in store.registry.instances():
        states = [
            AccountState(
                name,
                AccountKind.USER,
                can_login=not is_own,
                is_superuser=not is_own,
                grants=(Grant(Securable(SecurableKind.DATABASE, "shop"), "CONNECT"),),
                attributes=(("is_oracle_maintained", is_own),),
            )
            for is_own in (True, False)
            for name in ((OWN_OF[item.engine],) if is_own else ("ann", "zoe"))
        ]
        read = reviewed_snapshot(random.Random(1), item.engine, NOW)
        snapshot = replace(read, accounts=tuple(states))
        bench.apply_snapshot(bench.claim(session, item), item, snapshot)
    store.close()
    told = Command(tmp_path, monkeypatch, capsys)
    with reading(Settings(home=tmp_path), lambda: NOW) as deps:
        pages = Pages(deps)
        for options, query in (((), {}), (("--with-system",), {"system": "yes"})):
            listed = told.ok("accounts", "list", *options, "--json").json
            shown = everything(pages, "/api/v1/accounts", **query)
            pairs = [(item["account"], item["instance"]) for item in shown]
            assert sorted(pairs) == sorted(
                (item["state"]["name"], item["instance"]) for item in listed
            )
            assert len(pairs) == 10 + 5 * bool(query)
            assert [name for name, _ in pairs] == sorted(name for name, _ in pairs)
        # Superusers are one row, which leads to a row for each.
        query = {"privilege": "CONNECT", "object": "database:shop", "instance": "postgresql"}
        (row,) = pages.get("/api/v1/who-can", query).json["items"]
        assert (row["account"], row["holders"]) == ("2 superusers: ann, zoe", 2)
        assert row["account"] in told.ok(
            *("access", "who-can", "CONNECT", "database:shop", "--instance", "postgresql")
        ).out.replace("\n", " ")
        text = pages.get("/who-can", query).text
        (link,) = re.findall(r'href="(/who-can[?][^"]*all-holders=yes[^"]*)"', text)
        path, _, wanted = unescape(link).partition("?")
        each = pages.get(f"/api/v1{path}", wanted).json["items"]
        assert [(item["account"], item["told_with"]) for item in each] == [
            ("ann", "superusers"),
            ("zoe", "superusers"),
        ]
        pages.close()
    told.close()


@pytest.mark.parametrize(
    ("match", "text"),
    [
        ("begins", "blue"),
        ("contains", "_"),
        ("exact", "shared"),
        ("begins", "%"),
        ("contains", "<"),
    ],
)
def test_accounts_are_found_by_name(pages: Pages, match: str, text: str) -> None:
    names = {item["account"] for item in everything(pages, "/api/v1/accounts", gone="yes")}
    wanted = {
        "begins": lambda name: name.startswith(text),
        "contains": lambda name: text in name,
        "exact": lambda name: name == text,
    }[match]
    found = everything(pages, "/api/v1/accounts", gone="yes", name=text, match=match)
    assert {item["account"] for item in found} == set(filter(wanted, names))


def test_findings_are_those_of_the_command(pages: Pages, told: Command) -> None:
    listed = told.ok("findings", "--json").json
    shown = everything(pages, "/api/v1/findings")
    keys = (
        *("severity", "instance", "account", "rule", "evidence", "fix", "left"),
        *("breaks", "undo", "cause", "implied"),
    )
    assert [[item[key] or "" for key in keys] for item in shown] == [
        [item[key] for key in keys] for item in listed["findings"]
    ]
    assert [item["since"] for item in shown] == [
        item["first_seen_at"] for item in listed["findings"]
    ]
    page = pages.get("/api/v1/findings").json
    assert page["notes"] == listed["notes"]
    assert page["total"] == len(shown) == sum(listed["counts"].values())
    severe = told.ok("findings", "--severity", "high", "--json").json["findings"]
    assert len(everything(pages, "/api/v1/findings", severity="high")) == len(severe)
    refused = pages.get("/api/v1/findings", {"new_since": "2999-01-01"})
    assert (refused.status, "has not come yet" in refused.text) == (400, True)


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("changes", {"since": ""}),
        ("changes", {"until": ""}),
        ("accounts", {"at": ""}),
        ("accounts", {"changed-since": ""}),
        ("accounts", {"changed-until": ""}),
        ("findings", {"new_since": ""}),
        ("who-can", {"privilege": "SELECT", "object": "database:shop", "at": ""}),
        ("account", {"instance": "one", "name": "ann", "at": ""}),
        ("compare", {"instance": "one", "name": "ann", "other-name": "bob", "other-at": ""}),
        ("tenure", {"instance": "one", "name": "ann", "since": ""}),
        ("tenure", {"instance": "one", "name": "ann", "until": ""}),
    ],
)
def test_a_moment_that_has_not_come_is_refused_everywhere(
    pages: Pages, path: str, query: dict[str, str]
) -> None:
    given = {name: value or "2999-01-01" for name, value in query.items()}
    for page in (f"/api/v1/{path}", f"/{path}"):
        found = pages.get(page, given)
        assert (found.status, "has not come yet" in found.text) == (400, True)


@pytest.mark.parametrize("by", ["rule", "instance", "tag", "account"])
def test_causes_are_those_of_the_command(pages: Pages, told: Command, by: str) -> None:
    listed = told.ok("findings", "--json").json
    page = pages.get("/api/v1/causes", {"by": by, "limit": 500}).json
    facts, tables = page["facts"], page["tables"]
    assert {key: facts[key] for key in listed["causes"]} == listed["causes"]
    assert facts["causes"] == sum(listed["causes"].values())
    assert (facts["findings"], facts["accepted"]) == (
        len(listed["findings"]),
        len(listed["accepted"]),
    )
    table = told.ok("findings", "--by", by, "--all").out
    told_counts = (
        f"These are {facts['causes']} causes of {facts['findings']} findings, of "
        f"{facts['accounts']} accounts on {facts['instances']} instances."
    )
    assert told_counts in " ".join(table.split())
    rows = tables["causes"]["items"]
    assert tables["causes"]["total"] == len(rows)
    groups = tables["groups"]["items"]
    assert sum(item["causes"] for item in groups) >= len(rows)
    assert list(dict.fromkeys(item["group"] for item in rows))[: len(groups)] == [
        item["group"] for item in groups
    ]
    fixes = {line.strip() for line in table.splitlines()}
    for item in rows:
        assert all(visible(line) in fixes for line in item["fix"].split("\n") if line), item
    paged: list[Any] = []
    after = ""
    while True:
        query = {"by": by, "limit": 7, **({"after": after} if after else {})}
        found = pages.get("/api/v1/causes", query).json["tables"]["causes"]
        paged += found["items"]
        after = found["next"]
        if not after:
            break
    assert paged == rows
    severe = pages.get("/api/v1/causes", {"by": by, "severity": "high"}).json["facts"]
    assert severe["causes"] == listed["causes"]["critical"] + listed["causes"]["high"]


def test_what_is_found_of_the_server_itself_is_of_no_account() -> None:
    """It leads to the instance, and not to the page of an account without a name."""
    item = Finding("db", EngineName.MYSQL, "", "no-tls", Severity.HIGH, "No TLS.")
    assert finding_row(item)[3] is None
    (cause,) = causes_of([item])
    assert _who(cause) == Link(ITSELF, "/instance", {"name": "db"})


def test_an_instance_shows_what_its_server_is_set_to(tmp_path: Path) -> None:
    store = Store.open(f"sqlite:///{tmp_path}/sync_pipeline.db")
    fill(store, [Team("blue", 1)], 7, sessions=1)
    (known,) = store.registry.instances()
    facts = [ServerFact(f"setting_{number:02}", "", "", "<on>") for number in range(5)]
    with store._database.write() as connection:
        write_facts(connection, known.id, facts, NOW)
    store.close()
    with reading(Settings(home=tmp_path), lambda: NOW) as deps:
        pages = Pages(deps)
        query = {"name": known.name, "limit": 3}
        first = pages.get("/api/v1/instance", query).json["tables"]["server"]
        rest = pages.get("/api/v1/instance", {**query, "after": first["next"]}).json
        shown = [*first["items"], *rest["tables"]["server"]["items"]]
        assert [(item["setting"], item["value"]) for item in shown] == [
            (item.name, item.value) for item in facts
        ]
        assert "next" in pages.get("/instance", query).text
        pages.close()


def test_of_an_instance_that_was_never_read_nothing_is_claimed(tmp_path: Path) -> None:
    store = Store.open(f"sqlite:///{tmp_path}/sync_pipeline.db")
    bench = StoreBench(store, NOW)
    bench.fleet("new")
    store.close()
    with reading(Settings(home=tmp_path), lambda: NOW) as deps:
        pages = Pages(deps)
        page = pages.get("/instance", {"name": "new"}).text
        assert "new was never synced: nothing is known of it." in page
        assert "Every section was read" not in page
        pages.close()


def test_what_can_not_be_asked_is_said_in_the_words_of_the_command(
    pages: Pages, told: Command
) -> None:
    said = told.wrong("access", "who-can", "SELECT", "nonsense:x")
    answer = pages.get("/api/v1/who-can", {"privilege": "SELECT", "object": "nonsense:x"})
    assert answer.status == 400
    assert answer.json["detail"].split(".")[0] in said
    assert answer.json["detail"].split(".")[0] in pages.get(
        "/who-can", {"privilege": "SELECT", "object": "nonsense:x"}
    ).text.replace("&#39;", "'")


@pytest.mark.parametrize("on", ["database:shop", "table:shop.orders", "table:hr.emp"])
def test_holders_are_those_of_the_command(pages: Pages, told: Command, on: str) -> None:
    listed = told.ok("access", "who-can", "SELECT", on, "--json").json
    query = {"privilege": "SELECT", "object": on}
    shown = everything(pages, "/api/v1/who-can", **query, **{"all-holders": "yes"})
    keys = {
        "instance": "instance", "account": "account", "everyone": "stands_for_all",
        "told_with": "told_with", "exists": "exists",
    }  # fmt: skip
    assert [[item[key] for key in keys] for item in shown] == [
        [item[key] for key in keys.values()] for item in listed["holders"]
    ]
    for one, other in zip(shown, listed["holders"], strict=True):
        held = other["held"][0] if other["held"] else None
        assert one["can"] == (held["availability"] if held else other["verdict"])
        assert one["grantable"] == bool(held and held["grantable"])
    system = everything(
        pages, "/api/v1/who-can", **query, **{"all-holders": "yes", "system": "yes"}
    )
    with_system = told.ok("access", "who-can", "SELECT", on, "--with-system", "--json").json
    assert len(system) == len(with_system["holders"])
    assert len({item["can"] for item in system}) > (on != "table:shop.orders")


@pytest.mark.parametrize("on", ["database:shop", "table:hr.emp", "table:nowhere.t", "server:"])
@pytest.mark.parametrize("is_alone", [False, True])
def test_holders_are_folded_and_counted_as_the_table_of_the_command(
    pages: Pages, told: Command, on: str, *, is_alone: bool
) -> None:
    """Superusers and everyone in a line each, lines where it is, and notes on where it is not."""
    chosen = {"instance": pages.get("/api/v1/instances").json["items"][2]["instance"]}
    query = {"privilege": "SELECT", "object": on, **(chosen if is_alone else {})}
    option = ["--instance", chosen["instance"]] if is_alone else []
    said = told.run("access", "who-can", "SELECT", on, *option)
    if said.status:
        assert pages.get("/api/v1/who-can", query).status == 400
        return
    table = said.out
    page = pages.get("/api/v1/who-can", {**query, "limit": 500}).json
    assert everything(pages, "/api/v1/who-can", **query) == page["items"]
    one_line = " ".join(table.split())
    for note in page["notes"]:
        same = note.replace("Name the instance, or ask for all holders, to see them.", "")
        assert " ".join(visible(same).split()) in one_line, (same, table)
    if not is_alone:
        each = everything(pages, "/api/v1/who-can", **query, **{"all-holders": "yes"})
        found = sum(item["exists"] == "yes" for item in each)
        assert not found or sum(item["holders"] for item in page["items"]) == found
    for item in page["items"]:
        assert item["holders"] == 1 or item["told_with"]
        assert (
            (item["exists"] == "yes")
            or is_alone
            or not any(one["exists"] == "yes" for one in page["items"])
        )


def test_holders_are_the_same_where_a_page_looks_through_few_instances(
    pages: Pages, monkeypatch: pytest.MonkeyPatch
) -> None:
    query = {"privilege": "SELECT", "object": "table:shop.orders", "all-holders": "yes"}
    whole = everything(pages, "/api/v1/who-can", **query)
    for most, at_once in ((1, 64), (2, 64), (2, 1), (500, 1), (500, 2)):
        monkeypatch.setattr(looking, "MOST_LOOKED_THROUGH", most)
        # However few of them are read at a time.
        monkeypatch.setattr(looking, "AT_ONCE", at_once)
        assert everything(pages, "/api/v1/who-can", **query) == whole
    assert len({item["instance"] for item in whole}) > 1
    monkeypatch.undo()
    # So it is where looking takes too long.
    monkeypatch.setattr(looking, "LEAST_LOOKED_THROUGH", 1)
    monkeypatch.setattr(looking, "SECONDS_OF_LOOKING", 0.0)
    assert everything(pages, "/api/v1/who-can", **query) == whole


def test_sessions_and_their_records_are_those_of_the_command(pages: Pages, told: Command) -> None:
    listed = told.ok("sessions", "list", "--json").json
    shown = [item for item in everything(pages, "/api/v1/sessions") if not item["from"]]
    keys = {"session": "session_id", "done": "successful", "total": "total", "failed": "failed"}
    assert [[item[key] for key in keys] for item in shown] == [
        [item[key] for key in keys.values()] for item in listed
    ]
    for item in shown:
        whole = told.ok("sessions", "show", item["session"], "--json").json
        page = pages.get("/api/v1/session", {"id": item["session"], "limit": 500}).json
        records = page["tables"]["records"]["items"]
        assert [(row["instance"], row["status"], row["synced"]) for row in records] == [
            (row["instance_name"], row["status"], row["counters"]["items_synced"])
            for row in whole["records"]
        ]
        kinds = {
            (row["status"], row["error_kind"]): row["count"]
            for row in page["tables"]["kinds"]["items"]
        }
        assert kinds == Counter((row["status"], row["error_kind"]) for row in whole["records"])


def test_an_account_can_do_what_the_command_says(pages: Pages, told: Command) -> None:
    accounts = everything(pages, "/api/v1/accounts")
    for item in accounts[::13]:
        if "\x00" in item["account"] or len(item["account"]) > 255:
            continue
        name, instance = item["account"], item["instance"]
        said = told.run("access", "of", "--instance", instance, "--json", "--", name).json
        page = pages.get("/api/v1/account", {"instance": instance, "name": name, "limit": 500}).json
        shown = page["tables"]["privileges"]
        assert shown["total"] == len(said["privileges"])
        assert [(row["privilege"], row["given_by"]) for row in shown["items"]] == [
            (row["privilege"], row["source"]) for row in said["privileges"]
        ]
        assert [row["power"] for row in page["tables"]["powers"]["items"]] == [
            row["kind"] for row in said["powers"]
        ]
        assert page["notes"][: len(said["not_known"])] == said["not_known"]


def test_csv_and_json_are_what_the_page_shows(pages: Pages) -> None:
    for path in ("instances", "accounts", "findings", "sessions"):
        query = {"limit": 4}
        items = pages.get(f"/api/v1/{path}", query).json["items"]
        text = pages.get(f"/api/v1/{path}", {**query, "format": "csv"}).text
        header, *rows = csv.reader(io.StringIO(text))
        assert header == list(items[0])
        assert len(rows) == len(items) > 1
        shown = cells(pages.get(f"/{path}", query).text)
        assert len(shown) == len(items)
        assert not [cell for row in rows for cell in row if cell.startswith("=")]
        for row, item in zip(rows, items, strict=True):
            first = str(next(iter(item.values())))
            assert row[0] == harmless(first, visible(first))


class _Cells(HTMLParser):
    """Collects the rows of the body of a table."""

    def __init__(self) -> None:
        super().__init__()
        self.rows = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.rows += tag == "tr"


def cells(text: str) -> range:
    found = _Cells()
    found.feed(text.partition("<tbody>")[2].partition("</tbody>")[0])
    return range(found.rows)


class _Tags(HTMLParser):
    """Collects what a page is made of, without its texts."""

    def __init__(self) -> None:
        super().__init__()
        self.made: list[tuple[str, tuple[str, ...]]] = []
        self.texts: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.made.append((tag, tuple(name for name, _ in attrs if name != "title")))

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


KINDS = Layout("history", tuple(Column("what", kind) for kind in Kind if kind is not Kind.NUMBER))
WHERE_INEXACT = ("p", ("class",))
SHOWING = Resource("accounts", lambda *_: None, (KINDS,))


def shown_page(text: str, *, is_short: bool) -> _Tags:
    values = [(text,) if kind is Kind.LINES else text for kind in Kind if kind is not Kind.NUMBER]
    values[1] = Link(text, "/account", {"name": text})
    view = View((KINDS.of([values]),), ((Column("what", Kind.PROSE), text),), (text,), text)
    page = view_page(Look(Texts("en")), SHOWING, Asked({}, Place()), view)
    assert is_short or text
    found = _Tags()
    found.feed(page)
    return found


def without_notice(found: _Tags) -> list[tuple[str, tuple[str, ...]]]:
    """Return the elements without what says that a statement can't be copied."""
    return [
        ("pre", ()) if tag == "pre" else (tag, names)
        for tag, names in found.made
        if (tag, names) != WHERE_INEXACT
    ]


@cache
def plain_page() -> _Tags:
    return shown_page("plain", is_short=True)


@settings(max_examples=40)
@given(st.text(min_size=1, max_size=60).filter(lambda text: text.strip()))
def test_no_name_is_anything_but_text(name: str) -> None:
    """The page of any name has the elements of the page of a plain one, and nothing unseen."""
    found = shown_page(name, is_short=True)
    assert without_notice(found) == without_notice(plain_page())
    text = "".join(found.texts)
    assert not re.search(
        "[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2066-\u2069]", text
    )


@pytest.mark.parametrize(
    "name", [*HOSTILE, "\ud800half", "x" * 10_000, "</bdi></td>", "' onload='"]
)
def test_hostile_names_are_text(pages: Pages, name: str) -> None:
    found = shown_page(name, is_short=False)
    assert not {"script", "img"} & {tag for tag, _ in found.made[8:]} - {"script"}
    assert sum(tag == "script" for tag, _ in found.made) == 1
    for path in ("/accounts", "/api/v1/accounts", "/instances", "/findings"):
        answer = pages.get(path, {"limit": 500})
        assert answer.status == 200
        assert "\u202e" not in answer.text
        assert "\x1b" not in answer.text
        if not path.startswith("/api"):
            assert "<script>alert" not in answer.text
            assert "onerror=alert(1)>" not in re.sub(r"&[a-z#0-9]+;", "", answer.text.replace(
                "onerror=alert(1)&gt;", ""))  # fmt: skip


def test_a_statement_is_copied_only_where_it_is_what_is_shown() -> None:
    plain = shown_page("ALTER ROLE x;", is_short=True)
    turned = shown_page('ALTER ROLE "pg\u202egnillib";', is_short=True)
    assert ("pre", ("class", "tabindex", "data-exact")) in plain.made
    assert ("pre", ("class", "tabindex")) in turned.made
    assert "take it from the JSON" in "".join(turned.texts)


def test_a_long_name_is_whole_on_its_own_page(pages: Pages) -> None:
    name = "long" * 2500
    (first, *_) = everything(pages, "/api/v1/accounts", name=name, match="exact")
    page = pages.get("/account", {"instance": first["instance"], "name": name})
    assert page.status == 200
    assert f'title="{name}"' in page.text
    assert page.text.count(name) < 20


GROWN = ("/instances", "/sessions", "/accounts", "/findings", "/who-can", "/instance", "/session")


def test_more_instances_cost_no_more_statements(tmp_path: Path) -> None:
    counted: list[dict[str, int]] = []
    for size in (2, 5):
        home = tmp_path / str(size)
        home.mkdir()
        store = Store.open(f"sqlite:///{home}/sync_pipeline.db")
        fill(store, [Team("blue", size)], 5, sessions=2)
        store.close()
        with reading(Settings(home=home), lambda: NOW) as deps:
            pages = Pages(deps)
            counted.append(statements(pages, deps.store))
            pages.close()
    few, many = counted
    assert few == many
    # A token, BEGIN, the page, what syncs left, states of it, use, whether anything was imported.
    assert few["/accounts"] == 7
    assert few["/sessions"] <= 4
    assert few["/instances"] <= 12
    assert max(few.values()) <= 24


PLANS = (
    ({"name": "u", "limit": 2}, "ix_instance_accounts_by_name (account_name>? AND account_name<?)"),
    ({"name": "u", "match": "exact"}, "ix_instance_accounts_by_name (account_name=?)"),
    (
        {"after": encoded(("u", "z1-ruby"))},
        "ix_instance_accounts_by_name ((account_name,instance_id)>(?,?))",
    ),
    ({"locked": "yes"}, "ix_account_permissions_is_locked"),
    ({"instance": "x"}, "uq_instance_accounts_instance_id"),
)


@pytest.mark.parametrize(("query", "index"), PLANS)
def test_a_page_of_accounts_reads_an_index(pages: Pages, query: dict[str, Any], index: str) -> None:
    """As SQLite plans it; of a million accounts it is the same."""
    store = pages.deps.store
    plans: list[str] = []

    def explain(_: Any, cursor: Any, statement: str, values: Any, *__: Any) -> None:
        if "own" in statement or "ORDER BY" in statement:
            explained = cursor.connection.execute(f"EXPLAIN QUERY PLAN {statement}", values)
            plans.append("\n".join(str(row[-1]) for row in explained))

    engine = store._database.engine
    event.listen(engine, "before_cursor_execute", explain)
    with forgetting(store):
        assert pages.get("/api/v1/accounts", query).status == 200
    event.remove(engine, "before_cursor_execute", explain)
    assert index in plans[-1] or (index.startswith("uq_") and "instance_id=?" in plans[-1]), plans


def statements(pages: Pages, store: Store) -> dict[str, int]:
    instance = pages.get("/api/v1/instances").json["items"][0]["instance"]
    session = pages.get("/api/v1/sessions").json["items"][0]["session"]
    queries = {
        "/instance": {"name": instance},
        "/session": {"id": session},
        "/who-can": {"privilege": "SELECT", "object": "database:shop"},
    }
    found: dict[str, int] = {}
    count = [0]

    def note(*_: Any) -> None:
        count[0] += 1

    engine = store._database.engine
    event.listen(engine, "before_cursor_execute", note)
    for path in GROWN:
        count[0] = 0
        with forgetting(store):
            assert pages.get(path, queries.get(path, {})).status == 200
        found[path] = count[0]
    event.remove(engine, "before_cursor_execute", note)
    return found


def test_every_language_has_every_text_and_its_values() -> None:
    english = catalog_of(PACKAGE, "en")
    for language in LANGUAGES:
        own = catalog_of(PACKAGE, language)
        assert own.keys() == english.keys(), language
        for key, text in own.items():
            assert text.strip(), key
            assert re.findall(r"{\w*}", text) == re.findall(r"{\w*}", english[key]), key


def test_a_text_stands_in_one_file_of_a_language() -> None:
    for language in LANGUAGES:
        place = files("sync_pipeline.web") / "catalog" / language
        each = [json.loads(item.read_text("utf-8")) for item in place.iterdir()]
        assert sum(map(len, each)) == len(catalog_of(PACKAGE, language)), language


def test_every_page_has_its_texts_in_every_language(pages: Pages) -> None:
    for item in RESOURCES:
        for language in LANGUAGES:
            words = Texts(language)
            names = [column.name for layout in item.layouts for column in layout.columns]
            for name in (*names, *(column.name for column in item.facts)):
                words(f"column.{name}")
            for layout in item.layouts:
                words(f"table.{layout.name}")
            for name in (
                *item.kept_empty,
                *([item.layouts[0].name] if len(item.layouts) == 1 else ()),
            ):
                words(f"nothing.{name}")
            words(f"title.{item.name}")
            for parameter in item.parameters:
                words(f"field.{parameter.name}")
    chinese = pages.get("/instances", headers={"accept-language": "zh-CN,zh;q=0.9,en;q=0.8"})
    assert '<html lang="zh">' in chinese.text
    assert "实例" in chinese.text


@pytest.mark.parametrize(
    ("header", "language"),
    [("", "en"), ("zh", "zh"), ("de, zh;q=0.5", "zh"), ("zh;q=0.1, en;q=0.2", "en"),
     ("zh;q=x", "en"), ("zh;q=0", "en"), ("," * 9999, "en")],
)  # fmt: skip
def test_the_language_is_the_one_that_is_liked_best(header: str, language: str) -> None:
    assert texts_of(header).language == language


@given(st.lists(st.integers(0, 3), max_size=12), st.integers(1, 5))
def test_pages_of_a_list_are_the_list(items: list[int], limit: int) -> None:
    items.sort()
    found: list[int] = []
    place = Place(limit)
    while True:
        page = page_of_list(items, place, lambda item: (item,))
        assert page.total == len(items)
        found += page.items
        if page.next is None:
            break
        place = Place(limit, decoded(encoded(page.next)))
    assert found == items


NAMES = sorted({item.name for one in RESOURCES for item in one.everything})
KEYS = st.lists(st.one_of(st.text(max_size=4), st.integers()), max_size=6).map(tuple).map(encoded)
VALUES = st.one_of(
    st.text(max_size=12), KEYS, st.sampled_from(["", "yes", "-name", "server:", "a.b"])
)
QUERIES = st.dictionaries(
    st.sampled_from([*NAMES, "after", "limit", "format", "table", "x"]), VALUES, max_size=4
)


@settings(max_examples=60)
@given(data=st.data())
def test_no_question_is_a_fault(pages: Pages, data: st.DataObject) -> None:
    """Whatever is asked has an answer, or a problem that says why not."""
    resource = data.draw(st.sampled_from(RESOURCES))
    required = {name: data.draw(VALUES) for name in resource.required}
    query = {**required, **data.draw(QUERIES)}
    for path in (resource.api, resource.page):
        answer = pages.get(path, urlencode(query, errors="replace"))
        assert answer.status in (200, 400, 404), (path, query, answer.text)


def test_openapi_says_what_is_answered(pages: Pages) -> None:
    found = pages.get("/api/v1/openapi.json").json
    assert set(found["paths"]) == {item.api for item in RESOURCES}
    for item in RESOURCES:
        operation = found["paths"][item.api]["get"]
        names = {parameter["name"] for parameter in operation["parameters"]}
        assert {parameter.name for parameter in item.everything} <= names
    types = {
        "string": str,
        "number": (int, float),
        "boolean": bool,
        "array": list,
        "null": type(None),
    }
    for item in everything(pages, "/api/v1/instances"):
        content = found["paths"]["/api/v1/instance"]["get"]["responses"]["200"]["content"]
        facts = content["application/json"]["schema"]["properties"]["facts"]["properties"]
        page = pages.get("/api/v1/instance", {"name": item["instance"]}).json
        for name, value in page["facts"].items():
            allowed = facts[name]["type"]
            kinds = [allowed] if isinstance(allowed, str) else allowed
            assert any(isinstance(value, types[kind]) for kind in kinds), name
        assert page["facts"]["accounts"] == item["accounts"]
    page = pages.get("/api/v1/accounts").json
    schema = found["paths"]["/api/v1/accounts"]["get"]["responses"]["200"]["content"]
    described = schema["application/json"]["schema"]
    assert set(described["properties"]) == set(page)
    row = described["properties"]["items"]["items"]["properties"]
    assert list(row) == list(page["items"][0])


def test_the_examples_of_the_documentation_answer(pages: Pages) -> None:
    text = (project_root() / "docs" / "console.md").read_text()
    paths = re.findall(r"127\.0\.0\.1:3080(/api/v1/[^'\s]+)", text)
    assert len(paths) > 5
    for item in paths:
        path, _, query = item.partition("?")
        assert pages.get(path, query).status in (200, 404), item
