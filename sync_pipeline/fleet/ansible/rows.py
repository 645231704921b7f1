"""Hosts of an inventory as rows of ours: those that have `sync_pipeline_engine`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from sync_pipeline.errors import ConfigurationError
from sync_pipeline.files.written_yaml import BadYaml
from sync_pipeline.fleet.ansible.ini import read_ini
from sync_pipeline.fleet.ansible.inventory import (
    ADDRESSES,
    OURS,
    BadInventory,
    Encrypted,
    Host,
    Inventory,
)
from sync_pipeline.fleet.ansible.written import read_written

_ENGINE = f"{OURS}engine"
_PROPERTIES = frozenset(
    {
        "name", "engine", "host", "port", "credential", "database", "tls", "tls_ca", "tags",
        "environment", "description",
    }
)  # fmt: skip
_LISTS = MappingProxyType({"tags": ","})
_WRITTEN = (".yaml", ".yml", ".json")
_ENCRYPTED, _PROGRAM = "$ANSIBLE_VAULT;", "#!"
_TEMPLATE = re.compile(r"\{[{%#]")
"""What begins an expression, a statement or a comment of Jinja, which takes all three away."""


class NotRead(Exception):
    """A host is no instance of ours, and why."""


def inventory_hosts(text: str, path: Path) -> list[Host]:
    """Return all hosts of an inventory.

    Raises:
        ConfigurationError: it is none, is encrypted as a whole, or would have to be run.
    """
    if text.startswith(_ENCRYPTED):
        raise _refused(path, "is encrypted by Ansible Vault, which is not read")
    if text.startswith(_PROGRAM):
        raise _refused(path, "is a program, and none is run")
    try:
        return list(_read(text, path).hosts())
    except BadInventory as error:
        raise ConfigurationError(error.sentence(str(path)), hint="Nothing was imported.") from None
    except BadYaml as error:
        raise ConfigurationError(error.sentence(str(path)), hint="Nothing was imported.") from None


def is_database(host: Host) -> bool:
    """Return whether a host says that it is one."""
    return host.variables.get(_ENGINE) is not None


def row_of(host: Host) -> dict[str, Any]:
    """Return a host's properties, as a row of ours has them.

    Raises:
        NotRead: a variable that counts is encrypted or computed, or no property of ours.
    """
    row: dict[str, Any] = dict(_properties(host.variables))
    row.setdefault("host", _address(host))
    row.setdefault("name", host.name)
    # No tag has the semicolon that joins ours in a CSV file.
    groups = (group.replace(";", ",") for group in host.groups)
    row["tags"] = [*_tags(row.get("tags", ())), *groups]
    return row


def _address(host: Host) -> Any:
    for name in ADDRESSES:
        found = host.variables.get(name)
        if found is not None:
            return _plain(name, found)
    return host.name


def _read(text: str, path: Path) -> Inventory:
    is_written = path.suffix.lower() in _WRITTEN or text.lstrip().startswith(("{", "---"))
    return read_written(text) if is_written else read_ini(text)


def _properties(variables: Mapping[str, object]) -> Iterator[tuple[str, Any]]:
    for name, value in variables.items():
        if not name.startswith(OURS) or value is None:
            continue
        key = name.removeprefix(OURS)
        if key not in _PROPERTIES:
            raise NotRead(f"{name} is no property of an instance")
        yield key, _plain(name, value)


def _plain(name: str, value: object) -> Any:
    texts = value if isinstance(value, list) else [value]
    if any(isinstance(text, Encrypted) for text in texts):
        raise NotRead(f"{name} is encrypted by Ansible Vault, which is not read")
    if not isinstance(value, str | list):
        raise NotRead(f"{name} is neither a text nor a list")
    if any(_TEMPLATE.search(text) for text in texts if isinstance(text, str)):
        raise NotRead(f"{name} is a template, which is not computed")
    return value


def _tags(value: object) -> list[Any]:
    if isinstance(value, str):
        return [tag.strip() for tag in value.split(_LISTS["tags"])]
    return list(value) if isinstance(value, list) else []


def _refused(path: Path, reason: str) -> ConfigurationError:
    return ConfigurationError(
        f"The file {path} {reason}.",
        hint="Give what is written by: ansible-inventory --list -i INVENTORY --output FILE.json",
    )
