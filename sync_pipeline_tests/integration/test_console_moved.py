"""What was imported, on pages and in the API: the same as the commands have, among what is ours."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from sync_pipeline.model.page import Page, Place
from sync_pipeline.store.store import Store
from sync_pipeline.workflows.console.merging import Listed, merged
from workbench.benches.command import Command, command_at
from workbench.fleet.moved import SOURCE
from workbench.fleet.teams import NOW, Team, fill
from workbench.running.asked_pages import Pages, pages_of_home


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("moved")
    directory.chmod(0o700)
    store = Store.open(f"sqlite:///{directory}/sync_pipeline.db")
    fill(store, [Team("blue", 2)], 7, sessions=1, is_moved=True)
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
    with command_at(home, NOW, monkeypatch, capsys) as made:
        yield made


def items(pages: Pages, path: str, **query: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = pages.get(path, {"limit": 500, **query}).json["items"]
    return found


def imported(pages: Pages, path: str, **query: Any) -> list[dict[str, Any]]:
    return [item for item in items(pages, path, **query) if item["from"] == SOURCE]


def test_pages_have_what_commands_have(pages: Pages, told: Command) -> None:
    accounts = told.ok("import", "accounts", "--json").json
    listed = items(pages, "/api/v1/imported-accounts")
    assert [(item["instance"], item["account"]) for item in listed] == [
        (item["instance"], item["name"]) for item in accounts
    ]
    changes = told.ok("accounts", "changes", "--imported", "--json").json
    shown = imported(pages, "/api/v1/changes")
    assert [(item["account"], item["change"], item["what"]) for item in shown] == [
        (item["account"], item["change_type"], item["lines"]) for item in changes
    ]
    sessions = told.ok("sessions", "list", "--imported", "--json").json
    assert [item["session"] for item in imported(pages, "/api/v1/sessions")] == [
        item["session_id"] for item in sessions
    ]
    named = sessions[0]["session_id"]
    records = told.ok("sessions", "show", named, "--json").json["records"]
    one = pages.get("/api/v1/session", {"id": named}).json
    assert one["facts"]["from"] == SOURCE
    assert [item["instance"] for item in one["tables"]["records"]["items"]] == [
        item["name"] for item in records
    ]


def test_filters_are_those_of_changes(pages: Pages) -> None:
    every = imported(pages, "/api/v1/changes")
    name = every[0]["instance"]
    of_one = imported(pages, "/api/v1/changes", instance=name, account="shared")
    wanted = (name, "shared")
    assert of_one == [item for item in every if (item["instance"], item["account"]) == wanted]
    since = (NOW - timedelta(days=2)).isoformat().replace("+00:00", "Z")
    lately = imported(pages, "/api/v1/changes", since=since)
    assert 0 < len(lately) < len(every)
    assert imported(pages, "/api/v1/changes", type="modify_other") == [
        item for item in every if item["change"] == "modify_other"
    ]
    # What they do nobody judged, and none of them is a first sync of ours.
    for query in ({"power": "yes"}, {"effect": "given"}, {"type": "baseline"}):
        assert imported(pages, "/api/v1/changes", **query) == []


def test_an_account_that_only_the_other_system_knew_has_a_history(pages: Pages) -> None:
    (instance,) = {item["instance"] for item in items(pages, "/api/v1/imported-accounts")[:1]}
    asked = {"instance": instance, "name": "blue_old"}
    assert pages.get("/api/v1/account", asked).status == 404
    found = pages.get("/api/v1/history", asked).json["tables"]
    assert {item["from"] for item in found["history"]["items"]} == {SOURCE}
    (known,) = found["before"]["items"]
    assert known["could"] == ["snapshot.roles: blue_role", "snapshot.more.1.on: blue"]
    assert pages.get("/api/v1/history", {**asked, "name": "nobody"}).status == 404


def test_the_page_of_an_account_has_both_in_one_order(pages: Pages) -> None:
    both = [
        item
        for item in items(pages, "/api/v1/accounts", name="shared", match="exact")
        if pages.get("/api/v1/account", {"instance": item["instance"], "name": "shared"}).status
        == 200
    ]
    assert both
    for item in both:
        asked = {"instance": item["instance"], "name": "shared"}
        found = pages.get("/api/v1/account", asked).json["tables"]
        moments = [row["when"] for row in found["history"]["items"]]
        assert moments == sorted(moments, reverse=True)
        assert {row["from"] for row in found["history"]["items"]} == {None, SOURCE}
        assert [row["from"] for row in found["before"]["items"]] == [SOURCE]


@pytest.mark.parametrize("is_oldest_first", [False, True])
@pytest.mark.parametrize("limit", [1, 2, 3, 50])
@pytest.mark.parametrize("theirs", [[], [5], [1, 1, 3, 7, 7, 9], [9, 10, 11]])
def test_two_lists_are_one_page_by_page(
    theirs: list[int], limit: int, *, is_oldest_first: bool
) -> None:
    """Whatever the size of a page: each row once, in the order of moments, ours first."""
    ours = [2, 3, 3, 7, 8]

    def listed(name: str, hours: list[int]) -> Listed[tuple[datetime, str]]:
        begin = NOW - timedelta(days=1)
        rows = [(begin + timedelta(hours=hour), f"{name}{n}") for n, hour in enumerate(hours)]
        rows.sort(key=lambda row: row[0], reverse=not is_oldest_first)

        def page(place: Place) -> Page[tuple[datetime, str]]:
            names = [row[1] for row in rows]
            first = names.index(str(place.after[1])) + 1 if place.after else 0
            shown = tuple(rows[first : first + place.limit])
            more = first + place.limit < len(rows)
            return Page(shown, (shown[-1][0].isoformat(), shown[-1][1]) if more else None)

        return Listed(page, lambda row: row[0], (str, str))

    own, other = listed("a", ours), listed("b", theirs)
    everything = [*own.page(Place(99)).items, *other.page(Place(99)).items]
    everything.sort(key=lambda row: row[0], reverse=not is_oldest_first)
    seen: list[tuple[datetime, str]] = []
    place = Place(limit)
    while True:
        found = merged(own, other, place, is_oldest_first=is_oldest_first)
        seen += found.items
        assert found.next is None or len(found.items) == limit
        # Where the other list is empty, a key says nothing of it.
        assert found.next is None or len(found.next) == (6 if theirs else 2)
        if found.next is None:
            break
        place = Place(limit, found.next)
    assert seen == everything
