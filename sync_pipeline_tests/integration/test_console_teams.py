"""Who may see one team is told nothing of another: not a name, not a number, by no route."""

from __future__ import annotations

import random
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import chain
from pathlib import Path
from typing import Any

import pytest

from sync_pipeline.model.account import AccountKind, AccountState
from sync_pipeline.model.finding import Suppression
from sync_pipeline.model.session import SessionStatus
from sync_pipeline.model.viewer import Reach, Viewer
from sync_pipeline.settings import Settings
from sync_pipeline.store.console import findings as stored
from sync_pipeline.store.store import Store
from sync_pipeline.web.asked import Parameter, Shape, decoded, encoded
from sync_pipeline.web.resources.every import RESOURCES
from sync_pipeline.web.serve import NoSecrets, reading
from sync_pipeline.workflows.answers.findings import review_of
from sync_pipeline.workflows.console import findings
from sync_pipeline.workflows.dependencies import SyncDeps
from workbench.benches.store_bench import DONE, FAILED, StoreBench
from workbench.fleet.teams import HOSTILE, NOW, Team, fill
from workbench.running.asked_pages import Answered, Pages
from workbench.servers.fixtures_store import StoreServer
from workbench.strategies.reviewed_worlds import reviewed_snapshot

OWN = Team("blue", 3)
OTHER = Team("ruby", 3)
LIMITED = Viewer("b", reach=Reach((OWN.tag,)))
Request = tuple[str, dict[str, Any]]
SUPPRESSED = f"""
suppressions:
  - {{rule: superuser, instance: "{OTHER.word}%", reason: "{OTHER.word} knows", until: 2026-01-01}}
"""


@dataclass
class Worlds:
    """The console of a viewer of one team: over a store of two, and over one of that team alone."""

    of_two: Pages
    of_one: Pages
    of_all: Pages
    requests: list[Request]


@contextmanager
def worlds(
    directory: Path, urls: tuple[str, str], seed: int, hostile: tuple[str, ...] = ()
) -> Iterator[Worlds]:
    rules = directory / "findings.yaml"
    rules.write_text(SUPPRESSED)
    own = replace(OWN, hostile=hostile)
    for url, teams in zip(urls, ((OTHER, own), (own,)), strict=True):
        store = Store.open(url)
        # Who may see the other team reads by whom and why; numbers are counted by it.
        why = OTHER.word if OTHER in teams else "known"
        until = NOW.date() + timedelta(days=90)
        accepted = Suppression("%", f"{why}.", until, account="%app", given_by=why)
        store.acceptances.give(accepted, NOW)
        fill(store, teams, seed, sessions=3, is_moved=True)
        store.close()
    settings = [Settings(home=directory, store_url=url, findings_file=rules) for url in urls]
    with (
        reading(settings[0], lambda: NOW) as two,
        reading(settings[1], lambda: NOW) as one,
    ):
        made = Pages(two, LIMITED), Pages(one, LIMITED), Pages(two, Viewer("all"))
        try:
            yield Worlds(*made, list(requests(made[2])))
        finally:
            for item in made:
                item.close()


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worlds]:
    directory = tmp_path_factory.mktemp("teams")
    urls = f"sqlite:///{directory}/two.db", f"sqlite:///{directory}/one.db"
    with worlds(directory, urls, 7, HOSTILE) as made:
        yield made


def requests(pages: Pages) -> Iterator[Request]:
    """Yield questions of every resource: each parameter by itself, with values of both teams."""
    instances = pages.get("/api/v1/instances", {"limit": 500}).json["items"]
    accounts = pages.get("/api/v1/accounts", {"limit": 500}).json["items"]
    sessions = pages.get("/api/v1/sessions", {"limit": 500}).json["items"]
    names = [item["instance"] for item in instances]
    words = [OWN.word, OTHER.word]
    holders = [pair for item in accounts if (pair := (item["instance"], item["account"]))]
    own = [pair for pair in holders if any(f"{word}_" in pair[1] for word in words)]
    at = (NOW - timedelta(minutes=45)).isoformat().replace("+00:00", "Z")
    shared = [pair for pair in holders if pair[1] == "shared"] or holders[::200]
    sizes = pages.get("/api/v1/capacity", {"limit": 500}).json["tables"]["standings"]["items"]
    databases = [{key: item[key] for key in ("instance", "database")} for item in sizes[::3]]
    asked = {
        "instance": [{"name": name} for name in [*names, "nowhere"]],
        "account": [
            {"instance": instance, "name": name}
            for instance, name in [*own[::4], *holders[::23], ("no", "one")]
        ]
        + [{"instance": instance, "name": name, "at": at} for instance, name in own[::6]],
        "history": [
            {"instance": instance, "name": name}
            for instance, name in [*own[::7], *holders[::29], ("no", "one")]
        ],
        "compare": [
            {"instance": one[0], "name": one[1], "other-instance": two[0], "other-name": two[1]}
            for one in shared[::3]
            for two in shared[1::3]
        ]
        + [
            {"instance": instance, "name": name, "at": at, "other-name": name}
            for instance, name in shared
        ],
        "tenure": [{"instance": name, "since": "7d"} for name in [*names, "nowhere"]]
        + [{"instance": instance, "name": name} for instance, name in own[::8]],
        "session": [{"id": item["session"]} for item in sessions],
        "capacity-instance": [{"instance": name} for name in [*names, "nowhere"]],
        "capacity-database": databases,
        "capacity-table": [
            {**item, "schema": "public", "name": f"{item['database']}_orders"} for item in databases
        ],
        "who-can": [
            {"privilege": "SELECT", "object": "database:shop"},
            {"privilege": "DELETE", "object": f"table:{OTHER.word}_db0.t"},
            {"privilege": "SELECT", "object": "database:shop", "at": at},
        ],
    }
    known = {
        "tag": [OWN.tag, OTHER.tag, f"tier={OTHER.word}", "none"],
        "environment": sorted({item["environment"] for item in instances} - {None}),
        "text": [*words, OWN.word[0], "example"],
        "beginning": [*(name[:1] for name in names), "database:", f"database:{OTHER.word}"],
        "instance": names,
        "account": ["shared", f"{OTHER.word}_app"],
        "name": ["shared", *words],
        "at": [at, "2026-06-01"],
        "changed-since": [at],
        "changed-until": [at],
        "role": ["team", f"{OTHER.word}_app"],
        "class": [OTHER.word],
        "other-at": [at, "2026-06-01"],
        "other-instance": names,
        "other-name": words,
        "database": [f"{word}_db0" for word in words],
        "schema": ["public", OTHER.word],
        "from": ["2026-11-20", "2026-01-01"],
        "to": ["2026-11-20"],
        "since": ["1h", "24h", "2026-11-30T07:00:00Z"],
        "new_since": ["1h", "365d"],
        "until": ["30m", "1d"],
    }
    for resource in RESOURCES:
        bases = asked.get(resource.name, [{}])
        paths = [resource.api, *([resource.page] if resource.has_page else [])]
        yield from ((path, base) for base in bases for path in paths)
        for base in bases[::4]:
            for layout in resource.layouts:
                yield resource.api, {**base, "format": "csv", "table": layout.name}
        for parameter in resource.everything:
            for value in () if parameter.is_required else _values(parameter, known):
                yield resource.api, {**bases[0], parameter.name: value}


def _values(parameter: Parameter, known: dict[str, list[str]]) -> Sequence[str]:
    """Return values to try: of a choice, which no team has any part in, two."""
    if parameter.shape is Shape.FLAG:
        return ("yes",)
    return parameter.choices[:2] or known[parameter.name]


def pages_of(pages: Pages, path: str, query: dict[str, Any]) -> Iterator[Answered]:
    """Yield each page of an answer in small ones, to its end."""
    after = ""
    for _ in range(200):
        found = pages.get(path, {"limit": 2, **query, **({"after": after} if after else {})})
        yield found
        if found.status != 200:
            return
        tables = found.json.get("tables", {"": found.json}).values()
        after = next((table["next"] for table in tables if table["next"]), "")
        if not after:
            return
    raise AssertionError("the pages have no end")


def of_other(answer: Answered, query: dict[str, Any]) -> list[bytes]:
    """Return where an answer has the other team's word, unless whoever asked gave it."""
    if OTHER.word in str(query):
        return []
    return re.findall(rb".{0,40}" + OTHER.word.encode() + rb".{0,40}", answer.whole)


def test_no_byte_of_another_team_is_answered(fleet: Worlds) -> None:
    seen = 0
    assert len(fleet.requests) > 100
    of_databases = [
        query["database"] for path, query in fleet.requests if path.endswith("database")
    ]
    assert {name.partition("_")[0] for name in of_databases} >= {OWN.word, OTHER.word}
    for number, (path, query) in enumerate(fleet.requests):
        got = fleet.of_two.get(path, query)
        assert not of_other(got, query), (path, query)
        assert got.whole == fleet.of_one.get(path, query).whole, (path, query)
        if number % 5 == 0:
            seen += OTHER.word in fleet.of_all.get(path, query).text
    # It could fail: who may see everything does see the other team in many of these.
    assert seen > len(fleet.requests) / 20


def test_numbers_of_many_instances_tell_of_no_other_team(
    fleet: Worlds, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is added up, and the rows by it, are those of a store of this team alone."""
    monkeypatch.setattr(findings, "MOST_AT_ONCE", 0)
    for few in (0, 200):
        monkeypatch.setattr(stored, "FEW", few)
        for path, query in (
            ("/api/v1/findings", {}),
            ("/api/v1/findings", {"account": "shared"}),
            ("/api/v1/findings", {"accepted": "yes"}),
            *(("/api/v1/causes", {"by": by}) for by in ("rule", "instance", "tag")),
        ):
            two = [item.whole for item in pages_of(fleet.of_two, path, {"limit": 9, **query})]
            one = [item.whole for item in pages_of(fleet.of_one, path, {"limit": 9, **query})]
            assert two == one, (path, query)
            assert not re.findall(OTHER.word.encode(), b"".join(two)), (path, query)
            assert OTHER.word in fleet.of_all.get(path, query).text


PAGED: tuple[Request, ...] = (
    *(
        ("/api/v1/instances", {"sort": f"{sign}{order}"})
        for order in ("name", "engine", "environment", "reached")
        for sign in ("", "-")
    ),
    ("/api/v1/accounts", {"gone": "yes"}),
    ("/api/v1/accounts", {"capability": "can login"}),
    ("/api/v1/sessions", {}),
    ("/api/v1/sessions", {"sort": "started"}),
    ("/api/v1/findings", {}),
    ("/api/v1/changes", {}),
    ("/api/v1/changes", {"power": "yes"}),
    ("/api/v1/changes", {"account": "shared"}),
    ("/api/v1/imported-accounts", {}),
    ("/api/v1/who-can", {"privilege": "SELECT", "object": "database:shop"}),
    *(
        ("/api/v1/capacity", {"by": by, "sort": f"{sign}{order}"})
        for by in ("databases", "instances")
        for order in ("size", "growth", "percent", "until")
        for sign in ("", "-")
    ),
)


def items_of(answer: Answered) -> list[dict[str, Any]]:
    """Return the rows of an answer: those of its first table where it has several."""
    found = answer.json
    table = next(iter(found["tables"].values())) if "tables" in found else found
    items: list[dict[str, Any]] = table["items"]
    return items


def next_of(answer: Answered) -> str | None:
    found = answer.json
    table = next(iter(found["tables"].values())) if "tables" in found else found
    following: str | None = table["next"]
    return following


@pytest.mark.parametrize(("path", "query"), PAGED)
def test_pages_by_key_are_the_whole_answer_and_tell_of_no_other_team(
    fleet: Worlds, path: str, query: dict[str, Any]
) -> None:
    two = list(pages_of(fleet.of_two, path, query))
    assert [item.whole for item in two] == [
        item.whole for item in pages_of(fleet.of_one, path, query)
    ]
    _require_no_ids(next_of(item) for item in two)
    whole = items_of(fleet.of_two.get(path, {**query, "limit": 500}))
    assert list(chain.from_iterable(items_of(item) for item in two)) == whole
    assert len(two) > 1


def _require_no_ids(keys: Iterable[str | None]) -> None:
    """No key has a number that counts rows of a table: others' are among them."""
    for key in filter(None, keys):
        numbers = [part for part in decoded(key) or () if isinstance(part, int)]
        assert all(number < 20 for number in numbers), key


FORGED = ("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "", "x", -1, 0, 2**61)


@pytest.mark.parametrize(("path", "query"), PAGED[::2])
def test_a_forged_key_is_no_fault(fleet: Worlds, path: str, query: dict[str, Any]) -> None:
    """Also a moment that has no date in UTC, and numbers that no page gives."""
    key = decoded(next_of(fleet.of_two.get(path, {**query, "limit": 1})) or "")
    assert key
    for place in range(len(key)):
        for part in FORGED:
            forged = encoded((*key[:place], part, *key[place + 1 :]))
            answer = fleet.of_two.get(path, {**query, "after": forged})
            assert answer.status in (200, 400), (path, query, key, place, part)


def test_pages_of_records_tell_of_no_other_team(fleet: Worlds) -> None:
    for item in fleet.of_two.get("/api/v1/sessions").json["items"]:
        query = {"id": item["session"], "limit": 1}
        one, two = (
            list(pages_of(pages, "/api/v1/session", query))
            for pages in (fleet.of_one, fleet.of_two)
        )
        assert [page.whole for page in one] == [page.whole for page in two]
        shown = [page.json["tables"]["records"]["items"] for page in two]
        assert sum(map(len, shown)) == item["total"]


def test_what_is_of_another_team_is_answered_like_what_is_not_there(fleet: Worlds) -> None:
    other = fleet.of_all.get("/api/v1/instances", {"tag": OTHER.tag}).json["items"]
    assert other
    absent = fleet.of_two.get("/api/v1/instance", {"name": "nowhere"})
    assert absent.status == 404
    for item in other:
        got = fleet.of_two.get("/api/v1/instance", {"name": item["instance"]})
        assert got.whole == absent.whole
        got = fleet.of_two.get("/api/v1/account", {"instance": item["instance"], "name": "shared"})
        assert got.whole == absent.whole


@pytest.mark.postgresql
def test_the_same_on_postgresql(tmp_path: Path, store_server: StoreServer) -> None:
    with (
        store_server.store() as two,
        store_server.store() as one,
        worlds(tmp_path, (two, one), 7) as made,
    ):
        # The same code; the statements are what differs.
        for path, query in made.requests[::9]:
            got = made.of_two.get(path, query)
            assert got.status < 500, (path, query, got.text)
            assert not of_other(got, query), (path, query)
            assert got.whole == made.of_one.get(path, query).whole, (path, query)
        refused = made.of_two.get("/api/v1/accounts", "name=a%00b")
        assert refused.status == 400, "PostgreSQL has no such text"
        for path, query in PAGED[1::3]:
            paged = [items_of(item) for item in pages_of(made.of_all, path, query)]
            assert list(chain(*paged)) == items_of(made.of_all.get(path, {**query, "limit": 500}))
            assert len(paged) > 1


def test_since_when_namesakes_differ_is_not_told(tmp_path: Path) -> None:
    """Others of the fleet may have differed before: the date would tell of them."""
    store = Store.open(f"sqlite:///{tmp_path}/sync_pipeline.db")
    bench = StoreBench(store, NOW)
    fleet = bench.fleet("one", "two", "three")
    session = bench.open(fleet)
    for number, item in enumerate(fleet):
        account = AccountState("app", AccountKind.USER, can_login=True, is_superuser=number == 1)
        read = reviewed_snapshot(random.Random(1), item.engine, NOW)
        bench.apply_snapshot(bench.claim(session, item), item, replace(read, accounts=(account,)))
        tags = (OTHER.tag if number == 0 else OWN.tag,)
        store.registry.put_instances([replace(item, tags=tags)], NOW)
    review_of(SyncDeps(store, NoSecrets(), Settings(), lambda: NOW), store.registry.instances())
    store.close()
    query = {"rule": "uneven-rights"}
    with reading(Settings(home=tmp_path), lambda: NOW) as deps:
        limited, whole = Pages(deps, LIMITED), Pages(deps, Viewer("all"))
        (row,) = whole.get("/api/v1/findings", query).json["items"]
        assert row["since"] == NOW.isoformat()
        (row,) = limited.get("/api/v1/findings", query).json["items"]
        assert (row["instance"], row["since"]) == ("two", None)
        limited.close()
        whole.close()


def test_what_became_of_others_in_a_session_is_not_told(tmp_path: Path) -> None:
    """A session in which the other team's instance failed is one that went well, to this team."""
    store = Store.open(f"sqlite:///{tmp_path}/sync_pipeline.db")
    bench = StoreBench(store, NOW)
    names = (f"own-{OWN.word}", f"other-{OTHER.word}")
    bench.fleet(*names)
    for item, team in zip(names, (OWN, OTHER), strict=True):
        known = store.registry.instance(item)
        assert known is not None
        store.registry.put_instances([replace(known, tags=(team.tag,))], NOW)
    own, other = (bench.store.registry.instance(item) for item in names)
    assert own is not None
    assert other is not None
    session = bench.open([own, other], run_id=f"run-of-{OTHER.word}")
    store.sessions.finish(bench.claim(session, own, session.run_id), DONE, NOW)
    refused = replace(FAILED, error_message=f"{OTHER.word} refused")
    store.sessions.finish(bench.claim(session, other, session.run_id), refused, NOW)
    store.sessions.close_run(
        session.session_id, session.run_id, SessionStatus.FAILED, f"{OTHER.word} failed", NOW
    )
    ended = bench.open([own, other], run_id="ended")
    store.sessions.finish(bench.claim(ended, own, ended.run_id), DONE, NOW)
    late = NOW + timedelta(hours=5)
    store.sessions.finish(bench.claim(ended, other, ended.run_id), refused, late)
    store.sessions.close_run(ended.session_id, ended.run_id, SessionStatus.FAILED, None, late)
    half = bench.open([own, other], run_id="half")
    store.sessions.finish(bench.claim(half, own, half.run_id), DONE, NOW)
    store.close()
    query = {"id": session.session_id}
    with reading(Settings(home=tmp_path), lambda: NOW) as deps:
        limited, whole = Pages(deps, LIMITED), Pages(deps, Viewer("all"))
        # When its own were done, whatever others are at still.
        for item in (ended, half):
            facts = limited.get("/api/v1/session", {"id": item.session_id}).json["facts"]
            assert (facts["status"], facts["ended"]) == ("completed", NOW.isoformat())
        (row,) = (
            row
            for row in whole.get("/api/v1/sessions").json["items"]
            if row["session"] == session.session_id
        )
        assert (row["status"], row["total"], row["failed"]) == ("failed", 2, 1)
        row = limited.get("/api/v1/sessions").json["items"][-1]
        assert (row["status"], row["total"], row["failed"], row["done"]) == ("completed", 1, 0, 1)
        for status, count in (("failed", 0), ("completed", 3), ("running", 0), ("pending", 0)):
            found = limited.get("/api/v1/sessions", {"status": status})
            assert len(found.json["items"]) == count, status
        assert OTHER.word in whole.get("/session", query).text
        for path in ("/session", "/api/v1/session"):
            answer = limited.get(path, query)
            assert answer.status == 200
            assert OTHER.word.encode() not in answer.whole
        tables = limited.get("/api/v1/session", query).json["tables"]
        assert not tables["runs"]["items"]
        assert len(tables["records"]["items"]) == 1
        limited.close()
        whole.close()
