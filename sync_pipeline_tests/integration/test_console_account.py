"""The pages of accounts: now and at a moment, compared, and as the commands answer."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from sync_pipeline.model.account import AccountKind, AccountState
from sync_pipeline.model.instance import EngineName
from sync_pipeline.model.page import AccountQuestion, Place
from sync_pipeline.model.privilege import Grant, Membership, Securable, SecurableKind
from sync_pipeline.model.viewer import Reach, Viewer
from sync_pipeline.settings import Settings
from sync_pipeline.store.store import Store
from sync_pipeline.web.asked import encoded
from sync_pipeline.web.resources.lines import MOST_OF_LIST, MOST_OF_ONE
from sync_pipeline.web.serve import reading
from workbench.benches.command import Command, command_at
from workbench.benches.store_bench import StoreBench
from workbench.fleet.teams import NOW
from workbench.running.asked_pages import Pages, pages_of_home
from workbench.servers.statements import planned

DAYS = (5, 4, 3, 2, 1)
DATABASE = Securable(SecurableKind.DATABASE, "shop")
TABLE = Securable(SecurableKind.TABLE, "shop", "public", "orders")
BEFORE = (NOW - timedelta(days=4, hours=12)).isoformat().replace("+00:00", "Z")


def user(name: str, *roles: str, **changed: Any) -> AccountState:
    memberships = tuple(Membership(role, inherit=True, set_role=True) for role in roles)
    made = AccountState(name, AccountKind.USER, can_login=True, memberships=memberships)
    return replace(made, **changed)


def world(day: int) -> tuple[AccountState, ...]:
    """Return the accounts of the instance `one`: each day something is changed."""
    may = Grant(TABLE, "SELECT")
    return (
        user("boss", is_superuser=True, grants=(Grant(DATABASE, "OWNER"), Grant(TABLE, "OWNER"))),
        user("ann", *(("team",) if day > 3 else ()), is_superuser=day == 5, is_locked=day == 2),
        user("bob", "lead", attributes=(("connection_limit", day),)),
        user("team", "deep", can_login=False, grants=(may,)),
        user("lead", "team", "deep", can_login=False),
        user("deep", "lead", can_login=False, grants=(Grant(TABLE, "DELETE"),)),
        *((user("gone"),) if day > 2 else ()),
    )


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("account")
    directory.chmod(0o700)
    store = Store.open(f"sqlite:///{directory}/sync_pipeline.db")
    bench = StoreBench(store, NOW - timedelta(days=6))
    one, two, late = bench.fleet("one", "two", "late")
    store.registry.put_instances(
        [replace(one, tags=("team=blue",)), replace(two, tags=("team=ruby",))], bench.now
    )
    for day in DAYS:
        bench.now = NOW - timedelta(days=day)
        bench.apply(one, *world(day))
        bench.apply(two, user("ann", is_superuser=day < 3), user("boss", is_superuser=True))
    bench.apply(late, user("ann", is_superuser=True))
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


@pytest.mark.parametrize("day", [0, 4])
def test_who_could_is_the_answer_of_the_command(pages: Pages, told: Command, day: int) -> None:
    at = (NOW - timedelta(days=day)).isoformat()
    for privilege in ("SELECT", "DELETE"):
        query = {"privilege": privilege, "object": "table:shop.public.orders", "at": at}
        shown = pages.get("/api/v1/who-can", {**query, "all-holders": "yes", "limit": 500}).json
        asked = ("access", "who-can", privilege, query["object"], "--at", at, "--all-holders")
        said = told.ok(*asked, "--json").json
        assert [(item["instance"], item["account"], item["can"]) for item in shown["items"]] == [
            (item["instance"], item["account"], item["held"][0]["availability"])
            for item in said["holders"]
        ]
        assert set(said["not_known"]) <= set(shown["notes"])
        superusers = {item["account"] for item in shown["items"]} & {"ann", "boss"}
        assert ("ann" in superusers) == (day > 3), (day, superusers)
    assert any("late: not synced yet" in note for note in shown["notes"]) == (day > 1)


def seconds(moment: str | None) -> str | None:
    return moment and moment[:19]


@pytest.mark.parametrize("instance", ["one", "two"])
def test_since_when_is_the_answer_of_the_command(
    pages: Pages, told: Command, instance: str
) -> None:
    query = {"instance": instance, "capability": "superuser"}
    shown = pages.get("/api/v1/tenure", query).json["tables"]["tenures"]
    asked = ("accounts", "tenure", "--instance", instance, "--capability", "superuser")
    said = told.ok(*asked, "--since", "90d", "--json").json
    assert [
        (item["account"], item["begin"], seconds(item["not_before"]), seconds(item["held_by"]))
        for item in shown["items"]
    ] == [
        (
            item["account"],
            item["begin"]["kind"],
            seconds(item["begin"]["after"]),
            seconds(item["begin"]["by"]),
        )
        for item in said["tenures"]
    ]
    assert [seconds(item["gone_by"]) for item in shown["items"]] == [
        seconds(item["end"]["by"]) if item["end"] else None for item in said["tenures"]
    ]
    page = pages.get("/tenure", {**query, "name": "ann"})
    assert page.status == 200
    assert "boss" not in page.text
    assert 'href="/tenure?' in pages.get("/account", {"instance": instance, "name": "ann"}).text
    assert pages.get("/api/v1/tenure", {"instance": "nowhere"}).status == 404


def test_how_long_ago_is_a_moment_of_the_command(told: Command) -> None:
    of = ("access", "of", "ann", "--instance", "one", "--json", "--at")
    assert told.ok(*of, "4d").json["at"] == (NOW - timedelta(days=4)).isoformat()
    assert "how long ago" in told.wrong(*of, "4 days")


def test_how_long_ago_is_a_moment_of_the_pages_which_lead_to_the_moment_itself(
    pages: Pages,
) -> None:
    ago = {"instance": "one", "name": "ann", "at": "108h"}
    then = pages.get("/api/v1/account", {**ago, "at": BEFORE}).json
    assert pages.get("/api/v1/account", ago).json["facts"] == then["facts"]
    query = {"privilege": "DELETE", "object": "table:shop.public.orders", "at": "108h"}
    page = pages.get("/who-can", query).text
    leading = re.findall(r'href="(/(?:account|who-can)\?[^"]*)"', page)
    assert leading
    assert not [link for link in leading if "108h" in link]


def test_a_part_of_a_list_says_that_it_is_one(pages: Pages) -> None:
    query = {"capability": "superuser", "at": BEFORE, "limit": 1}
    found = pages.get("/api/v1/accounts", query).json
    assert found["next"]
    assert "This is a part" in found["notes"][-1]
    whole = pages.get("/api/v1/accounts", {**query, "limit": 500}).json
    assert not any("This is a part" in note for note in whole["notes"])


def test_a_moment_is_refused_with_a_sentence(pages: Pages) -> None:
    query = {"privilege": "SELECT", "object": "database:shop"}
    for at, why in (
        ("yesterday", "is not a time"),
        ("2026-12-01", "has not come yet"),
        ("0001-01-01", "is out of range"),
    ):
        for path in ("/api/v1/who-can", "/who-can"):
            found = pages.get(path, {**query, "at": at})
            assert found.status == 400
            assert why in found.text
        account = {"instance": "one", "name": "ann", "at": at}
        assert pages.get("/api/v1/account", account).status == 400
        assert pages.get("/api/v1/compare", {**account, "other-name": "bob"}).status == 400


def test_an_account_at_a_moment(pages: Pages, told: Command) -> None:
    for day, state, roles in (
        (5, "superuser", ["team"]), (4, "active", ["team"]), (3, "active", []),
        (2, "locked", []), (1, "active", []),
    ):  # fmt: skip
        at = (NOW - timedelta(days=day)).isoformat().replace("+00:00", "Z")
        found = pages.get("/api/v1/account", {"instance": "one", "name": "ann", "at": at}).json
        assert found["facts"]["state"] == state
        tree = found["facts"]["role_tree"]
        assert [item["name"] for item in tree["branches"] if tree] == roles if roles else not tree
        said = told.ok("access", "of", "ann", "--instance", "one", "--at", at, "--json").json
        assert said["at"] == at.replace("Z", "+00:00")
        assert [
            (item["privilege"], item["object"]) for item in found["tables"]["privileges"]["items"]
        ] == [(item["privilege"], shown(item["securable"])) for item in said["privileges"]]
        changed = found["tables"]["history"]["items"][0]
        assert (found["facts"]["last_change"], found["facts"]["session"]) == (
            changed["when"], changed["session"],
        )  # fmt: skip
        page = pages.get("/account", {"instance": "one", "name": "ann", "at": at}).text
        assert "There is no finding" not in page
        assert "not asked of a past moment" in page
    gone = {"instance": "one", "name": "gone"}
    assert pages.get("/api/v1/account", {**gone, "at": BEFORE}).json["facts"]["state"] == "active"
    later = (NOW - timedelta(days=2)).isoformat()
    found = pages.get("/api/v1/account", {**gone, "at": later}).json
    assert found["facts"]["state"] == "gone"
    assert any("gone was gone by" in note for note in found["notes"])
    # Nothing is linked to that is not there.
    assert "/compare" not in pages.get("/account", gone).text.replace('"/compare"', "")
    for query in (
        {**gone, "at": (NOW - timedelta(days=6)).isoformat()},
        {"instance": "late", "name": "ann", "at": BEFORE},
        {"instance": "one", "name": "nobody", "at": BEFORE},
    ):
        assert pages.get("/api/v1/account", query).status == 404


def shown(securable: dict[str, Any]) -> str:
    words = {name: value for name, value in securable.items() if value and name != "text"}
    kind = SecurableKind(words.pop("kind"))
    return str(Securable(kind, **words))


def test_roles_are_a_tree_with_each_role_at_one_place(pages: Pages) -> None:
    query = {"instance": "one", "name": "bob"}
    (lead,) = pages.get("/api/v1/account", query).json["facts"]["role_tree"]["branches"]
    assert (lead["name"], lead["words"]) == ("lead", "(inherit, set)")
    by_name = {item["name"]: item for item in lead["branches"]}
    assert set(by_name) == {"team", "deep"}
    (again,) = by_name["team"]["branches"]
    assert (again["name"], again["is_repeated"], again["branches"]) == ("deep", True, [])
    (cycle,) = by_name["deep"]["branches"]
    assert (cycle["name"], cycle["is_repeated"]) == ("lead", True)
    page = pages.get("/account", query).text
    tree = page[page.index('<ul class="tree">') :]
    assert 'href="/account?instance=one&amp;name=team"' in tree
    assert tree.count("what it has is at its other place") == 2


def test_the_same_name_elsewhere_is_side_by_side(pages: Pages) -> None:
    found = pages.get("/api/v1/account", {"instance": "one", "name": "ann"}).json
    rows = found["tables"]["elsewhere"]["items"]
    assert [(item["instance"], item["superuser"], item["differs"]) for item in rows] == [
        ("late", True, ["superuser"]),
        ("two", True, ["superuser"]),
    ]
    page = pages.get("/account", {"instance": "one", "name": "ann"}).text
    assert "/compare?instance=one&amp;name=ann&amp;other-instance=two" in page


def test_out_of_reach_is_not_there(home: Path) -> None:
    blue = Viewer("b", reach=Reach(("team=blue",)))
    with reading(Settings(home=home), lambda: NOW) as deps:
        own, whole = Pages(deps, blue), Pages(deps, Viewer("all"))
        query = {"instance": "one", "name": "ann", "at": BEFORE}
        assert own.get("/api/v1/account", query).status == 200
        assert not own.get("/api/v1/account", {"instance": "one", "name": "ann"}).json["tables"][
            "elsewhere"
        ]["items"]
        for path, away in (
            ("account", {"instance": "two", "name": "ann", "at": BEFORE}),
            ("history", {"instance": "two", "name": "ann"}),
            ("compare", {"instance": "one", "name": "ann", "other-instance": "two"}),
            ("compare", {"instance": "two", "name": "ann", "other-name": "boss", "at": BEFORE}),
        ):
            assert whole.get(f"/api/v1/{path}", away).status == 200, path
            absent = {**away, **{key: "nowhere" for key, value in away.items() if value == "two"}}
            got = own.get(f"/api/v1/{path}", away)
            assert got.status == 404
            assert got.whole == own.get(f"/api/v1/{path}", absent).whole
        query = {"privilege": "SELECT", "object": "server", "at": BEFORE, "all-holders": "yes"}
        names = {item["instance"] for item in own.get("/api/v1/who-can", query).json["items"]}
        assert names <= {"one"}
        own.close()
        whole.close()


def test_the_whole_history_by_pages(
    pages: Pages, told: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    query = {"instance": "one", "name": "bob"}
    found: list[Any] = []
    after = ""
    while True:
        page = pages.get(
            "/api/v1/history", {**query, "limit": 2, **({"after": after} if after else {})}
        )
        table = page.json["tables"]["history"]
        found += table["items"]
        after = table["next"]
        if not after:
            break
    said = told.ok("accounts", "changes", "--account", "bob", "--json").json
    assert [(item["when"], item["what"]) for item in found] == [
        (item["when"], item["lines"]) for item in said
    ]
    assert len(found) == len(DAYS)
    # As a limit, these would have all of it read; and a page would say that it is the last one.
    for key in (
        (found[0]["when"], -1),
        (found[0]["when"], 2**61),
        ("0001-01-01T00:00:00+14:00", 0),
    ):
        forged = pages.get("/api/v1/history", {**query, "after": encoded(key)})
        assert forged.status == 400, key
    until = pages.get("/api/v1/history", {**query, "at": BEFORE}).json["tables"]["history"]["items"]
    assert until == found[-1:]
    shown = pages.get("/api/v1/account", {**query, "at": BEFORE}).json["tables"]["history"]["items"]
    assert shown == until
    monkeypatch.setattr("sync_pipeline.workflows.console.accounts.LAST_CHANGES", 2)
    page = pages.get("/account", query)
    assert 'href="/history?instance=one&amp;name=bob"' in page.text
    assert pages.get("/history", query).status == 200


def test_two_accounts_are_compared_as_by_the_command(pages: Pages, told: Command) -> None:
    query = {"instance": "one", "name": "ann", "other-name": "bob", "at": BEFORE}
    found = pages.get("/api/v1/compare", query).json
    said = told.ok(
        "access", "diff", "ann", "bob", "--instance", "one", "--at", BEFORE, "--json"
    ).json
    tables = {name: table["items"] for name, table in found["tables"].items()}
    assert [(item["privilege"], item["object"]) for item in tables["differences"]] == [
        (item["privilege"], shown(item["securable"])) for item in said["differences"]
    ]
    assert (
        {item["attribute"] for item in tables["attributes"]}
        == {item["name"] for item in said["attributes"]}
        == {"superuser", "connection_limit"}
    )
    assert found["facts"]["alike_roles"] == said["alike"]["roles"] == 3
    assert found["facts"]["equal"] is False
    assert [(item["power"], item["of_second"]) for item in tables["powers"]] == [
        ("superuser", "no")
    ]
    now = pages.get("/api/v1/compare", {"instance": "one", "name": "ann", "other-name": "bob"}).json
    roles = {(item["role_name"], item["has_second"]) for item in now["tables"]["roles"]["items"]}
    assert roles == {("lead", True), ("team", True), ("deep", True)}
    # With itself, as of another moment, and with its namesake.
    own = pages.get("/api/v1/compare", {"instance": "one", "name": "ann", "at": BEFORE}).json
    changed = {item["attribute"] for item in own["tables"]["attributes"]["items"]}
    assert changed == {"superuser"}
    assert own["facts"]["second_at"] is None
    twice = pages.get("/api/v1/compare", {"instance": "one", "name": "boss"}).json
    assert twice["facts"]["equal"] is True
    assert "one account at one moment" in twice["notes"][0]
    two = {"instance": "one", "name": "boss", "other-instance": "two"}
    assert pages.get("/api/v1/compare", two).json["facts"]["equal"] is True


def test_each_page_leads_to_the_others_at_its_moment(pages: Pages) -> None:
    query = {"privilege": "DELETE", "object": "table:shop.public.orders", "at": BEFORE}
    page = pages.get("/who-can", query)
    links = re.findall(r'href="(/account\?[^"]*)"', page.text)
    assert links
    assert all("at=" in link for link in links)
    assert BEFORE[:10] in page.text
    page = pages.get("/account", {"instance": "one", "name": "ann", "at": BEFORE})
    assert 'value="' + BEFORE in page.text
    assert re.search(r'href="/compare\?[^"]*at=2026', page.text)
    assert "/history" not in page.text, "all of it is shown"
    assert EngineName.POSTGRESQL in page.text


def test_no_link_of_who_is_gone_leads_nowhere(home: Path) -> None:
    """Of a gone account nothing can be compared, nor what it was with what it is now."""
    with reading(Settings(home=home), lambda: NOW) as deps:
        pages = Pages(deps, Viewer("all"))
        for query in ({"name": "gone"}, {"name": "gone", "at": BEFORE}, {"name": "ann"}):
            page = pages.get("/account", {"instance": "one", **query})
            links = re.findall(r'href="(/[a-z-]+)\?([^"]*)"', page.text)
            assert any(path == "/compare" for path, _ in links) == (query["name"] == "ann")
            for path, asked in links:
                assert pages.get(path, unescape(asked)).status == 200, (query, path, asked)
        pages.close()


CLASSES = """
classes:
  chiefs: {match: {capability: superuser, not: {name: "b%"}}}
"""


def listed(pages: Pages, **query: Any) -> list[tuple[str, str]]:
    """Return who is on all pages of a list, of one row each."""
    found: list[tuple[str, str]] = []
    after = ""
    while True:
        place = {"limit": 1, **({"after": after} if after else {})}
        page = pages.get("/api/v1/accounts", {**query, **place}).json
        found += [(item["instance"], item["account"]) for item in page["items"]]
        after = page["next"]
        if not after:
            return found


@pytest.mark.parametrize("day", [1, 5])
def test_the_administrators_of_a_moment_are_those_of_the_command(
    pages: Pages, told: Command, day: int
) -> None:
    at = (NOW - timedelta(days=day)).isoformat()
    for query in ({"capability": "superuser"}, {"role": "deep"}):
        ((name, value),) = query.items()
        shown = listed(pages, **query, at=at)
        said = told.run("accounts", "at", "--time", at, f"--{name}", value, "--json")
        assert said.status == 0
        assert shown == [(item["instance"], item["state"]["name"]) for item in said.json]
        notes = pages.get("/api/v1/accounts", {**query, "at": at, "limit": 500}).json["notes"]
        assert notes == said.err.splitlines()
    chiefs = {("one", "boss"), ("two", "boss")} | ({("one", "ann")} if day == 5 else set())
    chiefs |= {("two", "ann")} if day < 3 else set()
    chiefs |= {("late", "ann")} if day < 2 else set()
    assert set(listed(pages, capability="superuser", at=at)) == chiefs


def test_now_the_list_says_what_the_command_says(home: Path, told: Command, tmp_path: Path) -> None:
    rules = tmp_path / "classes.yaml"
    rules.write_text(CLASSES)
    told.patch.setenv("SYNC_PIPELINE_CLASSIFICATION_FILE", str(rules))
    settings = Settings(home=home, classification_file=rules)
    day = (NOW - timedelta(days=2, hours=1)).isoformat()
    with reading(settings, lambda: NOW) as deps:
        pages = Pages(deps)
        for query, options in (
            ({"class": "chiefs"}, ("--class", "chiefs")),
            ({"capability": ["superuser", "locked"]},
             ("--capability", "superuser", "--capability", "locked")),
            ({"role": "team", "instance": "one"}, ("--role", "team", "--instance", "one")),
            ({"changed-since": day}, ("--since", day)),
            ({"changed-until": day}, ("--until", day)),
            ({"capability": "superuser", "changed-until": day},
             ("--capability", "superuser", "--until", day)),
        ):  # fmt: skip
            said = told.ok("accounts", "list", *options, "--json").json
            names = [(item["instance"], item["state"]["name"]) for item in said]
            shown = listed(pages, **query)
            assert sorted(shown) == sorted(names), query
            assert names, query
        for query, why in (
            ({"class": "nothing"}, "There is no class"),
            ({"capability": "superuser", "gone": "yes"}, "is not judged"),
            ({"at": BEFORE, "changed-since": day}, "is not known of each"),
        ):
            found = pages.get("/api/v1/accounts", query)
            assert found.status == 400
            assert why in found.text
        blue = Pages(deps, Viewer("b", reach=Reach(("team=blue",))))
        assert "chiefs" not in blue.get("/api/v1/accounts", {"class": "nothing"}).text
        assert {name for name, _ in listed(blue, capability="superuser", at=BEFORE)} == {"one"}
        blue.close()
        pages.close()


def test_what_gone_accounts_could_do_is_not_judged(told: Command) -> None:
    error = told.wrong("accounts", "at", "--time", BEFORE, "--all", "--role", "team")
    assert "is not judged" in error


def test_the_time_of_the_last_change_is_found_by_its_index(home: Path) -> None:
    store = Store.open_to_read(f"sqlite:///{home}/sync_pipeline.db")
    with planned(store) as plans:
        asked = AccountQuestion(since=NOW - timedelta(days=1))
        found = store.account_pages.page(Reach(), asked, Place())
    store.close()
    assert found.items
    assert any("ix_account_permissions_last_change_at (last_change_at>?)" in plan for plan in plans)


def test_a_cell_has_so_many_lines_whatever_a_server_says(tmp_path: Path) -> None:
    """Else one change, or one account of many roles, would be a page of any size."""
    store = Store.open(f"sqlite:///{tmp_path}/sync_pipeline.db")
    bench = StoreBench(store, NOW - timedelta(days=1))
    (one,) = bench.fleet("one")
    grants = tuple(
        Grant(Securable(SecurableKind.TABLE, "shop", "public", f"t{n}"), "SELECT")
        for n in range(600)
    )
    roles = [f"r{number}" for number in range(250)]
    bench.apply(one, user("wide", *roles))
    bench.now = NOW - timedelta(hours=1)
    bench.apply(one, user("wide", *roles, grants=grants))
    store.close()
    with reading(Settings(home=tmp_path), lambda: NOW) as deps:
        pages = Pages(deps, Viewer("all"))
        for path in ("account", "history", "changes"):
            query = {} if path == "changes" else {"instance": "one", "name": "wide"}
            found = pages.get(f"/api/v1/{path}", query).json
            tables = found.get("tables", {"": found}).values()
            rows = [*(row for table in tables for row in table["items"]), found.get("facts", {})]
            cells = [cell for row in rows for cell in row.values() if isinstance(cell, list)]
            longest = max(cells, key=len)
            most = MOST_OF_LIST if path == "changes" else MOST_OF_ONE
            assert len(longest) == most + 1, path
            assert re.fullmatch(r"and \d+ more: sync-pipeline accounts \w+ has them", longest[-1])
        whole = pages.get("/account", {"instance": "one", "name": "wide", "limit": 1})
        assert len(whole.body) < 200_000
        pages.close()
