"""Requests to the console in this process: the application as it is served, without a socket."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlencode

from sync_pipeline.callers import App, allowed_hosts
from sync_pipeline.model.viewer import Viewer
from sync_pipeline.settings import Settings
from sync_pipeline.web.app import Site, application, build_app
from sync_pipeline.web.doors import Doors
from sync_pipeline.web.serve import reading
from sync_pipeline.workflows.dependencies import SyncDeps

PORT = 3080
HOST = f"127.0.0.1:{PORT}"


@dataclass(frozen=True)
class Answered:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def whole(self) -> bytes:
        """Return every byte that the browser gets, but for the date."""
        return repr(sorted(self.headers.items())).encode() + self.body


class Pages:
    """Asks the console. With a viewer, every request is of this one."""

    def __init__(
        self,
        deps: SyncDeps,
        viewer: Viewer | None = None,
        *,
        hosts: tuple[str, ...] = (),
        is_private: bool = True,
    ) -> None:
        self.deps = deps
        allowed = allowed_hosts("127.0.0.1", PORT, hosts)
        self.app: App = (
            build_app(deps, allowed, is_private=is_private)
            if viewer is None
            else application(Site(deps, cast("Doors", _Always(viewer))), allowed)
        )
        self.loop = asyncio.new_event_loop()

    def close(self) -> None:
        self.loop.run_until_complete(self.loop.shutdown_default_executor())
        self.loop.close()

    def get(
        self,
        path: str,
        query: Mapping[str, Any] | str = "",
        headers: Mapping[str, str] | None = None,
        client: str = "127.0.0.1",
    ) -> Answered:
        return self.ask("GET", path, query, headers, client)

    def ask(
        self,
        method: str,
        path: str,
        query: Mapping[str, Any] | str = "",
        headers: Mapping[str, str] | None = None,
        client: str = "127.0.0.1",
        body: bytes = b"",
    ) -> Answered:
        text = query if isinstance(query, str) else urlencode(query, doseq=True)
        given = {"host": HOST, **(headers or {})}
        if body:
            given["content-length"] = str(len(body))
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": path,
            "raw_path": path.encode(),
            "query_string": text.encode(),
            "headers": [(name.lower().encode(), value.encode()) for name, value in given.items()],
            "client": (client, 50_000),
            "server": ("127.0.0.1", PORT),
            "root_path": "",
        }
        return self.loop.run_until_complete(_exchanged(self.app, scope, body))


async def _exchanged(app: App, scope: dict[str, Any], body: bytes) -> Answered:
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    await app(scope, receive, send)
    headers = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    content = b"".join(message.get("body", b"") for message in sent[1:])
    return Answered(sent[0]["status"], headers, content)


@contextmanager
def pages_of_home(home: Path, now: datetime) -> Iterator[Pages]:
    """Ask the console over the store of a home, at a moment."""
    with reading(Settings(home=home), lambda: now) as deps:
        made = Pages(deps)
        try:
            yield made
        finally:
            made.close()


class _Always:
    """Doors through which one viewer comes, whoever asks."""

    def __init__(self, viewer: Viewer) -> None:
        self._viewer = viewer

    def viewer(self, _address: str, _headers: object) -> Viewer:
        return self._viewer
