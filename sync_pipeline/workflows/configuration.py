"""The settings as people are shown them: values without secrets, and where they come from."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from enum import Enum, StrEnum
from pathlib import Path
from typing import Any

from pydantic.fields import FieldInfo
from pydantic_core import to_jsonable_python
from pydantic_settings import NoDecode

from sync_pipeline.settings import PREFIX, Settings

HIDDEN = "***"
_PASSWORD = re.compile(r"(?<=://)([^/?#\s]*?):[^/?#\s]*@")
_WITHOUT_SECRETS = {"store_url"}
"""Secrets of which the rest may be seen: whoever asks wants to know which store it is."""


class Source(StrEnum):
    """Where the value of a setting comes from."""

    ENVIRONMENT = "environment"
    FILE = "file"
    DEFAULT = "default"


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting; `value` and `default` are plain values, without what is secret in them."""

    variable: str
    value: Any
    source: Source
    default: Any
    description: str
    is_secret: bool


def settings_of(settings: Settings) -> list[Setting]:
    """Return every setting, in the order of their declaration."""
    return [_setting(settings, name, field) for name, field in Settings.model_fields.items()]


def _setting(settings: Settings, name: str, field: FieldInfo) -> Setting:
    source = _source(settings, name)
    return Setting(
        variable=f"{PREFIX}{name.upper()}",
        value=_value(name, field, getattr(settings, name), source),
        source=source,
        default=_default(field),
        description=field.description or "",
        is_secret=not field.repr,
    )


def written(value: Any, name: str = "") -> str:
    """Return a plain value as a variable has it; a list has commas where its setting takes them."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, list):
        return ",".join(value) if _has_commas(name) else json.dumps(value, ensure_ascii=False)
    return str(value)


def markdown_table() -> str:
    """Return the table of the settings in docs/operations.md."""
    lines = ["| variable | default | meaning |", "|---|---|---|"]
    for name, field in Settings.model_fields.items():
        default = written(_default(field), f"{PREFIX}{name.upper()}")
        shown = f" `{default}` " if default else " "
        meaning = (field.description or "").replace("|", r"\|").replace("*", r"\*")
        lines.append(f"| `{PREFIX}{name.upper()}` |{shown}| {meaning} |")
    return "\n".join(lines) + "\n"


def _source(settings: Settings, name: str) -> Source:
    if name in settings.model_fields_set:
        return Source.ENVIRONMENT
    if name == "secret_key" and settings.effective_key_file.is_file():
        return Source.FILE
    return Source.DEFAULT


def _value(name: str, field: FieldInfo, value: Any, source: Source) -> Any:
    plain = _plain(value)
    if field.repr:
        return _without_passwords(plain)
    if not plain:
        return HIDDEN if source is Source.FILE else ""
    return _masked_url(str(plain)) if name in _WITHOUT_SECRETS else HIDDEN


def _masked_url(url: str) -> str:
    from sqlalchemy.engine import make_url  # noqa: PLC0415 - only where there is one
    from sqlalchemy.exc import ArgumentError  # noqa: PLC0415 - as above

    from sync_pipeline.store.masking import masked  # noqa: PLC0415 - as above

    try:
        return masked(make_url(url))
    except (ArgumentError, ValueError):
        return HIDDEN


def _without_passwords(value: Any) -> Any:
    """Return a value in which no URL has its password."""
    if isinstance(value, str):
        return _PASSWORD.sub(rf"\1:{HIDDEN}@", value)
    if isinstance(value, list):
        return [_without_passwords(item) for item in value]
    return value


def _plain(value: Any) -> Any:
    """Return JSON's value of a setting; a type of secret says itself that it is one."""
    if isinstance(value, Enum):
        return value.value
    return to_jsonable_python(value, fallback=str)


def _default(field: FieldInfo) -> Any:
    """Return the default; what depends on who asks, the home, as the shell writes it."""
    value = field.get_default(call_default_factory=True)
    if isinstance(value, Path):
        return str(value).replace(str(Path.home()), "~", 1)
    return _plain(value)


def _has_commas(variable: str) -> bool:
    field = Settings.model_fields.get(variable.removeprefix(PREFIX).lower())
    return field is not None and any(
        item is NoDecode or isinstance(item, NoDecode) for item in field.metadata
    )
