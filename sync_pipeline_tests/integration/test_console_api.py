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
def described(pages: Pages) -> Any:
    """The API as it describes itself; lengths, and who may ask, have tests of their own."""
    load_all_checks()
    found = pages.get("/api/v1/openapi.json").json
    del found["security"]
    known = what_there_is(pages)
    for path, operation in found["paths"].items():
        parameters = operation["get"]["parameters"]
        # Keys of pages are opaque: any text is one by the description, and none of another list.
        parameters[:] = [item for item in parameters if item["name"] != "after"]
        for item in parameters:
            _without_length(item["schema"])
            value = known.get((path.rpartition("/")[2], item["name"]))
            if item["required"] and value:
                item["schema"] = {"type": "string", "enum": [value, "nowhere"]}
    return from_dict(found)


def what_there_is(pages: Pages) -> dict[tuple[str, str], str]:
    """Return values of parameters that lead to an answer: at random nothing would be found."""
    queries = {
        name: parse_qsl(path.partition("?")[2]) for name, path in pages_of(pages.deps).items()
    }
    return {(name, key): value for name, query in queries.items() for key, value in query}


def _without_length(schema: dict[str, Any]) -> None:
    schema.pop("maxLength", None)
    if "items" in schema:
        _without_length(schema["items"])


@pytest.mark.parametrize("name", NAMES)
def test_every_answer_is_as_it_is_described(pages: Pages, described: Any, name: str) -> None:
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

    any_question()
    assert not {status for _, status in seen} - {200, 400, 404, 414}
    assert seen[False, 400]
    assert seen[True, 200], "nothing was answered"
