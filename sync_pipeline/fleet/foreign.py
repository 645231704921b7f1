"""Instances from the lists that other tools keep: what each calls a server, as a row of ours.

They hold no password, or keep it apart and encrypted: none is read. What is of no engine of ours,
or is reached in a way that we do not go, is left out and named.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType
from typing import Any

import yaml

from sync_pipeline.errors import ConfigurationError
from sync_pipeline.files.written_yaml import BadYaml, WrittenYaml, read_yaml
from sync_pipeline.fleet.ansible.inventory import Host
from sync_pipeline.fleet.ansible.rows import NotRead, inventory_hosts, is_database, row_of
from sync_pipeline.model.instance import Instance, TlsMode


class ForeignFormat(StrEnum):
    """Whose list a file is."""

    ANSIBLE = "ansible"
    PGADMIN = "pgadmin"
    DBEAVER = "dbeaver"


@dataclass(frozen=True, slots=True)
class Defaults:
    """What such lists don't say; without a `credential` it is called as the account is."""

    credential: str = ""
    environment: str = ""
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ForeignRow:
    """One entry of such a list, and the line on which it begins.

    `values` is a row as a file of ours has it; else `reason` says why there is none.
    """

    line: int
    name: str
    values: Mapping[str, Any] = field(default_factory=dict)
    reason: str = ""


_TABS_AND_TEXTS = re.compile(r'\t|"(?:[^"\\\n]|\\.)*+"')
_HALVES = re.compile(
    r"\\u([Dd][89ABab][0-9A-Fa-f]{2})\\u([Dd][C-Fc-f][0-9A-Fa-f]{2})|\\.", re.DOTALL
)
"""Two halves of a sign, or any other escape, so that `\\\\` begins none."""


class _LeftOut(Exception):
    """An entry is no instance of ours, and why."""


def foreign_rows(
    kind: ForeignFormat, text: str, path: Path, defaults: Defaults
) -> Iterator[ForeignRow]:
    """Yield the entries of a list, in its order.

    Raises:
        ConfigurationError: the file is not what it is said to be.
    """
    if kind is ForeignFormat.ANSIBLE:
        yield from _of_ansible(text, path, defaults)
        return
    place, made = _KINDS[kind]
    try:
        written = read_yaml(_as_yaml(text))  # so that each entry has a line
        entries = _mapping_at(written, place)
        if entries is None:
            raise ConfigurationError(
                f"The file {path} is no list of {kind}: it has no {place!r}.",
                hint="Nothing was imported.",
            )
        for key, node in entries.value:
            yield _row(
                str(key.value), written.value(node), node.start_mark.line + 1, made, defaults
            )
    except BadYaml as error:
        raise ConfigurationError(error.sentence(str(path)), hint="Nothing was imported.") from None


def with_what_was(
    kind: ForeignFormat, found: Instance, before: Instance, defaults: Defaults
) -> Instance:
    """Return an instance of such a list as it is from now on; `before` is how it was registered.

    The list says where the server is, and what nobody has set yet. The rest is for whoever uses
    that tool: the account that a person works with, a word that gives a colour, a TLS mode that
    the tool writes where nobody chose one. Variables of ours in an inventory are written for us,
    so that they win, but for a TLS mode that checks less. No tag is taken away: rules of alerts,
    teams and limits go by them. `defaults` were said for this import, and win.
    """
    said, other = (found, before) if kind is ForeignFormat.ANSIBLE else (before, found)
    return replace(
        found,
        credential=defaults.credential or said.credential,
        database=said.database or other.database,
        tls=replace(
            before.tls,
            mode=max(before.tls.mode, found.tls.mode, key=tuple(TlsMode).index),
            ca_file=said.tls.ca_file or other.tls.ca_file,
        ),
        timeouts=before.timeouts,
        tags=tuple(dict.fromkeys((*before.tags, *found.tags))),
        environment=defaults.environment or said.environment or other.environment,
        description=said.description or other.description,
        is_active=before.is_active,
    )


def _as_yaml(text: str) -> str:
    """Return JSON as YAML: it is, but for tabs between its parts and signs in two halves.

    YAML 1.2.2, 6.1 (no tab indents) and 5.7 (an escape is a whole sign); RFC 8259, 7.
    """
    return _TABS_AND_TEXTS.sub(
        lambda found: " " if found[0] == "\t" else _HALVES.sub(_whole, found[0]), text
    )


def _whole(halves: re.Match[str]) -> str:
    if halves[1] is None:
        return halves[0]
    pair = int(halves[1], 16), int(halves[2], 16)
    return f"\\U{0x10000 + ((pair[0] & 0x3FF) << 10) + (pair[1] & 0x3FF):08x}"


def _of_ansible(text: str, path: Path, defaults: Defaults) -> Iterator[ForeignRow]:
    """Yield the databases of an inventory; what else it has is counted in one row."""
    others: list[Host] = []
    for host in inventory_hosts(text, path):
        if not is_database(host):
            others.append(host)
            continue
        try:
            values = row_of(host)
        except NotRead as error:
            yield ForeignRow(host.line, host.name, reason=str(error))
            continue
        yield _with_defaults(host.line, str(values["name"]), values, "", defaults)
    if others:
        first = f"{others[0].name} and {len(others) - 1} more" if others[1:] else others[0].name
        yield ForeignRow(others[0].line, first, reason="no sync_pipeline_engine is set")


def _row(key: str, entry: Any, line: int, made: _Maker, defaults: Defaults) -> ForeignRow:
    if not isinstance(entry, dict):
        return ForeignRow(line, key, reason="it is no mapping of properties")
    name = _text(entry, "Name") or _text(entry, "name") or key
    try:
        values = made(entry)
    except _LeftOut as error:
        return ForeignRow(line, name, reason=str(error))
    username = values.pop("username", "")
    return _with_defaults(line, name, values, username, defaults)


def _with_defaults(
    line: int, name: str, values: dict[str, Any], username: str, defaults: Defaults
) -> ForeignRow:
    """Return a row with what was said for all of them, which wins."""
    tags = (*values.pop("tags", ()), *defaults.tags)
    more = {
        "name": name,
        "credential": defaults.credential or values.pop("credential", username),
        "tags": [tag for tag in dict.fromkeys(tags) if tag],
        "environment": defaults.environment or values.pop("environment", ""),
    }
    return ForeignRow(line, name, {key: item for key, item in {**values, **more}.items() if item})


def _of_pgadmin(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Return a server as pgAdmin exports it: pgadmin.org/docs, Import/Export Servers."""
    if _is_true(entry.get("UseSSHTunnel")):
        raise _LeftOut("it is reached through an SSH tunnel")
    if entry.get("Service"):
        raise _LeftOut(f"it is a service of libpq, {_text(entry, 'Service')!r}, and no address")
    found = entry.get("ConnectionParameters")
    more = found if isinstance(found, dict) else {}
    return {
        "engine": "postgresql",
        "host": _text(entry, "Host") or _text(entry, "HostAddr") or _text(more, "hostaddr"),
        "port": _text(entry, "Port"),
        "database": _text(entry, "MaintenanceDB"),
        "username": _text(entry, "Username"),
        "tls": _tls(_text(more, "sslmode") or _text(entry, "SSLMode")),
        "tls_ca": _text(more, "sslrootcert") or _text(entry, "SSLRootCert"),
        "tags": (_group(_text(entry, "Group")),),
        "description": _text(entry, "Comment"),
    }


def _of_dbeaver(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Return a connection as DBeaver's `data-sources.json` has it."""
    driver, provider = _text(entry, "driver"), _text(entry, "provider")
    engine = _DRIVERS.get(driver.lower()) or _DRIVERS.get(provider.lower())
    if _SPEAKS_LIKE.search(driver):
        raise _LeftOut(f"it is of no engine that is known here ({driver})")
    if engine is None:
        raise _LeftOut(f"it is of no engine that is known here ({provider or driver})")
    found = entry.get("configuration")
    of_it = found if isinstance(found, dict) else {}
    handlers = of_it.get("handlers")
    for name, handler in (handlers if isinstance(handlers, dict) else {}).items():
        if isinstance(handler, dict) and _is_way(name, handler):
            raise _LeftOut(f"it is reached through another host ({name})")
    profile = _text(of_it, "config-profile")
    if profile:
        # What is in it may be kept in another file; `localhost` is then another host's.
        raise _LeftOut(f"it is reached as the network profile {profile!r} says")
    if not of_it.get("host"):
        raise _LeftOut("it has an address that is written as a URL alone")
    return {
        "engine": engine,
        "host": _text(of_it, "host"),
        "port": _text(of_it, "port"),
        "database": _text(of_it, "database"),
        "username": _text(of_it, "user"),
        "tags": (_group(_text(entry, "folder")),),
        "environment": _text(of_it, "type"),
        "description": _text(entry, "description"),
    }


def _is_way(name: str, handler: Mapping[str, Any]) -> bool:
    """Return whether a handler that is on leads through another host."""
    kinds = name.rpartition("_")[2].lower(), _text(handler, "type").lower()
    return _is_true(handler.get("enabled")) and not {"tunnel", "proxy"}.isdisjoint(kinds)


_Maker = Callable[[Mapping[str, Any]], dict[str, Any]]
_KINDS: Mapping[ForeignFormat, tuple[str, _Maker]] = MappingProxyType(
    {
        ForeignFormat.PGADMIN: ("Servers", _of_pgadmin),
        ForeignFormat.DBEAVER: ("connections", _of_dbeaver),
    }
)
# DBeaver's names of its drivers and, where there is one for all, of their providers.
_DRIVERS: Mapping[str, str] = MappingProxyType(
    {
        "mysql": "mysql",
        "mysql5": "mysql",
        "mysql8": "mysql",
        "mariadb": "mariadb",
        "postgresql": "postgresql",
        "postgres-jdbc": "postgresql",
        "sqlserver": "sqlserver",
        "mssql": "sqlserver",
        "microsoft": "sqlserver",
        "azure": "sqlserver",
        "oracle": "oracle",
        "oracle_thin": "oracle",
    }
)
# Under the providers of PostgreSQL and MySQL are drivers of servers that only speak like them.
_SPEAKS_LIKE = re.compile(
    r"redshift|cockroach|yugabyte|materialize|crate|risingwave|greenplum|greengage|cloudberry"
    r"|yellowbrick|tidb|starrocks|doris|memsql|singlestore|oceanbase",
    re.IGNORECASE,
)
_TLS: Mapping[str, TlsMode] = MappingProxyType(
    {**{str(mode): mode for mode in TlsMode}, "allow": TlsMode.PREFER}
)


def _tls(word: str) -> str:
    """Return our mode of libpq's; one that is not said is left to the import."""
    mode = _TLS.get(word)
    return str(mode) if mode else ""


def _group(text: str) -> str:
    """Return a folder as a tag, which no semicolon is in."""
    return text.replace(";", ",")


def _text(entry: Mapping[str, Any], key: str) -> str:
    value = entry.get(key)
    return value.strip() if isinstance(value, str) else ""


def _is_true(value: object) -> bool:
    return value in ("true", "1")


def _mapping_at(written: WrittenYaml, place: str) -> yaml.MappingNode | None:
    if isinstance(written.root, yaml.MappingNode):
        for key, node in written.root.value:
            if key.value == place and isinstance(node, yaml.MappingNode):
                return node
    return None
