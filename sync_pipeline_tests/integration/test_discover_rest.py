"""Azure and Google against servers of ours that answer as their REST references document.

learn.microsoft.com/rest/api: Subscriptions List, Servers List, Managed Instances List, Flexible
Servers List; cloud.google.com/sql/docs: instances.list.
"""

from __future__ import annotations

import gzip
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from pathlib import Path
from threading import Thread
from time import sleep
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from sync_pipeline.errors import ConfigurationError
from sync_pipeline.fleet.discovery import azure, google
from sync_pipeline.fleet.discovery.listing import Limits, Listing, Resource, Time, Unlisted
from sync_pipeline.fleet.discovery.plan import Asked, Fleet, planned
from sync_pipeline.fleet.discovery.rest import Rest, once_refused
from sync_pipeline.model.instance import Instance, TlsMode
from sync_pipeline.model.origin import Cloud, Step
from workbench.benches.command import CANARY, Command
from workbench.servers.secret_places import Answer, answered

TOKEN = "of-the-machine"
ONE, OTHER = "11111111-aaaa-4aaa-8aaa-111111111111", "22222222-bbbb-4bbb-8bbb-222222222222"
SQL, MANAGED = "Microsoft.Sql/servers", "Microsoft.Sql/managedInstances"
POSTGRESQL = "Microsoft.DBforPostgreSQL/flexibleServers"
MYSQL = "Microsoft.DBforMySQL/flexibleServers"
SUFFIXES = {
    SQL: "database.windows.net",
    MANAGED: "x.database.windows.net",
    POSTGRESQL: "postgres.database.azure.com",
    MYSQL: "mysql.database.azure.com",
}
Items = list[dict[str, Any]]


@dataclass
class Place:
    """A service on loopback: lists by their paths, and refusals in their place."""

    lists: dict[str, Items] = field(default_factory=dict)
    refusals: dict[str, list[Answer]] = field(default_factory=dict)
    page: int = 2
    asked: list[str] = field(default_factory=list)
    base: str = ""
    next_host: str = ""

    def refused(self, path: str, headers: dict[str, str]) -> Answer | None:
        self.asked.append(path)
        if headers.get("authorization") != f"Bearer {TOKEN}":
            return 403, {"error": {"code": "AuthorizationFailed", "message": CANARY}}
        waiting = self.refusals.get(path, [])
        return waiting.pop(0) if waiting else None

    def azure(self, _: str, address: str, __: dict[str, Any], headers: dict[str, str]) -> Answer:
        parts = urlsplit(address)
        asked = parse_qs(parts.query)
        assert asked["api-version"]
        refusal = self.refused(parts.path, headers)
        if refusal is not None:
            return refusal
        items, at = self.lists.get(parts.path, []), int(asked.get("$skiptoken", ["0"])[0])
        page: dict[str, Any] = {"value": items[at : at + self.page]}
        if at + self.page < len(items):
            host = self.next_host or self.base
            query = f"api-version={asked['api-version'][0]}&%24skiptoken={at + self.page}"
            page["nextLink"] = f"{host}{parts.path}?{query}"
        return 200, page

    def google(self, _: str, address: str, __: dict[str, Any], headers: dict[str, str]) -> Answer:
        parts = urlsplit(address)
        refusal = self.refused(parts.path, headers)
        if refusal is not None:
            return refusal
        at = int(parse_qs(parts.query).get("pageToken", ["0"])[0])
        items = self.lists.get(parts.path, [])
        page: dict[str, Any] = {"kind": "sql#instancesList", "items": items[at : at + self.page]}
        if at + self.page < len(items):
            page["nextPageToken"] = str(at + self.page)
        return 200, page


@pytest.fixture
def arm(monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    """Azure Resource Manager with two subscriptions."""
    made = Place()
    made.lists["/subscriptions"] = [{"subscriptionId": name} for name in (ONE, OTHER)]
    with answered(made.azure) as port:
        made.base = f"http://127.0.0.1:{port}"
        monkeypatch.setattr(azure, "management", lambda: made.base)
        monkeypatch.setattr(azure, "_token", lambda _: lambda: TOKEN)
        yield made


@pytest.fixture
def sql_admin(monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    """Google's Cloud SQL Admin API."""
    made = Place()
    with answered(made.google) as port:
        made.base = f"http://127.0.0.1:{port}"
        monkeypatch.setattr(google, "_BASE", made.base)
        monkeypatch.setattr(google, "_login", lambda: (lambda: TOKEN, "shop"))
        yield made


@pytest.fixture
def fleet(command: Command) -> Command:
    command.ok("credentials", "add", "monitor", "--username", "m", "--password-stdin", stdin=CANARY)
    return command


def discover(fleet: Command, *more: str, status: int = 0) -> dict[str, Any]:
    said = fleet.run("instances", "discover", more[0], "--credential", "monitor", "--json",
                     *more[1:])  # fmt: skip
    assert said.status == status, said
    assert TOKEN not in said.out + said.err
    found: dict[str, Any] = said.json
    return found


def steps(found: dict[str, Any]) -> list[tuple[str, str]]:
    return [(step["step"], step["instance"]) for step in found["steps"]]


def registered(fleet: Command) -> dict[str, Instance]:
    return {item.name: item for item in fleet.store().registry.instances()}


def path(subscription: str, kind: str) -> str:
    return f"/subscriptions/{subscription}/providers/{kind}"


def server(subscription: str, kind: str, name: str, **properties: Any) -> dict[str, Any]:
    suffix = SUFFIXES[kind]
    return {
        "id": f"/subscriptions/{subscription}/resourceGroups/rg/providers/{kind}/{name}",
        "name": name, "type": kind, "location": "westeurope", "tags": {"env": "prod"},
        "properties": {"fullyQualifiedDomainName": f"{name}.{suffix}", **properties},
    }  # fmt: skip


def test_azure_lists_four_services_of_all_subscriptions(arm: Place, fleet: Command) -> None:
    arm.lists[path(ONE, SQL)] = [
        server(ONE, SQL, "shop"),
        {**server(ONE, SQL, "dw"), "kind": "v12.0,analytics"},
    ]
    arm.lists[path(ONE, MANAGED)] = [server(ONE, MANAGED, "erp")]
    arm.lists[path(ONE, POSTGRESQL)] = [
        server(ONE, POSTGRESQL, f"pg{number}", replicationRole=role)
        for number, role in enumerate(("Primary", "AsyncReplica", "None", "Primary", "Primary"))
    ]
    arm.lists[path(OTHER, MYSQL)] = [server(OTHER, MYSQL, "shop", replicationRole="Source")]
    found = discover(fleet, "azure", "--apply")
    assert [name for _, name in steps(found)] == ["erp", "pg0", "pg2", "pg3", "pg4", "shop",
                                                  "shop.westeurope"]  # fmt: skip
    assert [reason.partition(":")[2] for reason in found["left_out"]] == [
        " it is a read replica", " it is a server of Azure Synapse, which is not meant",
    ]  # fmt: skip
    known = registered(fleet)
    assert {
        name: (str(item.engine), item.port, str(item.platform)) for name, item in known.items()
    }.items() >= {
        "erp": ("sqlserver", 1433, "azure-managed-instance"),
        "pg0": ("postgresql", 5432, "azure"),
        "shop": ("sqlserver", 1433, "azure-sql-database"),
        "shop.westeurope": ("mysql", 3306, "azure"),
    }.items()
    assert known["shop"].host == "shop.database.windows.net"
    assert known["shop"].tags == ("env=prod",)
    # Azure writes parts of an identifier in another case at other times.
    for item in arm.lists[path(ONE, SQL)]:
        item["id"] = item["id"].upper()
    assert steps(discover(fleet, "azure")) == []


def test_azure_marks_what_is_gone_where_it_was_listed_whole(arm: Place, fleet: Command) -> None:
    for subscription in (ONE, OTHER):
        for kind in (SQL, MYSQL):
            name = f"{kind[-5]}-{subscription[:1]}".lower()
            arm.lists[path(subscription, kind)] = [server(subscription, kind, name)]
    arm.refusals[path(ONE, MANAGED)] = [
        (409, {"error": {"code": "MissingSubscriptionRegistration", "message": CANARY}})
    ]
    assert len(discover(fleet, "azure", "--apply")["steps"]) == 4
    arm.lists = {"/subscriptions": arm.lists["/subscriptions"]}
    arm.refusals[path(OTHER, SQL)] = [
        (403, {"error": {"code": "AuthorizationFailed", "message": CANARY}})
    ]
    found = discover(fleet, "azure", "--apply", status=1)
    assert len(found["steps"]) == 3
    assert {step["step"] for step in found["steps"]} == {"vanish"}
    (gap,) = found["gaps"]
    assert gap == (
        f"azure/{OTHER}/{SQL} was not listed whole: Azure refused it (403, AuthorizationFailed). "
        "Nothing there is marked as gone."
    )
    # A subscription that is not seen any more says nothing of what is in it.
    arm.lists["/subscriptions"] = []
    assert steps(discover(fleet, "azure")) == []


def instance(name: str, version: str = "POSTGRES_16", **more: Any) -> dict[str, Any]:
    return {
        "kind": "sql#instance", "name": name, "databaseVersion": version, "region": "europe-west1",
        "instanceType": "CLOUD_SQL_INSTANCE", "state": "RUNNABLE",
        "ipAddresses": [{"type": "PRIMARY", "ipAddress": "203.0.113.7"},
                        {"type": "PRIVATE", "ipAddress": "10.1.0.7"}],
        "settings": {"userLabels": {"team": "dba"},
                     "ipConfiguration": {"sslMode": "ENCRYPTED_ONLY"}},
        **more,
    }  # fmt: skip


def test_google_lists_projects(sql_admin: Place, fleet: Command) -> None:
    public = [{"type": "PRIMARY", "ipAddress": "203.0.113.8"}]
    sql_admin.lists["/v1/projects/shop/instances"] = [
        instance("pg"),
        instance("my", "MYSQL_8_0", ipAddresses=public),
        instance("ms", "SQLSERVER_2022_STANDARD",
                 ipAddresses=[{"type": "PRIVATE", "ipAddress": "10.1.0.9"}],
                 settings={"ipConfiguration": {"sslMode": "TRUSTED_CLIENT_CERTIFICATE_REQUIRED"}}),
        instance("copy", instanceType="READ_REPLICA_INSTANCE"),
        instance("psc", ipAddresses=[]),
    ]  # fmt: skip
    found = discover(fleet, "gcp", "--apply")
    assert steps(found) == [("add", "ms"), ("add", "my"), ("add", "pg")]
    assert "certificate" in found["steps"][0]["differences"][0]
    assert len(found["left_out"]) == 2
    known = registered(fleet)
    assert {name: (str(item.engine), item.host, item.port) for name, item in known.items()} == {
        "ms": ("sqlserver", "10.1.0.9", 1433),
        "my": ("mysql", "203.0.113.8", 3306),
        "pg": ("postgresql", "10.1.0.7", 5432),
    }
    assert (known["pg"].tags, str(known["pg"].platform)) == (("team=dba",), "cloudsql")
    sql_admin.lists["/v1/projects/shop/instances"] = [instance("pg")]
    assert steps(discover(fleet, "gcp", "--project", "other")) == []
    assert steps(discover(fleet, "gcp")) == [("vanish", "ms"), ("vanish", "my")]


@pytest.mark.parametrize(
    ("version", "asked", "mode", "words"),
    [
        ("POSTGRES_16", {"sslMode": "ENCRYPTED_ONLY"}, "require", ["without TLS"]),
        ("POSTGRES_16", {"sslMode": "ALLOW_UNENCRYPTED_AND_ENCRYPTED"}, "prefer", []),
        ("POSTGRES_16", {"requireSsl": True}, "require", ["certificate", "without TLS"]),
        ("SQLSERVER_2022_WEB", {"requireSsl": True}, "require", ["without TLS"]),
        ("MYSQL_8_0", {"sslMode": "SSL_MODE_UNSPECIFIED", "requireSsl": False}, "prefer", []),
        ("MYSQL_8_0", {"requireSsl": "true", "sslMode": 7}, "prefer", []),
    ],
)
def test_google_says_who_is_let_in(
    version: str, asked: dict[str, Any], mode: str, words: list[str]
) -> None:
    listed = instance("a", version, settings={"ipConfiguration": asked})
    step = added(google._resource(listed, "shop", "gcp/shop"))
    assert step.instance.tls.mode == mode
    assert len(step.differences) == len(words)
    assert all(word in text for word, text in zip(words, step.differences, strict=True))


@pytest.mark.parametrize(
    ("said", "mode"),
    [
        ({"minimalTlsVersion": "1.2"}, "require"),
        ({"minimalTlsVersion": "TLS1_2"}, "require"),
        ({"minimalTlsVersion": "None"}, "prefer"),
        ({"minimalTlsVersion": "TLSEnforcementDisabled"}, "prefer"),
        ({"sslEnforcement": "Enabled"}, "require"),
        ({"sslEnforcement": "Disabled"}, "prefer"),
        ({}, "prefer"),
    ],
)
def test_azure_says_which_tls_is_the_least(said: dict[str, str], mode: str) -> None:
    listed = server(ONE, SQL, "a", **said)
    step = added(azure._resource(listed, azure._KINDS[0], ONE, f"azure/{ONE}/{SQL}"))
    assert step.instance.tls.mode == mode
    assert len(step.differences) == (mode == "require")


def added(found: Resource) -> Step:
    """Return what a plan says of a resource that is new, where somebody asks for `prefer`."""
    listing = Listing(Cloud.AZURE, (found,), {found.scope: ""})
    asked = Asked("monitor", tls=TlsMode.PREFER)
    (step,) = planned(listing, Fleet(()), asked, datetime(2026, 11, 30, tzinfo=UTC)).steps
    return step


def test_google_says_itself_that_something_is_missing(sql_admin: Place, fleet: Command) -> None:
    other = [{"type": "PRIVATE", "ipAddress": "10.1.0.8"}]
    sql_admin.lists["/v1/projects/shop/instances"] = [
        instance("a"),
        instance("b", ipAddresses=other),
    ]
    discover(fleet, "gcp", "--apply")
    warned: dict[str, Any] = {
        "items": [instance("b", ipAddresses=[{"type": "PRIVATE", "ipAddress": "10.9.9.9"}])],
        "warnings": [{"code": "REGION_UNREACHABLE", "region": "us-east4", "message": CANARY}],
    }
    sql_admin.refusals["/v1/projects/shop/instances"] = [(200, warned)]
    found = discover(fleet, "gcp", "--apply", status=1)
    # What was listed is taken all the same.
    assert steps(found) == [("change", "b")]
    assert "something is missing (REGION_UNREACHABLE us-east4)" in found["gaps"][0]
    warned["warnings"][0]["code"] = "MAX_RESULTS_EXCEEDS_LIMIT"
    sql_admin.refusals["/v1/projects/shop/instances"] = [(200, warned)]
    assert steps(discover(fleet, "gcp")) == [("vanish", "a")]


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ((401, {"error": {"status": "UNAUTHENTICATED"}}), "401, UNAUTHENTICATED"),
        ((403, {"error": {"code": 403, "message": CANARY}}), "refused it (403)"),
        ((302, "http://127.0.0.1:9/"), "refused it (302)"),
        ((200, [CANARY]), "no object of JSON"),
        ((200, {"items": [CANARY]}), "no list of objects"),
        ((200, {"items": {"a": CANARY}}), "no list of objects"),
        ((200, {"items": [instance("a")], "nextPageToken": 7}), "'nextPageToken' is no text"),
        ((200, {"error": {"message": CANARY}}), "no object of JSON that is a list"),
        ((200, {"items": [{"region": "x"}]}), "something without an identifier"),
        ((200, {"x": "y" * 70_000}), "more than 65536 bytes"),
    ],
)  # fmt: skip
def test_what_is_no_list_marks_nothing(sql_admin: Place, answer: Answer, reason: str) -> None:
    sql_admin.refusals["/v1/projects/shop/instances"] = [answer]
    limits = Limits(bytes_of_page=65_536)
    found = google.list_google(["shop"], limits=limits)
    assert found.whole == frozenset()
    assert reason in found.scopes["gcp/shop"]
    assert CANARY not in str(found)
    assert len(sql_admin.asked) == 1


def slowed(place: Place, waits: list[float], limits: Limits | None = None) -> Listing:
    bounds = limits or Limits()
    rest = Rest("Google", place.base, lambda: TOKEN, bounds, Time(bounds), waits.append)
    return google.list_google(["shop"], rest, bounds)


def test_what_is_busy_is_asked_again_and_not_for_ever(sql_admin: Place) -> None:
    busy = (429, {"error": {"status": "RESOURCE_EXHAUSTED"}})
    sql_admin.lists["/v1/projects/shop/instances"] = [instance("a")]
    sql_admin.refusals["/v1/projects/shop/instances"] = [busy, busy]
    waits: list[float] = []
    assert slowed(sql_admin, waits).whole == {"gcp/shop"}
    assert waits == [1, 1]
    sql_admin.refusals["/v1/projects/shop/instances"] = [busy] * 5
    assert "429" in slowed(sql_admin, waits).scopes["gcp/shop"]
    assert len(sql_admin.refusals["/v1/projects/shop/instances"]) == 2
    assert "was over" in slowed(sql_admin, waits, Limits(seconds=0)).scopes["gcp/shop"]
    sql_admin.refusals.clear()
    sql_admin.lists["/v1/projects/shop/instances"] = [instance(str(n)) for n in range(9)]
    cut = slowed(sql_admin, waits, Limits(pages=2))
    assert ("2 pages" in cut.scopes["gcp/shop"], len(cut.resources)) == (True, 4)


@pytest.mark.parametrize(
    "host", ["http://127.0.0.2:9", "https://127.0.0.1", "http://[", "http://a@127.0.0.1", "ftp://x"]
)
def test_the_token_goes_nowhere_else(
    arm: Place, monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    arm.lists[path(ONE, SQL)] = [server(ONE, SQL, f"s{number}") for number in range(3)]
    arm.next_host = host
    found = azure.list_azure([ONE])
    assert "another host" in found.scopes[f"azure/{ONE}/{SQL}"]
    assert len(found.resources) == 2


def test_an_address_with_the_port_that_it_has_anyway_is_the_same() -> None:
    rest = Rest("Azure", "https://127.0.0.1:9", lambda: TOKEN, Limits(), Time(Limits()))
    with pytest.raises(Unlisted, match="ConnectionError"):
        replace(rest, base="https://127.0.0.1").page("https://127.0.0.1:443/x?a=b&$skiptoken=c")


def test_without_a_token_nothing_is_listed(arm: Place, monkeypatch: pytest.MonkeyPatch) -> None:

    def over() -> str:
        raise Unlisted("Azure gave no token (ClientAuthenticationError)")

    monkeypatch.setattr(azure, "_token", lambda _: over)
    gone = azure.list_azure([ONE])
    assert gone.whole == frozenset()
    rest = Rest("Azure", arm.base, lambda: TOKEN, Limits(), Time(Limits()))
    assert TOKEN not in repr(rest)
    monkeypatch.setattr(azure, "management", lambda: "http://127.0.0.1:9")
    monkeypatch.setattr(azure, "_token", lambda _: lambda: TOKEN)
    assert "ConnectionError" in azure.list_azure([ONE]).scopes[f"azure/{ONE}/{SQL}"]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("azure", "--subscription", "../x"), "is no subscription"),
        (("gcp", "--project", "a/b"), "is no project"),
    ],
)
def test_what_can_be_no_place_is_refused(
    fleet: Command, arm: Place, sql_admin: Place, arguments: tuple[str, ...], sentence: str
) -> None:
    said = fleet.wrong("instances", "discover", *arguments, "--credential", "monitor")
    assert sentence in said
    assert arm.asked == sql_admin.asked == []


def test_a_package_that_is_not_there_is_named_with_what_installs_it(
    fleet: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(*_: object) -> Listing:
        raise ModuleNotFoundError(name="azure.identity")

    monkeypatch.setattr(azure, "list_azure", missing)
    said = fleet.wrong("instances", "discover", "azure", "--credential", "monitor")
    assert "pip install 'sync-pipeline[azure]'" in said


def test_sessions_follow_no_netrc(
    arm: Place, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    """Its login for a host would go in the place of the token."""
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login someone password else\n")
    monkeypatch.setenv("NETRC", str(netrc))
    assert requests.utils.get_netrc_auth(arm.base) == ("someone", "else")
    assert azure.list_azure([ONE]).whole != frozenset()


@pytest.mark.parametrize("token", ["with\nan end", "", "of the m\u00e4chine", f"{CANARY} "])
def test_a_token_that_no_header_takes_is_shown_nowhere(arm: Place, token: str) -> None:
    asked: list[str] = []

    def given() -> str:
        asked.append(token)
        return token

    limits = Limits()
    rest = Rest("Azure", arm.base, once_refused("Azure", given), limits, Time(limits))
    found = azure.list_azure([ONE], rest, limits)
    assert set(found.scopes.values()) == {"Azure gave no token (it can be in no header)"}
    assert (len(asked), arm.asked) == (1, [])


def test_who_gave_no_token_is_not_asked_for_each_list(arm: Place) -> None:
    asked: list[str] = []

    def given() -> str:
        asked.append("again")
        raise KeyError(CANARY)

    limits = Limits()
    rest = Rest("Azure", arm.base, once_refused("Azure", given), limits, Time(limits))
    assert set(azure.list_azure([ONE, OTHER], rest, limits).scopes.values()) == {
        "Azure gave no token (KeyError)"
    }
    assert asked == ["again"]


@pytest.mark.parametrize(
    "text",
    ["[]", '"x"', "", "\ufffe", '{"type": "impersonated_service_account"}',
     '{"type": "external_account", "audience": 5, "subject_token_type": "x", "token_url": "x"}'],
)  # fmt: skip
def test_credentials_that_google_can_not_read_are_one_sentence(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, text: str
) -> None:
    file = tmp_path / "key.json"
    file.write_text(text)
    for place in (file, tmp_path):
        monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(place))
        with pytest.raises(ConfigurationError, match="Google's client has no credentials"):
            google.list_google(["shop"])


@pytest.mark.parametrize(
    "variables",
    [
        {"AZURE_AUTHORITY_HOST": "http://x"},
        {"AZURE_TENANT_ID": "a b", "AZURE_CLIENT_ID": "x", "AZURE_CLIENT_SECRET": CANARY},
        {"AZURE_TENANT_ID": "a", "AZURE_CLIENT_ID": "x", "AZURE_CLIENT_CERTIFICATE_PATH": "/nope"},
        {"AZURE_TOKEN_CREDENTIALS": CANARY},
    ],
)
def test_what_azure_can_not_read_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str]
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ConfigurationError, match="can't read what it is set to") as found:
        azure.list_azure([ONE])
    assert CANARY not in str(found.value)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ({}, "has no list"),
        ({"value": None}, "no list of objects"),
        ({"error": {"code": "x"}}, "no object of JSON that is a list"),
        ({"value": [], "nextLink": ["https://x"]}, "'nextLink' is no text"),
        ({"value": [], "nextLink": {"href": "https://x"}}, "'nextLink' is no text"),
        ({"value": [], "nextLink": "@127.0.0.2/x"}, "another host"),
    ],
)
def test_an_answer_that_may_lack_something_marks_nothing(
    arm: Place, fleet: Command, answer: dict[str, Any], reason: str
) -> None:
    arm.lists[path(ONE, SQL)] = [server(ONE, SQL, "shop")]
    discover(fleet, "azure", "--apply")
    arm.refusals[path(ONE, SQL)] = [(200, answer)]
    found = discover(fleet, "azure", "--apply", "--subscription", ONE, status=1)
    assert steps(found) == []
    assert reason in found["gaps"][0]


class _Dribbles(BaseHTTPRequestHandler):
    """Answers byte by byte, for as long as somebody waits."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("content-length", "60000")
        self.end_headers()
        with suppress(OSError):
            for _ in range(60_000):
                self.wfile.write(b" ")
                sleep(0.01)

    def log_message(self, *_: object) -> None:
        """Stay quiet."""


def test_a_service_that_dribbles_is_left_when_time_is_over() -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Dribbles) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        limits, ticks = Limits(seconds=5), count()
        rest = Rest(
            "Azure", f"http://127.0.0.1:{server.server_port}", lambda: TOKEN, limits,
            Time(limits, lambda: next(ticks)),
        )  # fmt: skip
        with pytest.raises(Unlisted, match="was over"):
            rest.page("/x")
        server.shutdown()


class _Packed(_Dribbles):
    """Answers in one piece that was compressed."""

    body = gzip.compress(b'{"value": [' + b" " * 300_000 + b"]}")

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("content-encoding", "gzip")
        self.send_header("content-length", str(len(self.body)))
        self.end_headers()
        self.wfile.write(self.body)


def test_what_was_compressed_counts_as_what_it_is() -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Packed) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        limits = Limits()
        rest = Rest(
            "Azure", f"http://127.0.0.1:{server.server_port}", lambda: TOKEN, limits, Time(limits)
        )
        assert rest.page("/x") == {"value": []}
        with pytest.raises(Unlisted, match="more than 100000 bytes"):
            replace(rest, limits=Limits(bytes_of_page=100_000)).page("/x")
        server.shutdown()


_ALONE = """
from sync_pipeline.fleet.discovery import azure
print(azure.list_azure(["1"]).scopes)
"""


def test_what_a_package_logs_is_not_printed() -> None:
    environment = {**os.environ, "AZURE_TOKEN_CREDENTIALS": "environmentcredential"}
    said = subprocess.run(
        [sys.executable, "-c", _ALONE], env=environment, capture_output=True, text=True, check=True
    )
    assert "Azure gave no token (" in said.stdout
    assert said.stderr == ""
