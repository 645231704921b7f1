"""What a request asks: every parameter is declared, and anything else is refused."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from http import HTTPStatus
from typing import TypeVar
from urllib.parse import parse_qsl, urlencode

from sync_pipeline.callers import Refusal
from sync_pipeline.model.page import Key, Place

MOST_QUERY_BYTES = 49_152
MOST_PARAMETERS = 64
LONGEST_VALUE = 12_000
LONGEST_KEY = 4 * LONGEST_VALUE
"""A key may hold a name, in a form that an address takes."""
MOST_VALUES = 20
DEFAULT_ROWS, MOST_ROWS = 50, 500
AFTER, LIMIT, FORMAT, TABLE = "after", "limit", "format", "table"

EnumT = TypeVar("EnumT", bound=StrEnum)


class Shape(StrEnum):
    """What a parameter is; it says how the form shows it, and what OpenAPI says."""

    TEXT = "text"
    INSTANCE = "instance"
    CHOICE = "choice"
    FLAG = "flag"


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of a page and of the API.

    `choices` are all values of a choice, and `default` the one that is meant where none is given.
    A form suggests `suggested`, and what the resource `completed_by` finds as one writes.
    """

    name: str
    shape: Shape = Shape.TEXT
    choices: tuple[str, ...] = ()
    is_many: bool = False
    is_required: bool = False
    default: str = ""
    suggested: tuple[str, ...] = ()
    completed_by: str = ""


@dataclass(frozen=True, slots=True)
class Asked:
    """The parameters of one request, checked."""

    values: Mapping[str, tuple[str, ...]]
    place: Place
    form: str = ""
    table: str = ""

    def text(self, name: str) -> str:
        """Return a value; empty: it is not given."""
        return self.values.get(name, ("",))[0]

    def many(self, name: str) -> tuple[str, ...]:
        """Return all values."""
        return self.values.get(name, ())

    def flag(self, name: str) -> bool:
        """Return whether it is given and says yes."""
        return self.text(name) == "yes"

    def choice(self, name: str, kind: type[EnumT]) -> EnumT | None:
        """Return a value of a choice; None: it is not given."""
        return kind(self.text(name)) if self.text(name) else None

    def query(self, **changed: str) -> str:
        """Return the query of an address of the same question, with other values of some."""
        kept = [
            (name, value)
            for name, values in self.values.items()
            if name not in changed
            for value in values
        ]
        if self.place.limit != DEFAULT_ROWS and LIMIT not in changed:
            kept.append((LIMIT, str(self.place.limit)))
        new = [(name, value) for name, value in changed.items() if value]
        return urlencode([*kept, *new])


def wrong(sentence: str) -> Refusal:
    """Return that a request is not one that can be answered."""
    return Refusal(HTTPStatus.BAD_REQUEST, sentence)


def read(query: bytes, parameters: Sequence[Parameter]) -> Asked:
    """Read a query.

    Raises:
        Refusal: it is too long, or has what is not declared.
    """
    if len(query) > MOST_QUERY_BYTES:
        raise Refusal(HTTPStatus.REQUEST_URI_TOO_LONG, "The query of the address is too long.")
    try:
        pairs = parse_qsl(
            query.decode("ascii"),
            keep_blank_values=True,
            max_num_fields=MOST_PARAMETERS,
            errors="strict",
        )
    except ValueError:
        raise wrong("The query of the address can't be read.") from None
    given: dict[str, list[str]] = {}
    for name, value in pairs:
        if len(value) > (LONGEST_KEY if name == AFTER else LONGEST_VALUE):
            raise wrong("A parameter of the address is too long.")
        if value:
            given.setdefault(name, []).append(value)
    place = Place(_limit(given.pop(LIMIT, [])), decoded(_single(AFTER, given.pop(AFTER, []))))
    form, table = _single(FORMAT, given.pop(FORMAT, [])), _single(TABLE, given.pop(TABLE, []))
    declared = {item.name: item for item in parameters}
    for name in given:
        if name not in declared:
            raise wrong("The address has a parameter that there is not.")
    values = {item.name: _checked(item, given.get(item.name, [])) for item in parameters}
    return Asked({name: own for name, own in values.items() if own}, place, form, table)


def _checked(parameter: Parameter, given: Sequence[str]) -> tuple[str, ...]:
    most = MOST_VALUES if parameter.is_many else 1
    if len(given) > most:
        raise wrong(f"The parameter {parameter.name} is given too often.")
    choices = ("yes", "no") if parameter.shape is Shape.FLAG else parameter.choices
    if choices and not set(given) <= set(choices):
        raise wrong(f"The parameter {parameter.name} is one of: {', '.join(choices)}.")
    return tuple(dict.fromkeys(given))


def _single(name: str, given: Sequence[str]) -> str:
    if len(given) > 1:
        raise wrong(f"The parameter {name} is given too often.")
    return given[0] if given else ""


def _limit(given: Sequence[str]) -> int:
    text = _single(LIMIT, given) or str(DEFAULT_ROWS)
    if not (text.isascii() and text.isdigit() and len(text) < 5 and 0 < int(text) <= MOST_ROWS):  # noqa: PLR2004 - digits
        raise wrong(f"The parameter {LIMIT} is a number from 1 to {MOST_ROWS}.")
    return int(text)


def encoded(key: Key | None) -> str:
    """Return a key as an address has it; empty for none."""
    if key is None:
        return ""
    text = json.dumps(key, separators=(",", ":"), ensure_ascii=False)
    return base64.urlsafe_b64encode(text.encode("utf-8", "replace")).decode().rstrip("=")


def decoded(text: str) -> Key | None:
    """Return the key of an address.

    Raises:
        Refusal: it is none.
    """
    if not text:
        return None
    try:
        raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        found = json.loads(raw)
    except (ValueError, binascii.Error, RecursionError):
        found = None
    is_key = isinstance(found, list) and found
    if not is_key or any(type(part) not in (str, int) or _is_odd(part) for part in found):
        raise wrong("The parameter after is not the key of a page.")
    return tuple(found)


def _is_odd(part: str | int) -> bool:
    """Return whether no store takes a value: too large a number, or half a character."""
    if isinstance(part, int):
        return not -(2**62) < part < 2**62
    return any("\ud800" <= character <= "\udfff" for character in part)
