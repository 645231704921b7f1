"""What forms complete: only what there is, within a reach, and what the question then takes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from sync_pipeline.model.viewer import Reach, Viewer
from sync_pipeline.settings import Settings
from sync_pipeline.store.console.objects import ObjectNames
from sync_pipeline.store.store import Store
from sync_pipeline.web.resources.who_can import PRIVILEGES
from sync_pipeline.web.serve import reading
from workbench.fleet.teams import HOSTILE, NOW, Team, fill
from workbench.running.asked_pages import Pages
from workbench.servers.statements import planned

BLUE, RUBY = Team("blue", 2, HOSTILE), Team("ruby", 2)


@pytest.fixture(
    scope="module", params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)]
)
def home(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Settings]:
    directory = tmp_path_factory.mktemp("completion")
    with ExitStack() as stack:
        url = f"sqlite:///{directory}/sync_pipeline.db"
        if request.param == "postgresql":
            url = stack.enter_context(request.getfixturevalue("store_server").store())
        store = Store.open(url)
        fill(store, [BLUE, RUBY], 7, sessions=1)
        store.close()
        yield Settings(home=directory, store_url=url)


def completed(home: Settings, viewer: Viewer, beginning: str, most: int = 500) -> list[str]:
    with reading(home, lambda: NOW) as deps:
        pages = Pages(deps, viewer)
        found = pages.get("/api/v1/objects", {"beginning": beginning, "limit": most}).json["items"]
        pages.close()
    return [item["object"] for item in found]


def names(home: Settings, *tags: str) -> list[str]:
    """Return what there is, by the listing of the commands."""
    with reading(home, lambda: NOW) as deps:
        tagged = {item.name for item in deps.store.registry.instances() if {*item.tags} & {*tags}}
        each = deps.store.size_queries.databases()
        return sorted({item.name for item in each if item.is_active and item.instance in tagged})


def test_databases_are_those_of_the_reach(home: Settings) -> None:
    for viewer, tags in (
        (Viewer("all"), (BLUE.tag, RUBY.tag)),
        (Viewer("blue", reach=Reach((BLUE.tag,))), (BLUE.tag,)),
        (Viewer("none", reach=Reach(("none",))), ()),
    ):
        found = completed(home, viewer, "database:")
        own = names(home, *tags)
        assert len(found) == len(own)
        assert [text for text in found if '"' not in text] == [
            f"database:{name}" for name in own if f"database:{name}" in found
        ]
        assert completed(home, viewer, "database:", 2) == found[:2]
        assert not [text for text in found if "ruby" in text and RUBY.tag not in tags]
    assert len(completed(home, Viewer("all"), "database:ruby_")) >= 1
    assert completed(home, Viewer("all"), "database:nowhere") == []


def test_what_is_completed_can_be_asked(home: Settings) -> None:
    """Hostile names too: each stands in quotes where it has to."""
    with reading(home, lambda: NOW) as deps:
        pages = Pages(deps, Viewer("all"))
        found = completed(home, Viewer("all"), "database:")
        assert any('"' in text for text in found)
        for text in found:
            query = {"privilege": "SELECT", "object": text}
            assert pages.get("/api/v1/who-can", query).status == 200, text
        for word in PRIVILEGES:
            query = {"privilege": word, "object": "database:shop"}
            assert pages.get("/api/v1/who-can", query).status == 200, word
        pages.close()


def test_kinds_are_completed_without_a_name(home: Settings) -> None:
    everything = completed(home, Viewer("all"), "")
    assert {"table:", "database:", "server:"} <= set(everything)
    assert completed(home, Viewer("all"), "Ta") == ["table:"]
    assert completed(home, Viewer("all"), "table:a") == []


def test_names_are_found_by_their_index(home: Settings) -> None:
    with reading(home, lambda: NOW) as deps:
        pages = ObjectNames(deps.store._database)
        with planned(deps.store) as plans:
            pages.databases(Reach(), "sh", 20)
    assert any("ix_instance_databases_database_name" in plan for plan in plans), plans
