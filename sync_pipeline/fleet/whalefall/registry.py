"""Instances, their tags, and credentials of a WhaleFall store, as those of a fleet of ours."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from sync_pipeline.fleet.rows import InstanceRow, can_be_written
from sync_pipeline.fleet.whalefall.connection import WhaleFall
from sync_pipeline.fleet.whalefall.texts import aware, clean, moment, words
from sync_pipeline.model.credential import StoredCredential
from sync_pipeline.model.imported import ImportedInstance, Tally
from sync_pipeline.model.instance import TlsMode
from sync_pipeline.model.text import LONGEST_NAME

OF_DATABASES = "database"
ENVIRONMENT = "environment"
UNSET = "unset:whalefall"
"""What stands in the place of a secret that was not taken; see `fleet/references.py`."""
NO_SECRET = "without its secret: set it by `credentials rotate`"  # noqa: S105
NO_CREDENTIAL = "whalefall-none"
_ENGINES = {
    "mysql": "mysql",
    "mariadb": "mariadb",
    "postgresql": "postgresql",
    "postgres": "postgresql",
    "sqlserver": "sqlserver",
    "mssql": "sqlserver",
    "oracle": "oracle",
}

_CREDENTIALS = f"""
    SELECT id::bigint AS id, {words("name")}, {words("credential_type")}, {words("username")},
        {words("password")}, coalesce(is_active, true) AS is_active, deleted_at IS NOT NULL AS
        is_deleted, EXISTS (SELECT FROM public.instances AS i WHERE i.credential_id = c.id) AS
        is_used
    FROM public.credentials AS c ORDER BY id
"""  # noqa: S608 - names of ours

_INSTANCES = f"""
    SELECT id::bigint AS id, {words("name")}, {words("db_type")}, {words("host")}, port,
        {words("database_name")}, {words("database_version")}, credential_id::bigint AS
        credential_id, {words("description")}, coalesce(is_active, true) AS is_active,
        coalesce(created_at::text, '') AS created_at, {moment("deleted_at")},
        ARRAY(SELECT left(coalesce(t.name, ''), 1000) || chr(1) || left(coalesce(t.category, ''),
            1000) FROM public.instance_tags AS x JOIN public.tags AS t ON t.id = x.tag_id
            WHERE x.instance_id = i.id ORDER BY t.id) AS tags
    FROM public.instances AS i ORDER BY id
"""  # noqa: S608 - names of ours


@dataclass(frozen=True, slots=True)
class CredentialRow:
    """A credential as it stands there."""

    id: int
    name: str
    credential_type: str
    username: str
    password: str = field(repr=False)
    is_active: bool
    is_deleted: bool
    is_used: bool


@dataclass(frozen=True, slots=True)
class ServerRow:
    """An instance as it stands there; each of `tags` is a name and a category."""

    id: int
    name: str
    db_type: str
    host: str
    port: int | None
    database_name: str
    database_version: str
    credential_id: int | None
    description: str
    is_active: bool
    created_at: str
    deleted_at: datetime | None
    tags: Sequence[str]


@dataclass(frozen=True, slots=True)
class ReadRegistry:
    """What a store has of both."""

    credentials: Sequence[CredentialRow]
    instances: Sequence[ServerRow]

    @property
    def passwords(self) -> tuple[str, ...]:
        """Return the passwords of databases, as they are kept."""
        return tuple(
            row.password
            for row in self.credentials
            if row.password and row.credential_type.lower() == OF_DATABASES
        )


def read_registry(store: WhaleFall) -> ReadRegistry:
    """Read both in one view."""
    with store.reading():
        return ReadRegistry(
            store.rows(CredentialRow, _CREDENTIALS, {}), store.rows(ServerRow, _INSTANCES, {})
        )


Seal = Callable[[str], str | None]
"""Returns a stored password as our vault seals it; None: it can't be taken."""


def credentials_of(found: ReadRegistry, seal: Seal, tally: Tally) -> dict[int, StoredCredential]:
    """Return the credentials that are taken, by their numbers there."""
    taken: dict[int, StoredCredential] = {}
    names: set[str] = set()
    for row in found.credentials:
        name = clean(row.name).strip()
        reason = _not_taken(row, name, names)
        if reason:
            tally.leave(reason, name)
            continue
        names.add(name)
        secret = seal(row.password) if row.password else None
        if secret is None:
            tally.note(NO_SECRET, name)
        taken[row.id] = StoredCredential(name, clean(row.username)[:LONGEST_NAME], secret or UNSET)
    if any(row.credential_id not in taken for row in found.instances):
        taken[0] = StoredCredential(NO_CREDENTIAL, "", UNSET)
    return taken


def _not_taken(row: CredentialRow, name: str, names: set[str]) -> str:
    if row.is_used:
        pass
    elif row.credential_type.lower() != OF_DATABASES:
        return f"it is of no database but of {clean(row.credential_type)[:40] or 'nothing'}"
    elif row.is_deleted:
        return "it was removed there, and no instance has it"
    if not 0 < len(name) <= LONGEST_NAME or not can_be_written(name):
        return "its name can't be written"
    return "its name is there twice" if name in names else ""


def instances_of(
    found: ReadRegistry, credentials: dict[int, StoredCredential], tls: TlsMode, tally: Tally
) -> list[ImportedInstance]:
    """Return the instances that are taken."""
    taken: list[ImportedInstance] = []
    names: set[str] = set()
    for row in found.instances:
        name = clean(row.name).strip()
        engine = _engine(row)
        if engine is None:
            kind = clean(row.db_type)[:40]
            tally.leave(f"it is of no engine that is known here ({kind})", name)
        elif name in names:
            tally.leave("its name is there twice", name)
        else:
            made = _instance(row, name, engine, credentials, tls, tally)
            if made is not None:
                names.add(name)
                taken.append(made)
    return taken


def _instance(
    row: ServerRow,
    name: str,
    engine: str,
    credentials: dict[int, StoredCredential],
    tls: TlsMode,
    tally: Tally,
) -> ImportedInstance | None:
    credential = credentials.get(row.credential_id or -1)
    if credential is None:
        credential = credentials[0]
        tally.note(f"without a credential: it has {NO_CREDENTIAL!r}, unless it was here", name)
    tags = [tuple(clean(item).partition("\x01")[::2]) for item in row.tags]
    places = [tag for tag, category in tags if category == ENVIRONMENT and tag]
    values: dict[str, Any] = {
        "name": name,
        "engine": engine,
        "host": clean(row.host).strip(),
        "port": row.port,
        "credential": credential.name,
        "database": clean(row.database_name).strip(),
        "tls": tls,
        "tags": tuple(tag.replace(";", ",").strip() for tag, _ in tags if tag.strip()),
        "environment": places[0] if len(places) == 1 else "",
        "description": clean(row.description),
        "active": row.is_active,
    }
    try:
        instance = InstanceRow(**values).instance()
    except ValidationError as error:
        first = error.errors()[0]
        tally.leave(f"its {first['loc'][0]} can't be used here", name)
        return None
    return ImportedInstance(row.id, clean(row.created_at), instance, aware(row.deleted_at))


def _engine(row: ServerRow) -> str | None:
    """Return the engine: WhaleFall calls MariaDB `mysql`, and its version says which it is."""
    engine = _ENGINES.get(row.db_type.strip().lower())
    is_mariadb = engine == "mysql" and "mariadb" in row.database_version.lower()
    return "mariadb" if is_mariadb else engine
