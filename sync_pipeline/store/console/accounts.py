"""Accounts of all instances, found by name: a million of them are one index."""

from __future__ import annotations

from sqlalchemy import ColumnElement, Connection, func, select

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
from sync_pipeline.store.console.reach import FEW, after, begins, chosen, contains, in_reach
from sync_pipeline.store.database import Database, among
from sync_pipeline.store.schema import account_permissions as permissions
from sync_pipeline.store.schema import instance_accounts as accounts
from sync_pipeline.store.schema import instances

_LINES = select(
    *(accounts.c.instance_id, accounts.c.account_name, accounts.c.kind, accounts.c.is_active),
    *(permissions.c.is_superuser, permissions.c.is_locked, permissions.c.can_login),
    *(permissions.c.last_change_at, instances.c.name, instances.c.engine),
).select_from(accounts.join(permissions).join(instances))


SELDOM = 20_000
"""Accounts that are sorted for a page of them."""


class AccountPages:
    """Accounts within a reach, of instances that were not removed."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def page(self, reach: Reach, asked: AccountQuestion, place: Place) -> Page[AccountLine]:
        """Return a page of accounts by name and instance: at most four statements."""
        key = checked_key(place.after, str, int)
        name = self._by_code_points(accounts.c.account_name)
        with self._database.read() as connection:
            ids = _few(connection, reach, asked)
            where = [instances.c.deleted_at.is_(None), *_narrowing(name, asked)]
            if ids is None:
                where += [*in_reach(connection, reach), *chosen(connection, _instances(asked))]
            else:
                where.append(among(connection, accounts.c.instance_id, ids))
            query = _LINES.where(*where)
            if ids is not None or _is_seldom(connection, asked):
                # All of them, then sorted: by the index of names, few of many are a long way.
                own = query.cte("own").prefix_with("MATERIALIZED")
                query, name = select(own), self._by_code_points(own.c.account_name)
                columns = (name, own.c.instance_id)
            else:
                columns = (name, accounts.c.instance_id)
            query = after(query, columns, key, is_descending=False)
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

    def _by_code_points(self, name: ColumnElement[str]) -> ColumnElement[str]:
        """Return a column in the order of the index; SQLite's own order is this one."""
        return name if self._database.is_sqlite else name.collate("C")


def _instances(asked: AccountQuestion) -> InstanceQuestion:
    return InstanceQuestion(
        names=(asked.instance,) if asked.instance else (),
        tags=asked.tags,
        engines=asked.engines,
        environments=asked.environments,
    )


def _few(connection: Connection, reach: Reach, asked: AccountQuestion) -> list[int] | None:
    """Return the ids of the instances that are meant; None: they are many."""
    narrowing = (*in_reach(connection, reach), *chosen(connection, _instances(asked)))
    if not narrowing:
        return None
    query = select(instances.c.id).where(*narrowing).limit(FEW + 1)
    ids = list(connection.scalars(query))
    return ids if len(ids) <= FEW else None


def _flags(asked: AccountQuestion) -> list[ColumnElement[bool]]:
    flags = {
        permissions.c.is_superuser: asked.only_superusers,
        permissions.c.is_locked: asked.only_locked,
    }
    return [column.is_(True) for column, is_wanted in flags.items() if is_wanted]


def _is_seldom(connection: Connection, asked: AccountQuestion) -> bool:
    """Return whether few accounts of the fleet are what is asked for."""
    flags = _flags(asked)
    if not flags:
        return False
    some = select(permissions.c.account_id).where(*flags).limit(SELDOM + 1).subquery()
    return (connection.scalar(select(func.count()).select_from(some)) or 0) <= SELDOM


def _narrowing(name: ColumnElement[str], asked: AccountQuestion) -> list[ColumnElement[bool]]:
    found = _flags(asked)
    if not asked.is_gone:
        found.append(accounts.c.is_active.is_(True))
    if asked.only_login:
        found.append(permissions.c.can_login.is_(True))
    if asked.text:
        found.append(_named(name, asked))
    return found


def _named(name: ColumnElement[str], asked: AccountQuestion) -> ColumnElement[bool]:
    if asked.match is NameMatch.CONTAINS:
        return contains(name, asked.text)
    return name == asked.text if asked.match is NameMatch.EXACT else begins(name, asked.text)
