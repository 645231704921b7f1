"""Pack the accounts of each instance into one row, and entries of the change log by one column.

Each instance is a transaction of its own, so that this can be interrupted at any moment and goes
on at the next start: a snapshot that is packed is emptied, which is how it is known as done. What
is read and written of snapshots is `AccountState.to_json` of revision 0009.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from alembic import op

from sync_pipeline.errors import Phase, StoreDamaged
from sync_pipeline.model.account import AccountState
from sync_pipeline.model.change_json import diff_to_json
from sync_pipeline.store.database import among
from sync_pipeline.store.schema import Json, UtcDateTime
from sync_pipeline.store.worlds.changes import read_change
from sync_pipeline.store.worlds.packed import PackedWorld, WorldAccount
from sync_pipeline.store.worlds.packing import Packer
from sync_pipeline.store.worlds.reading import read_world

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

_LOG = logging.getLogger(__name__)
_KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_ROWS = 100
_LINES = 10
_EMPTY = "{}"

_instances = sa.table("instances", sa.column("id"), sa.column("name"))
_accounts = sa.table(
    "instance_accounts",
    sa.column("id"), sa.column("instance_id"), sa.column("account_name"), sa.column("is_active"),
)  # fmt: skip
_permissions = sa.table(
    "account_permissions",
    sa.column("account_id", _KEY),
    sa.column("snapshot", Json),
    sa.column("fingerprint"),
    sa.column("last_change_at", UtcDateTime),
)
_worlds = sa.table(
    "instance_worlds",
    *(sa.column(name) for name in ("instance_id", "format", "accounts", "grants", "digest")),
    sa.column("written_at", UtcDateTime),
)
_log = sa.table(
    "account_change_log",
    sa.column("id"), sa.column("diff", Json), sa.column("lines", Json), sa.column("packed"),
)  # fmt: skip
_IS_LEFT = sa.cast(_permissions.c.snapshot, sa.Text) != _EMPTY


def upgrade() -> None:
    """Apply this revision."""
    _make_new()
    with _committed():
        _pack_all(op.get_bind().engine)
    connection = op.get_bind()
    if connection.dialect.name != "sqlite":
        op.execute("LOCK TABLE account_permissions IN ACCESS EXCLUSIVE MODE")
    # What a process of an older version wrote in the meantime.
    for instance_id in _left(connection):
        _pack(connection, instance_id)
    for name in ("snapshot", "fingerprint"):
        if name in _columns("account_permissions"):
            op.drop_column("account_permissions", name)


def downgrade() -> None:
    """Take this revision back."""
    op.add_column(
        "account_permissions", sa.Column("snapshot", Json, nullable=False, server_default=_EMPTY)
    )
    op.add_column(
        "account_permissions",
        sa.Column("fingerprint", sa.String(length=64), nullable=False, server_default=""),
    )
    connection = op.get_bind()
    for row in connection.execute(sa.select(_worlds)).all():
        _unpack(connection, row)
    for entry in connection.execute(sa.select(_log).where(_log.c.packed.is_not(None))).all():
        diff, lines = read_change(bytes(entry.packed))
        told = {"diff": diff_to_json(diff), "lines": list(lines)}
        connection.execute(sa.update(_log).where(_log.c.id == entry.id).values(told))
    op.drop_column("account_change_log", "packed")
    op.drop_table("instance_worlds")


def _make_new() -> None:
    """Make the new table and column; an upgrade that was interrupted has made them."""
    if not sa.inspect(op.get_bind()).has_table("instance_worlds"):
        op.create_table(
            "instance_worlds",
            sa.Column("instance_id", _KEY, nullable=False),
            sa.Column("format", sa.Integer(), nullable=False),
            sa.Column("accounts", sa.LargeBinary(), nullable=False),
            sa.Column("grants", sa.LargeBinary(), nullable=False),
            sa.Column("digest", sa.String(length=64), nullable=False),
            sa.Column("written_at", sa.DateTime(timezone=True), nullable=False),
            sa.ForeignKeyConstraint(
                ["instance_id"], ["instances.id"], name=op.f("fk_instance_worlds_instance_id")
            ),
            sa.PrimaryKeyConstraint("instance_id", name=op.f("pk_instance_worlds")),
        )
    if "packed" not in _columns("account_change_log"):
        op.add_column("account_change_log", sa.Column("packed", sa.LargeBinary(), nullable=True))


def _columns(table: str) -> set[str]:
    return {column["name"] for column in sa.inspect(op.get_bind()).get_columns(table)}


@contextmanager
def _committed() -> Iterator[None]:
    """Commit what was done before, and leave transactions to the block.

    On SQLite each statement of a migration is a transaction already.
    """
    if op.get_bind().dialect.name == "sqlite":
        yield
        return
    with op.get_context().autocommit_block():
        yield


def _pack_all(engine: sa.Engine) -> None:
    """Pack one instance after the other, and tell how far it is."""
    with engine.connect() as connection:
        left = _left(connection)
    step = -(-len(left) // _LINES)
    for done, instance_id in enumerate(left):
        if done % step == 0:
            _LOG.warning(
                "Upgrading the store: accounts of %d of %d instances are packed.", done, len(left)
            )
        with engine.begin() as connection:
            if connection.dialect.name == "sqlite":
                connection.exec_driver_sql("BEGIN IMMEDIATE")
            _pack(connection, instance_id)
    if left:
        _LOG.warning("Upgrading the store: accounts of all %d instances are packed.", len(left))


def _left(connection: sa.Connection) -> list[int]:
    """Return the ids of the instances that have snapshots which are not packed."""
    if "snapshot" not in {
        column["name"] for column in sa.inspect(connection).get_columns("account_permissions")
    }:
        return []
    query = sa.select(_accounts.c.instance_id).distinct().where(_IS_LEFT)
    joined = query.join_from(_accounts, _permissions, _permissions.c.account_id == _accounts.c.id)
    return list(connection.scalars(joined.order_by(_accounts.c.instance_id)))


def _pack(connection: sa.Connection, instance_id: int) -> None:
    """Pack the snapshots of an instance that are left, one row after the other."""
    query = (
        sa.select(
            _accounts.c.id,
            _accounts.c.account_name,
            _accounts.c.is_active,
            _permissions.c.snapshot,
            _permissions.c.last_change_at,
        )
        .join_from(_accounts, _permissions, _permissions.c.account_id == _accounts.c.id)
        .where(_accounts.c.instance_id == instance_id, _IS_LEFT)
        .order_by(_accounts.c.account_name)
        # What is read is what is emptied, whatever a process of an older version writes meanwhile.
        .with_for_update(of=_permissions)
    )
    packer = Packer()
    names, ids = set(), []
    with connection.execute(query, execution_options={"yield_per": _ROWS}) as rows:
        for row in rows:
            names.add(row.account_name)
            ids.append(row.id)
            packer.add(_account(connection, instance_id, row))
    for account in _packed_before(connection, instance_id):
        if account.state.name not in names:
            packer.add(account)
    packed = packer.packed()
    connection.execute(sa.delete(_worlds).where(_worlds.c.instance_id == instance_id))
    values = {
        "instance_id": instance_id,
        "format": packed.format,
        "accounts": packed.accounts,
        "grants": packed.grants,
        "digest": packed.digest,
        "written_at": datetime.now(UTC),
    }
    connection.execute(sa.insert(_worlds).values(values))
    read = among(connection, _permissions.c.account_id, ids)
    connection.execute(sa.update(_permissions).where(read).values(snapshot={}))


def _packed_before(connection: sa.Connection, instance_id: int) -> list[WorldAccount]:
    query = sa.select(_worlds).where(_worlds.c.instance_id == instance_id)
    row = connection.execute(query).first()
    return read_world(_world(row)) if row else []


def _world(row: sa.Row[Any]) -> PackedWorld:
    return PackedWorld(row.format, bytes(row.accounts), bytes(row.grants), row.digest)


def _account(connection: sa.Connection, instance_id: int, row: sa.Row[Any]) -> WorldAccount:
    try:
        state = AccountState.from_json(row.snapshot)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        names = sa.select(_instances.c.name).where(_instances.c.id == instance_id)
        raise StoreDamaged(
            f"The account {row.account_name!r} can't be read from the store, which is not "
            f"upgraded: {type(error).__name__}.",
            instance=connection.scalar(names),
            phase=Phase.STORE,
            hint="What is upgraded stays so; restore the store from its backup.",
        ) from None
    return WorldAccount(state, row.is_active, row.last_change_at)


def _unpack(connection: sa.Connection, row: sa.Row[Any]) -> None:
    """Write the snapshots of an instance as revision 0009 has them."""
    query = sa.select(_accounts.c.account_name, _accounts.c.id)
    found = connection.execute(query.where(_accounts.c.instance_id == row.instance_id))
    ids = {item.account_name: item.id for item in found}
    for account in read_world(_world(row)):
        connection.execute(
            sa.update(_permissions)
            .where(_permissions.c.account_id == ids[account.state.name])
            .values(snapshot=account.state.to_json(), fingerprint=account.state.fingerprint)
        )
