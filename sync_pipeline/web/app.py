"""The console as an application: every route, and the one way in which each answers."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from http import HTTPStatus
from importlib.resources import files
from threading import Lock, Semaphore
from typing import Protocol
from urllib.parse import parse_qs

import anyio
import anyio.from_thread
import anyio.to_thread
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from sync_pipeline.callers import App, Authority, Headers, Refusal
from sync_pipeline.model.viewer import Viewer
from sync_pipeline.web.addresses import Served
from sync_pipeline.web.asked import Asked, read, wrong
from sync_pipeline.web.desk import Desk
from sync_pipeline.web.doors import COOKIE, Doors, Failures, Wrong
from sync_pipeline.web.exports import as_csv, as_json, json_text
from sync_pipeline.web.gate import Gate, is_followed_link
from sync_pipeline.web.openapi import document
from sync_pipeline.web.pages import Look, login_page, problem_page, view_page
from sync_pipeline.web.problems import (
    BUSY,
    NO_LOGIN,
    NOT_FOUND,
    SLOW,
    TOO_LATE,
    TOO_MANY,
    Problem,
    problem_of,
)
from sync_pipeline.web.resource import API, Resource
from sync_pipeline.web.resources.every import RESOURCES
from sync_pipeline.web.shares import Clients, Shared, Shares
from sync_pipeline.web.texts import Texts, texts_of
from sync_pipeline.web.views import View
from sync_pipeline.workflows.console.answers import Answers
from sync_pipeline.workflows.console.tokens import cookie_of
from sync_pipeline.workflows.dependencies import SyncDeps

SECONDS_OF_A_REQUEST = 30.0
SECONDS_OF_A_BODY = 10.0
MOST_AT_ONCE, MOST_WAITING = 8, 64
"""Requests that are answered at once, and that there may be in all."""
SECONDS_OF_A_LOGIN = 12 * 3600
LOGIN, LOGOUT, HOME = "/login", "/logout", "/today"
STATIC = {
    "console.css": "text/css; charset=utf-8",
    "console.js": "text/javascript; charset=utf-8",
    "icon.svg": "image/svg+xml",
}
_FORWARDED = "x-forwarded-for"
_OWN_PAGE = re.compile(r"/[a-z-]*(\?[^\x00-\x20\\]*)?")
Answer = Callable[["Visit"], Response]


class Room(Protocol):
    """Room for so many requests, as a semaphore has it."""

    def acquire(self, blocking: bool = True) -> bool:  # noqa: FBT001, FBT002 - a semaphore's
        """Take room for one; return whether there is some."""

    def release(self) -> None:
        """Give it back."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What may be at once: `threads` in this process, and the rest in all of one console."""

    room: Room
    shares: Shared
    failures: Wrong
    threads: int = MOST_AT_ONCE

    @classmethod
    def of_one_process(cls, most_of_address: int) -> Limits:
        """Return the limits of a console that is one process."""
        return cls(Semaphore(MOST_WAITING), Shares(most_of_address), Failures())


@dataclass(slots=True)
class Site:
    """What every request is answered with."""

    deps: SyncDeps
    doors: Doors
    seconds: float = SECONDS_OF_A_REQUEST
    seconds_of_a_body: float = SECONDS_OF_A_BODY
    room: Room = field(default_factory=lambda: Semaphore(MOST_WAITING))
    clients: Clients = field(default_factory=Clients)
    shares: Shared = field(default_factory=lambda: Shares(MOST_WAITING))
    at_once: int = MOST_AT_ONCE
    threads: anyio.CapacityLimiter | None = None
    desk: Desk = field(default_factory=Desk)

    def limiter(self) -> anyio.CapacityLimiter:
        """Return what bounds the threads; it is of the loop that runs."""
        if self.threads is None:
            self.threads = anyio.CapacityLimiter(self.at_once)
        return self.threads


@dataclass(frozen=True, slots=True)
class Visit:
    """One request of somebody who was let in."""

    site: Site
    request: Request
    viewer: Viewer

    @property
    def answers(self) -> Answers:
        """Return the only way to ask anything."""
        return Answers(self.site.deps, self.viewer)

    @property
    def query(self) -> bytes:
        """Return the query of the address as it was sent."""
        found: bytes = self.request.scope["query_string"]
        return found

    @property
    def look(self) -> Look:
        """Return whom a page is for."""
        return Look(
            texts_of(self.request.headers.get("accept-language", "")),
            self.viewer,
            has_login=COOKIE in self.request.cookies,
            at=Served(
                self.site.deps.settings.console_dagster_ui
                if self.viewer.reach.is_everything
                else ""
            ),
        )


def build_app(
    deps: SyncDeps,
    allowed: frozenset[Authority],
    *,
    is_private: bool,
    limits: Limits | None = None,
) -> App:
    """Return the console. `is_private`: only this machine reaches it, by its own names.

    Without `limits` it is one process.
    """
    settings = deps.settings
    known = limits or Limits.of_one_process(settings.console_most_of_address)
    doors = Doors(deps.store, settings, deps.clock, is_private, known.failures)
    site = Site(
        deps,
        doors,
        room=known.room,
        clients=Clients(settings.console_proxies),
        shares=known.shares,
        at_once=known.threads,
    )
    return application(site, allowed)


def application(site: Site, allowed: frozenset[Authority]) -> App:
    """Return the console of a site, which answers under these hosts."""
    return Gate(Starlette(routes=routes(site)), allowed)


def routes(site: Site) -> Sequence[BaseRoute]:
    """Return every route. Those of `guarded` are answered to a viewer alone."""
    return [
        guarded(site, "/", lambda _: RedirectResponse(HOME, HTTPStatus.SEE_OTHER)),
        *(guarded(site, item.page, partial(_page, item)) for item in RESOURCES if item.has_page),
        *(guarded(site, item.api, partial(_api, item)) for item in RESOURCES),
        guarded(site, f"{API}/openapi.json", _openapi),
        Route(LOGIN, _open(site, _login), methods=["GET", "POST"]),
        Route(LOGOUT, _open(site, _logout), methods=["POST"]),
        *(Route(f"/static/{name}", _static(name), methods=["GET"]) for name in STATIC),
        Route("/{path:path}", _open(site, _nothing), methods=["GET", "POST"]),
    ]


def guarded(site: Site, path: str, answer: Answer) -> Route:
    """Return a route that asks who comes before anything else; it answers within a time."""

    async def endpoint(request: Request) -> Response:
        return await _in_time(site, request, partial(_let_in, site, request, answer))

    return Route(path, endpoint, methods=["GET"])


def _open(
    site: Site, answer: Callable[[Site, Request, bytes], Response]
) -> Callable[[Request], Awaitable[Response]]:
    """Return an endpoint for whoever comes; it answers within a time, too."""

    async def endpoint(request: Request) -> Response:
        try:
            with anyio.fail_after(site.seconds_of_a_body):
                body = await request.body() if request.method == "POST" else b""
        except (TimeoutError, ClientDisconnect):
            return _problem(request, SLOW)
        return await _in_time(site, request, partial(answer, site, request, body))

    return endpoint


async def _in_time(site: Site, request: Request, work: Callable[[], Response]) -> Response:
    """Work in a thread, of which there are few. One that takes too long keeps its room."""
    client = site.clients.of_request(_address(request), request.headers.getlist(_FORWARDED))
    if not site.shares.take(client):
        return _problem(request, TOO_MANY)
    if not site.room.acquire(blocking=False):
        site.shares.give_back(client)
        return _problem(request, BUSY)
    turn = _Turn(site, client, request, work)
    try:
        with anyio.fail_after(site.seconds):
            async with site.limiter(), site.desk.place():
                return await anyio.to_thread.run_sync(turn.take, abandon_on_cancel=True)
    except TimeoutError:
        return _problem(request, TOO_LATE)
    finally:
        turn.give_up()


@dataclass(slots=True)
class _Turn:
    """The work on a request; it gives its room back when it is done, or was never begun."""

    site: Site
    client: str
    request: Request
    work: Callable[[], Response]
    _lock: Lock = field(default_factory=Lock)
    _is_begun: bool = False

    def take(self) -> Response:
        with self._lock:
            self._is_begun = True
        try:
            return Response() if self._is_left() else self.work()
        except Exception as error:  # noqa: BLE001 - each is told as a problem
            return _problem(self.request, problem_of(error))
        finally:
            self._leave()

    def give_up(self) -> None:
        with self._lock:
            if not self._is_begun:
                self._is_begun = True
                self._leave()

    def _is_left(self) -> bool:
        """Return whether nobody waits for the answer: who left would keep others waiting."""
        try:
            return anyio.from_thread.run(self.request.is_disconnected)
        except RuntimeError:
            # It came by no connection.
            return False

    def _leave(self) -> None:
        self.site.room.release()
        self.site.shares.give_back(self.client)


def _let_in(site: Site, request: Request, answer: Answer) -> Response:
    headers = Headers(request.scope)
    with site.deps.store.one_view():
        viewer = site.doors.viewer(_address(request), headers)
        if viewer is not None:
            return answer(Visit(site, request, viewer))
    if request.url.path.startswith(API):
        return _problem(request, NO_LOGIN)
    query = request.scope["query_string"].decode("latin-1")
    following = f"{request.url.path}?{query}" if query else request.url.path
    is_of_link = is_followed_link(request.scope, headers) and (
        headers.only("sec-fetch-site") not in ("same-origin", "none", None)
    )
    text = login_page(_nobody(request), _own(following), is_reloading=is_of_link)
    return _html(text, HTTPStatus.UNAUTHORIZED)


def _page(resource: Resource, visit: Visit) -> Response:
    try:
        asked, view = _answered(resource, visit)
    except Exception as error:  # noqa: BLE001 - each is told as a problem
        problem = problem_of(error)
        return _html(problem_page(visit.look, problem, resource), problem.status)
    if view is None and _is_asked(resource, asked):
        return _html(problem_page(visit.look, NOT_FOUND), NOT_FOUND.status)
    return _html(view_page(visit.look, resource, asked, view))


def _api(resource: Resource, visit: Visit) -> Response:
    asked, view = _answered(resource, visit)
    if not _is_asked(resource, asked):
        raise wrong(f"The question needs: {', '.join(resource.required)}.")
    if asked.table and all(asked.table != item.name for item in resource.layouts):
        raise wrong("The answer has no table of this name.")
    if view is None:
        return _problem(visit.request, NOT_FOUND)
    if asked.form == "csv":
        return Response(_bytes(as_csv(view, asked.table)), media_type="text/csv; charset=utf-8")
    if asked.form not in ("", "json"):
        raise wrong("The parameter format is json or csv.")
    return Response(_bytes(json_text(as_json(view))), media_type="application/json")


def _answered(resource: Resource, visit: Visit) -> tuple[Asked, View | None]:
    asked = read(visit.query, resource.everything)
    is_asked = _is_asked(resource, asked)
    return asked, resource.answer(visit.answers, asked) if is_asked else None


def _is_asked(resource: Resource, asked: Asked) -> bool:
    return all(asked.text(name) for name in resource.required)


def _openapi(_visit: Visit) -> Response:
    found = document(RESOURCES, Texts("en"))
    return Response(_bytes(json_text(found)), media_type="application/json")


def _login(site: Site, request: Request, body: bytes) -> Response:
    """Show the form, or exchange a token for a cookie, which is no token."""
    look = _nobody(request)
    if request.method != "POST":
        return _html(login_page(look, _own(request.query_params.get("next", ""))))
    try:
        given = parse_qs(body.decode("ascii", "replace"), max_num_fields=10)
    except ValueError:
        raise wrong("The form has too many fields.") from None
    token, following = (given.get(name, [""])[0] for name in ("token", "next"))
    try:
        viewer = site.doors.by_token(_address(request), token.strip())
    except Refusal as refusal:
        return _html(login_page(look, _own(following), "login.many"), refusal.status)
    if viewer is None:
        return _html(login_page(look, _own(following), "login.wrong"), HTTPStatus.UNAUTHORIZED)
    response = RedirectResponse(_own(following), HTTPStatus.SEE_OTHER)
    response.set_cookie(
        COOKIE,
        cookie_of(token.strip()),
        max_age=SECONDS_OF_A_LOGIN,
        httponly=True,
        samesite="strict",
        secure=_is_secure(site, request),
    )
    return response


def _logout(_site: Site, _request: Request, _body: bytes) -> Response:
    response = RedirectResponse(LOGIN, HTTPStatus.SEE_OTHER)
    response.delete_cookie(COOKIE, httponly=True, samesite="strict")
    return response


def _nothing(site: Site, request: Request, _body: bytes) -> Response:
    """Answer that there is no such page; to nobody else than to a viewer is more said."""
    if request.method != "GET":
        return _problem(
            request, Problem(HTTPStatus.METHOD_NOT_ALLOWED, "The console only answers.")
        )
    return _let_in(site, request, lambda visit: _problem(visit.request, NOT_FOUND))


def _static(name: str) -> Callable[[Request], Awaitable[Response]]:
    content = (files("sync_pipeline.web") / "static" / name).read_bytes()

    async def endpoint(_request: Request) -> Response:
        return Response(content, media_type=STATIC[name])

    return endpoint


def _is_secure(site: Site, request: Request) -> bool:
    """Return whether the browser speaks TLS, here or with a proxy that is trusted."""
    if request.url.scheme == "https":
        return True
    is_told = Headers(request.scope).only("x-forwarded-proto") == "https"
    return is_told and site.doors.is_of_proxy(_address(request))


def _own(following: str) -> str:
    """Return where a login leads: to a page of the console, never to another site."""
    return following if _OWN_PAGE.fullmatch(following) else "/"


def _address(request: Request) -> str:
    return request.client.host if request.client else ""


def _nobody(request: Request) -> Look:
    return Look(texts_of(request.headers.get("accept-language", "")))


def _problem(request: Request, problem: Problem) -> Response:
    if not request.url.path.startswith(API):
        return _html(problem_page(_nobody(request), problem), problem.status)
    headers = {"www-authenticate": "Bearer"} if problem is NO_LOGIN else None
    return Response(
        _bytes(json_text(problem.json())),
        int(problem.status),
        headers,
        "application/problem+json",
    )


def _html(text: str, status: HTTPStatus = HTTPStatus.OK) -> Response:
    return Response(_bytes(text), int(status), media_type="text/html; charset=utf-8")


def _bytes(text: str) -> bytes:
    """Return a text in UTF-8; half a character, which nothing can show, is a question mark."""
    return text.encode("utf-8", "replace")
