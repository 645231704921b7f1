"""Credentials and instances of the fleet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from shlex import quote
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    bindparam,
    case,
    delete,
    insert,
    or_,
    select,
    update,
)

from sync_pipeline.errors import ConfigurationError
from sync_pipeline.model.credential import StoredCredential
from sync_pipeline.model.instance import (
    EngineName,
    ImportCounts,
    Instance,
    Selection,
    Timeouts,
    TlsMode,
    TlsOptions,
    require_known,
)
from sync_pipeline.model.platform import Platform, platform_named
from sync_pipeline.store.database import among, upsert
from sync_pipeline.store.remembered import OfDatabase, remembered
from sync_pipeline.store.schema import credentials, instances
from sync_pipeline.store.tags import keep_tags
from sync_pipeline.store.topics import note_registry

_BY_ID = select(instances).where(
    instances.c.id == bindparam("of_id"), instances.c.deleted_at.is_(None)
)
_USERNAMES = select(credentials.c.name, credentials.c.username).order_by(credentials.c.name)
_RETURNED = select(instances.c.returned_at).where(instances.c.id == bindparam("of_id"))
_NOTE_CONNECTION = update(instances).where(instances.c.id == bindparam("of_id"))
_OF_MOMENT = bindparam("of_moment", type_=instances.c.returned_at.type)
_NOTE_SYNC = _NOTE_CONNECTION.values(
    returned_at=case(
        (instances.c.returned_at > _OF_MOMENT, _OF_MOMENT), else_=instances.c.returned_at
    )
)


class Registry(OfDatabase):
    """The registry's tables."""

    def credentials(self) -> list[StoredCredential]:
        """Return every credential, by name."""
        with self._database.read() as connection:
            rows = connection.execute(select(credentials).order_by(credentials.c.name))
            return [_credential(row) for row in rows]

    @remembered
    def usernames(self) -> Mapping[str, str]:
        """Return the user name of each credential; its secret stays where it is."""
        with self._database.read_once() as connection:
            return {row.name: row.username for row in connection.execute(_USERNAMES)}

    def credential(self, name: str) -> StoredCredential | None:
        """Return one credential, or None."""
        with self._database.read_once() as connection:
            row = connection.execute(select(credentials).where(credentials.c.name == name)).first()
            return _credential(row) if row else None

    def add_credential(self, credential: StoredCredential, now: datetime) -> None:
        """Add a credential.

        Raises:
            ConfigurationError: there is one of this name; it stays as it is.
        """
        with self._database.write() as connection:
            self._database.lock(connection, credentials)
            query = select(credentials.c.name).where(credentials.c.name == credential.name)
            if connection.execute(query).first() is not None:
                raise ConfigurationError(
                    f"The credential {credential.name!r} exists already.",
                    hint=f"Change its secret with: sync-pipeline credentials rotate "
                    f"{credential.name}.",
                )
            connection.execute(
                insert(credentials).values(
                    name=credential.name,
                    username=credential.username,
                    secret=credential.secret,
                    created_at=now,
                    rotated_at=now,
                )
            )

    def change_secret(self, name: str, secret: str, now: datetime) -> None:
        """Give a credential another secret.

        Raises:
            ConfigurationError: it does not exist.
        """
        with self._database.write() as connection:
            done = connection.execute(
                update(credentials)
                .where(credentials.c.name == name)
                .values(secret=secret, rotated_at=now)
            )
        if done.rowcount == 0:
            raise _no_credential(name)

    def put_credential(self, credential: StoredCredential, now: datetime) -> None:
        """Add a credential, or replace its user name and secret."""
        row = {
            "name": credential.name,
            "username": credential.username,
            "secret": credential.secret,
            "created_at": now,
            "rotated_at": now,
        }
        with self._database.write() as connection:
            upsert(connection, credentials, [row], ["name"], ["username", "secret", "rotated_at"])

    def delete_credential(self, name: str) -> None:
        """Delete a credential that no instance uses.

        Raises:
            ConfigurationError: it does not exist, or instances use it.
        """
        with self._database.write() as connection:
            self._database.lock(connection, credentials, instances)
            using = connection.execute(
                select(instances.c.name)
                .where(instances.c.credential == name, instances.c.deleted_at.is_(None))
                .order_by(instances.c.name)
            )
            names = [row.name for row in using]
            if names:
                raise ConfigurationError(
                    f"The credential {name!r} is used by {', '.join(names)}.",
                    hint="Give these instances another credential first.",
                )
            done = connection.execute(delete(credentials).where(credentials.c.name == name))
            if done.rowcount == 0:
                raise _no_credential(name)

    def replace_secrets(self, secrets: Mapping[str, str], now: datetime) -> int:
        """Replace stored secrets, old ones by new ones, in one transaction.

        Returns how many credentials changed: one that has another secret by now keeps it.
        """
        changed = 0
        with self._database.write() as connection:
            for before, after in secrets.items():
                done = connection.execute(
                    update(credentials)
                    .where(credentials.c.secret == before)
                    .values(secret=after, rotated_at=now)
                )
                changed += done.rowcount
        return changed

    def instances(self, *, include_inactive: bool = True) -> list[Instance]:
        """Return the instances that were not removed, by name."""
        query = select(instances).where(instances.c.deleted_at.is_(None))
        if not include_inactive:
            query = query.where(instances.c.is_active.is_(True))
        with self._database.read() as connection:
            return [
                instance_of(row) for row in connection.execute(query.order_by(instances.c.name))
            ]

    @remembered
    def has_more_active(self, number: int) -> bool:
        """Return whether more than so many instances are active; no more than that are read."""
        query = select(instances.c.id).where(
            instances.c.deleted_at.is_(None), instances.c.is_active.is_(True)
        )
        with self._database.read_once() as connection:
            return connection.scalar(query.limit(1).offset(number)) is not None

    def first_names(self, limit: int) -> list[str]:
        """Return the names of instances that were not removed, the first `limit` by name."""
        query = select(instances.c.name).where(instances.c.deleted_at.is_(None))
        with self._database.read() as connection:
            return list(connection.scalars(query.order_by(instances.c.name).limit(limit)))

    def instance(self, name: str) -> Instance | None:
        """Return one instance by name, or None where there is none or it was removed."""
        with self._database.read_once() as connection:
            row = connection.execute(
                select(instances).where(instances.c.name == name, instances.c.deleted_at.is_(None))
            ).first()
            return instance_of(row) if row else None

    def by_id(self, instance_id: int) -> Instance | None:
        """Return one instance by its id, or None where it was removed."""
        with self._database.read_once() as connection:
            row = connection.execute(_BY_ID, {"of_id": instance_id}).first()
            return instance_of(row) if row else None

    def select(self, selection: Selection) -> list[Instance]:
        """Return the active instances that a selection takes, by name.

        Raises:
            ConfigurationError: a name does not exist or is not active, or an engine is unknown.
        """
        everything = {instance.name: instance for instance in self.instances()}
        require_known(selection, everything)
        for name in selection.names:
            if not everything[name].is_active:
                raise ConfigurationError(
                    f"The instance {name!r} is not active.",
                    hint=f"Activate it: sync-pipeline instances edit {quote(name)} --active.",
                )
        return [item for item in everything.values() if item.is_active and selection.takes(item)]

    def ever(self) -> list[Instance]:
        """Return all instances there ever were, removed ones too, by name."""
        with self._database.read() as connection:
            rows = connection.execute(select(instances).order_by(instances.c.name))
            return [instance_of(row) for row in rows]

    def there_at(self, moment: datetime) -> list[Instance]:
        """Return the instances that were not removed by a moment, active or not, by name."""
        with self._database.read() as connection:
            query = select(instances).where(was_there(moment)).order_by(instances.c.name)
            return [instance_of(row) for row in connection.execute(query)]

    def select_ever(self, selection: Selection) -> list[Instance]:
        """Return what a selection takes of all instances there ever were, by name.

        Raises:
            ConfigurationError: a name or an engine is unknown.
        """
        everything = self.ever()
        require_known(selection, {item.name for item in everything})
        return [item for item in everything if selection.takes(item)]

    def ever_by_ids(self, instance_ids: Sequence[int]) -> list[Instance]:
        """Return instances by their ids, also those that were removed, in the same order."""
        with self._database.read_once() as connection:
            query = select(instances).where(among(connection, instances.c.id, instance_ids))
            found = {row.id: instance_of(row) for row in connection.execute(query)}
        return [found[item] for item in instance_ids]

    def put_instances(self, wanted: Sequence[Instance], now: datetime) -> ImportCounts:
        """Add or change instances by name, all in one transaction.

        Raises:
            ConfigurationError: an instance names a credential that does not exist.
        """
        with self._database.write() as connection:
            self._database.lock(connection, credentials, instances)
            require_credentials(connection, wanted)
            before = {row.name: row for row in connection.execute(select(instances))}
            added = updated = 0
            written: list[str] = []
            for item in wanted:
                old = before.get(item.name)
                if old is None:
                    connection.execute(
                        insert(instances).values(
                            **instance_columns(item), created_at=now, updated_at=now
                        )
                    )
                    added += 1
                    written.append(item.name)
                elif old.deleted_at is not None or not _is_same(old, item):
                    values = {**instance_columns(item), "updated_at": now, "deleted_at": None}
                    if old.deleted_at is not None:
                        values["returned_at"] = now
                    connection.execute(
                        update(instances).where(instances.c.id == old.id).values(**values)
                    )
                    added += old.deleted_at is not None
                    updated += old.deleted_at is None
                    written.append(item.name)
            if written:
                keep_tags(connection, written)
                _note(connection, written)
            return ImportCounts(added, updated, len(wanted) - added - updated)

    def delete_instance(self, name: str, now: datetime) -> None:
        """Remove an instance from the fleet; its history stays.

        Raises:
            ConfigurationError: it does not exist.
        """
        with self._database.write() as connection:
            done = connection.execute(
                update(instances)
                .where(instances.c.name == name, instances.c.deleted_at.is_(None))
                .values(deleted_at=now, is_active=False, updated_at=now)
            )
            if done.rowcount == 0:
                raise ConfigurationError(
                    f"The instance {name!r} does not exist.",
                    hint="See: sync-pipeline instances list.",
                )
            _note(connection, [name])

    def returned_at(self, instance_id: int) -> datetime | None:
        """Return when (UTC) a removed instance was last added again; None: it never was."""
        with self._database.read_once() as connection:
            found: datetime | None = connection.scalar(_RETURNED, {"of_id": instance_id})
        return found

    def note_connection(
        self, instance_id: int, version: str, now: datetime, platform: Platform | None = None
    ) -> None:
        """Remember the version a server reported, whose service it is, and when it was reached."""
        with self._database.write() as connection:
            note_connection(connection, instance_id, version, now, platform)


def _note(connection: Connection, names: Sequence[str]) -> None:
    """Note that instances were written, by their names."""
    own = select(instances.c.id).where(among(connection, instances.c.name, names))
    note_registry(connection, connection.scalars(own))


def require_credentials(connection: Connection, wanted: Sequence[Instance]) -> None:
    """Refuse instances whose credential is not there.

    Raises:
        ConfigurationError: an instance names a credential that does not exist.
    """
    known = set(connection.scalars(select(credentials.c.name)))
    for item in wanted:
        if item.credential not in known:
            raise ConfigurationError(
                f"The credential {item.credential!r} does not exist.",
                instance=item.name,
                hint="Add it with: sync-pipeline credentials add.",
            )


def note_connection(
    connection: Connection,
    instance_id: int,
    version: str,
    now: datetime,
    platform: Platform | None = None,
    synced_at: datetime | None = None,
) -> None:
    """Remember a server's version within a caller's transaction; no platform: as it was.

    The instance is back since an account sync of it (`synced_at`) at the latest: a clock that was
    ahead when it was added again would make a baseline of all syncs until then.
    """
    values: dict[str, Any] = {
        "server_version": version,
        "last_connected_at": now,
        "of_id": instance_id,
    }
    if platform is not None:
        values["platform"] = str(platform)
    if synced_at is None:
        connection.execute(_NOTE_CONNECTION, values)
    else:
        connection.execute(_NOTE_SYNC, {**values, "of_moment": synced_at})


def _no_credential(name: str) -> ConfigurationError:
    return ConfigurationError(
        f"The credential {name!r} does not exist.", hint="See: sync-pipeline credentials list."
    )


def _is_same(row: Row[Any], item: Instance) -> bool:
    return all(getattr(row, name) == value for name, value in instance_columns(item).items())


def instance_columns(item: Instance) -> dict[str, Any]:
    """Return what a row of `instances` has of an instance as people describe it."""
    return {
        "name": item.name,
        "engine": str(item.engine),
        "host": item.host,
        "port": item.port,
        "database": item.database,
        "credential": item.credential,
        "tls_mode": str(item.tls.mode),
        "tls_ca_file": item.tls.ca_file,
        "tls_cert_file": item.tls.cert_file,
        "tls_key_file": item.tls.key_file,
        "connect_seconds": item.timeouts.connect_seconds,
        "statement_seconds": item.timeouts.statement_seconds,
        "total_seconds": item.timeouts.total_seconds,
        "tags": sorted(item.tags),
        "environment": item.environment,
        "description": item.description,
        "is_active": item.is_active,
    }


def was_there(moment: datetime) -> ColumnElement[bool]:
    """Return that an instance had not been removed by a moment."""
    return or_(instances.c.deleted_at.is_(None), instances.c.deleted_at > moment)


def instance_of(row: Row[Any]) -> Instance:
    """Return the instance of a row of `instances`."""
    return Instance(
        id=row.id,
        name=row.name,
        engine=EngineName(row.engine),
        host=row.host,
        port=row.port,
        credential=row.credential,
        database=row.database,
        tls=TlsOptions(TlsMode(row.tls_mode), row.tls_ca_file, row.tls_cert_file, row.tls_key_file),
        timeouts=Timeouts(row.connect_seconds, row.statement_seconds, row.total_seconds),
        tags=tuple(row.tags),
        environment=row.environment,
        description=row.description,
        is_active=row.is_active,
        server_version=row.server_version,
        last_connected_at=row.last_connected_at,
        platform=None if row.platform is None else platform_named(row.platform),
    )


def _credential(row: Row[Any]) -> StoredCredential:
    return StoredCredential(row.name, row.username, row.secret, row.created_at, row.rotated_at)
