"""Every question that the API describes, and many that it does not allow, by schemathesis."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
import requests
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis.checks import CHECKS, load_all_checks
from schemathesis.core.transport import Response
from schemathesis.generation.modes import GenerationMode
from schemathesis.openapi import from_dict

from sync_pipeline.model.viewer import Viewer
from sync_pipeline.settings import Settings
from sync_pipeline.store.store import Store
from sync_pipeline.web.resources.every import RESOURCES
from sync_pipeline.web.serve import reading
from workbench.fleet.teams import HOSTILE, NOW, Team, fill
from workbench.running.asked_pages import Pages
from workbench.running.served_console import pages_of

WANTED = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
    "response_headers_conformance",
)
NAMES = [item.name for item in RESOURCES]
MOMENTS = ("at", "other-at")
"""Most texts are none, and most moments one of which nothing is known."""
BASE = "http://console.example"


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pages]:
    home = tmp_path_factory.mktemp("api")
    store = Store.open(f"sqlite:///{home}/sync_pipeline.db")
    fill(store, [Team("blue", 2, HOSTILE)], 7, sessions=2)
    store.close()
    with reading(Settings(home=home), lambda: NOW) as deps:
        made = Pages(deps, Viewer("all"))
        yield made
        made.close()


@pytest.fixture(scope="module")
def known(pages: Pages) -> dict[str, dict[str, str]]:
    return what_there_is(pages)


@pytest.fixture(scope="module")
def described(pages: Pages, known: dict[str, dict[str, str]]) -> Any:
    """The API as it describes itself; lengths, and who may ask, have tests of their own."""
    load_all_checks()
    found = pages.get("/api/v1/openapi.json").json
    del found["security"]
    for path, operation in found["paths"].items():
        parameters = operation["get"]["parameters"]
        # Keys of pages are opaque: any text is one by the description, and none of another list.
        parameters[:] = [item for item in parameters if item["name"] != "after"]
        for item in parameters:
            _without_length(item["schema"])
            value = known[path.rpartition("/")[2]].get(item["name"])
            if item["required"] and value:
                # Where one name is asked for, it may be of nothing; of two, one mostly would be.
                is_alone = sum(each["required"] for each in parameters) == 1
                nothing = ["nowhere"] if is_alone else []
                item["schema"] = {"type": "string", "enum": [value, *nothing]}
            elif item["name"] in MOMENTS:
                item["schema"] = {"type": "string", "enum": [NOW.isoformat()]}
    return from_dict(found)


def what_there_is(pages: Pages) -> dict[str, dict[str, str]]:
    """Return a query of each resource that has an answer: at random nothing would be found."""
    known = {
        name: dict(parse_qsl(path.partition("?")[2])) for name, path in pages_of(pages.deps).items()
    }
    for item in RESOURCES:
        # One that has no page is about what another one is about.
        alike = (query for query in known.values() if set(item.required) <= set(query))
        found = next(alike, {}) if item.required else {}
        known.setdefault(item.name, {key: found[key] for key in item.required})
    return known


def _without_length(schema: dict[str, Any]) -> None:
    schema.pop("maxLength", None)
    if "items" in schema:
        _without_length(schema["items"])


@pytest.mark.parametrize("name", NAMES)
def test_every_answer_is_as_it_is_described(
    pages: Pages, described: Any, known: dict[str, dict[str, str]], name: str
) -> None:
    """And what is not allowed is refused: never a fault, always a problem that says why not."""
    operation = described[f"/api/v1/{name}"]["GET"]
    checks = CHECKS.get_by_names(WANTED)
    seen: Counter[tuple[bool, int]] = Counter()

    def ask(case: Any, *, is_allowed: bool) -> None:
        given_ = case.as_transport_kwargs(base_url=BASE)
        prepared = requests.Request(
            given_["method"], given_["url"], params=given_.get("params")
        ).prepare()
        answer = pages.get(urlsplit(prepared.url).path, urlsplit(prepared.url).query)
        seen[is_allowed, answer.status] += 1
        headers = {key: [value] for key, value in answer.headers.items()}
        response = Response(answer.status, headers, answer.body, prepared, 0.1, verify=True)
        case.validate_response(response, checks=checks)

    @settings(max_examples=5, suppress_health_check=list(HealthCheck))
    @given(st.data())
    def any_question(data: Any) -> None:
        for mode in GenerationMode:
            case = data.draw(operation.as_strategy(generation_mode=mode))
            ask(case, is_allowed=mode is GenerationMode.POSITIVE)

    ask(operation.Case(query=known[name]), is_allowed=True)
    assert seen[True, 200], "nothing was answered"
    any_question()
    assert not {status for _, status in seen} - {200, 400, 404, 414}
    assert seen[False, 400]
