"""What OpenAPI says of the API: made from the resources, so that it can't say anything else."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

from sync_pipeline.web.asked import (
    AFTER,
    FORMAT,
    LIMIT,
    LONGEST_VALUE,
    MOST_ROWS,
    TABLE,
    Parameter,
    Shape,
)
from sync_pipeline.web.resource import Resource
from sync_pipeline.web.texts import Texts
from sync_pipeline.web.views import Column, Kind, Layout

_TEXT: dict[str, Any] = {"type": "string"}
_TYPES: dict[Kind, dict[str, Any]] = {
    Kind.MOMENT: {"type": ["string", "null"], "format": "date-time"},
    Kind.DAY: {"type": ["string", "null"], "format": "date"},
    Kind.NUMBER: {"type": ["number", "null"]},
    Kind.SIZE: {"type": ["number", "null"], "description": "Bytes."},
    Kind.CHANGE: {"type": ["number", "null"], "description": "Percent."},
    Kind.FLAG: {"type": "boolean"},
    Kind.LINES: {"type": ["array", "null"], "items": _TEXT},
    Kind.TREE: {"oneOf": [{"type": "null"}, {"$ref": "#/components/schemas/Tree"}]},
}
_PROBLEM = {"$ref": "#/components/schemas/Problem"}
_ERRORS = {
    "400": "The question can't be answered as it is asked.",
    "401": "No token, or one that is wrong, expired or removed.",
    "403": "The request is of another site's page, or of a host that is not allowed.",
    "404": "There is no such thing, or the token may not see it.",
    "414": "The query is too long.",
    "429": "Too many wrong tokens came from this address.",
    "503": "The store does not answer, or the answer took too long.",
}


def document(resources: tuple[Resource, ...], texts: Texts) -> dict[str, Any]:
    """Return the description of the API (OpenAPI 3.1)."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "sync_pipeline",
            "version": "1",
            "description": f"The questions of the console, by sync_pipeline {_version()}.",
        },
        "security": [{"token": []}],
        "paths": {item.api: {"get": _operation(item, texts)} for item in resources},
        "components": {
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
            "schemas": {"Problem": _problem(), "Tree": _tree()},
        },
    }


def _version() -> str:
    return version("sync_pipeline")


def _operation(resource: Resource, texts: Texts) -> dict[str, Any]:
    content = {
        "application/json": {"schema": _schema(resource)},
        "text/csv": {"schema": _TEXT},
    }
    return {
        "operationId": resource.name,
        "summary": texts(f"title.{resource.name}"),
        "parameters": [
            *(_parameter(item, texts) for item in resource.everything),
            _common(LIMIT, {"type": "integer", "minimum": 1, "maximum": MOST_ROWS}),
            _common(AFTER, _TEXT),
            _common(FORMAT, {"type": "string", "enum": ["json", "csv"]}),
            _common(TABLE, {"type": "string", "enum": [item.name for item in resource.layouts]}),
        ],
        "responses": {
            "200": {"description": "The answer.", "content": content},
            **{
                status: {
                    "description": text,
                    "content": {"application/problem+json": {"schema": _PROBLEM}},
                }
                for status, text in _ERRORS.items()
            },
        },
    }


def _parameter(item: Parameter, texts: Texts) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "string", "maxLength": LONGEST_VALUE}
    if item.choices:
        schema = {"type": "string", "enum": list(item.choices)}
    elif item.shape is Shape.FLAG:
        schema = {"type": "string", "enum": ["yes", "no"]}
    elif item.is_required:
        schema["minLength"] = 1
    if item.is_many:
        schema = {"type": "array", "items": schema}
    key = f"field.{item.name}"
    return {
        "name": item.name,
        "in": "query",
        "required": item.is_required,
        "schema": schema,
        **({"description": texts(key)} if texts.has(key) else {}),
    }


def _common(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "in": "query", "required": False, "schema": schema}


def _schema(resource: Resource) -> dict[str, Any]:
    notes = {"type": "array", "items": _TEXT}
    if not resource.facts and len(resource.layouts) == 1:
        own = _table(resource.layouts[0])
        return _object({**own["properties"], "notes": notes})
    return _object(
        {
            "name": _TEXT,
            "facts": _object({item.name: _type(item) for item in resource.facts}),
            "tables": _object({item.name: _table(item) for item in resource.layouts}),
            "notes": notes,
        }
    )


def _table(layout: Layout) -> dict[str, Any]:
    row = _object({item.name: _type(item) for item in layout.columns})
    return _object(
        {
            "items": {"type": "array", "items": row},
            "next": {"type": ["string", "null"]},
            "total": {"type": ["integer", "null"]},
        }
    )


def _object(properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "required": list(properties), "properties": properties}


def _type(column: Column) -> dict[str, Any]:
    return _TYPES.get(column.kind, {"type": ["string", "null"]})


def _tree() -> dict[str, Any]:
    return _object(
        {
            "name": {"type": ["string", "null"]},
            "words": _TEXT,
            "branches": {"type": "array", "items": {"$ref": "#/components/schemas/Tree"}},
            "is_repeated": {"type": "boolean"},
            "more": {"type": "integer"},
        }
    )


def _problem() -> dict[str, Any]:
    return _object({"type": _TEXT, "title": _TEXT, "status": {"type": "integer"}, "detail": _TEXT})
