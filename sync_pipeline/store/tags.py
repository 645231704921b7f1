"""Which instances have a tag, as an index: who may see those of some tags asks it all the time."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from typing import Any

from sqlalchemy import Connection, Integer, Select, bindparam, delete, select

from sync_pipeline.store.database import among, insert_rows
from sync_pipeline.store.schema import instance_tags, instances

_BYTES = 16


def digest_of(tag: str) -> str:
    """Return a digest (hex) of a tag: no index takes texts of any length."""
    return blake2b(tag.encode("utf-8", "surrogatepass"), digest_size=_BYTES).hexdigest()


def tagged(tags: Sequence[str]) -> Select[Any]:
    """Select the ids of instances that have any of these tags."""
    return select(instance_tags.c.instance_id).where(
        instance_tags.c.digest.in_([digest_of(tag) for tag in tags])
    )


_SOME = (
    select(instance_tags.c.instance_id)
    .where(instance_tags.c.digest.in_(bindparam("digests", expanding=True)))
    .limit(bindparam("most", type_=Integer))
)


def some_tagged(connection: Connection, tags: Sequence[str], most: int) -> list[int]:
    """Return the ids of instances that have any of these tags, of which there may be more."""
    given = {"digests": [digest_of(tag) for tag in tags], "most": most}
    return list(connection.scalars(_SOME, given))


def keep_tags(connection: Connection, names: Sequence[str]) -> None:
    """Note which tags instances have, in the transaction that writes their rows."""
    if not names:
        return
    query = select(instances.c.id, instances.c.tags)
    rows = connection.execute(query.where(among(connection, instances.c.name, names))).all()
    ids = [row.id for row in rows]
    own = among(connection, instance_tags.c.instance_id, ids)
    connection.execute(delete(instance_tags).where(own))
    pairs = [(row.id, digest) for row in rows for digest in {digest_of(tag) for tag in row.tags}]
    found = [{"digest": digest, "instance_id": number} for number, digest in sorted(pairs)]
    insert_rows(connection, instance_tags, found)
