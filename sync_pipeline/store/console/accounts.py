"""Accounts of all instances, found by name: a million of them are one index."""

from __future__ import annotations

from sqlalchemy import ColumnElement, Select, select

from sync_pipeline.model.page import (
    AccountLine,
    AccountQuestion,
    InstanceQuestion,
    NameMatch,
    Page,
    Place,
    checked_key,
    page_of,
)
from sync_pipeline.model.viewer import Reach
from sync_pipeline.store.console.reach import after, begins, chosen, contains, in_reach
from sync_pipeline.store.database import Database
from sync_pipeline.store.schema import account_permissions as permissions
from sync_pipeline.store.schema import instance_accounts as accounts
from sync_pipeline.store.schema import instances

_LINES = select(
    *(accounts.c.instance_id, accounts.c.account_name, accounts.c.kind, accounts.c.is_active),
    *(permissions.c.is_superuser, permissions.c.is_locked, permissions.c.can_login),
    *(permissions.c.last_change_at, instances.c.name, instances.c.engine),
).select_from(accounts.join(permissions).join(instances))


class AccountPages:
    """Accounts within a reach, of instances that were not removed."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def page(self, reach: Reach, asked: AccountQuestion, place: Place) -> Page[AccountLine]:
        """Return a page of accounts by name and instance: one statement."""
        key = checked_key(place.after, str, int)
        # By code points on either store: so is the index.
        name = accounts.c.account_name.collate("C" if not self._database.is_sqlite else "BINARY")
        with self._database.read_once() as connection:
            narrowing = InstanceQuestion(
                names=(asked.instance,) if asked.instance else (),
                tags=asked.tags,
                engines=asked.engines,
                environments=asked.environments,
            )
            query = _LINES.where(
                instances.c.deleted_at.is_(None),
                *in_reach(connection, reach),
                *chosen(connection, narrowing),
            )
            query = _narrowed(query, name, asked)
            query = after(query, (name, accounts.c.instance_id), key, is_descending=False)
            rows = connection.execute(query.limit(place.limit + 1)).all()
        found = page_of(rows, place.limit, lambda row: (row.account_name, row.instance_id))
        lines = tuple(
            AccountLine(
                row.name,
                row.engine,
                row.account_name,
                row.kind,
                row.is_active,
                row.is_superuser,
                row.is_locked,
                row.can_login,
                row.last_change_at,
            )
            for row in found.items
        )
        return Page(lines, found.next)


def _narrowed(
    query: Select[tuple[object, ...]], name: ColumnElement[str], asked: AccountQuestion
) -> Select[tuple[object, ...]]:
    if not asked.is_gone:
        query = query.where(accounts.c.is_active.is_(True))
    flags = {
        permissions.c.is_superuser: asked.only_superusers,
        permissions.c.is_locked: asked.only_locked,
        permissions.c.can_login: asked.only_login,
    }
    query = query.where(*(column.is_(True) for column, is_wanted in flags.items() if is_wanted))
    if not asked.text:
        return query
    if asked.match is NameMatch.CONTAINS:
        return query.where(contains(name, asked.text))
    if asked.match is NameMatch.EXACT:
        return query.where(name == asked.text)
    return query.where(begins(name, asked.text))
