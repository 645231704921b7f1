"""The console at a port, in a thread of this process, and the address of each of its pages."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from threading import Thread
from urllib.parse import parse_qsl, urlencode

import uvicorn

from sync_pipeline.callers import allowed_hosts
from sync_pipeline.model.viewer import Viewer
from sync_pipeline.settings import Settings
from sync_pipeline.web.addresses import address
from sync_pipeline.web.app import build_app
from sync_pipeline.web.asked import read
from sync_pipeline.web.resource import Resource
from sync_pipeline.web.resources.every import RESOURCES
from sync_pipeline.web.serve import reading
from sync_pipeline.web.views import Link, View
from sync_pipeline.workflows.console.answers import Answers
from sync_pipeline.workflows.dependencies import SyncDeps
from workbench.servers.running import free_port

ASKED = {"who-can": "privilege=SELECT&object=database%3Ashop"}
"""Questions of lists that need one, on the fleet of `fleet/teams.py`."""


@dataclass(frozen=True)
class ServedConsole:
    """A console that answers, and the path and query of a page of each resource."""

    address: str
    pages: dict[str, str]


@contextmanager
def served_console(home: Path, now: Callable[[], datetime]) -> Iterator[ServedConsole]:
    """Serve the console of a home until the block ends."""
    port = free_port()
    with reading(Settings(home=home), now) as deps:
        app = build_app(deps, allowed_hosts("127.0.0.1", port, ()), is_private=True)
        config = uvicorn.Config(
            app, host="127.0.0.1", port=port, log_level="warning", lifespan="off", ws="none"
        )
        server = uvicorn.Server(config)
        thread = Thread(target=server.run)
        thread.start()
        try:
            while not server.started:
                assert thread.is_alive()
                time.sleep(0.01)
            yield ServedConsole(f"http://127.0.0.1:{port}", pages_of(deps))
        finally:
            server.should_exit = True
            thread.join(30)


def pages_of(deps: SyncDeps) -> dict[str, str]:
    """Return an address of a page of each resource, as lists and their pages lead to them."""
    answers = Answers(deps, Viewer("all"))
    found: dict[str, str] = {}
    waiting = [
        (item, ASKED.get(item.name, ""))
        for item in RESOURCES
        if item.is_listed and (item.name in ASKED or not item.required)
    ]
    for resource, query in waiting:
        if resource.name in found:
            continue
        found[resource.name] = f"{resource.page}?{query}" if query else resource.page
        view = resource.answer(answers, read(query.encode(), resource.everything))
        assert view is not None
        waiting += _led_to(view)
    for item in RESOURCES:
        # One that only much of something leads to is about what another one is about.
        queries = (dict(parse_qsl(path.partition("?")[2])) for path in found.values())
        query = next((each for each in queries if set(item.required) <= set(each)), None)
        if item.facts and query and item.name not in found:
            own = urlencode({key: query[key] for key in item.required})
            found[item.name] = f"{item.page}?{own}"
    return found


def _led_to(view: View) -> Iterator[tuple[Resource, str]]:
    by_page = {item.page: item for item in RESOURCES}
    values = [value for table in view.tables for row in table.rows for value in row]
    for value in (*values, *(value for _, value in view.facts)):
        if isinstance(value, Link) and value.address in by_page and not value.is_outside:
            yield by_page[value.address], address(value).partition("?")[2]
