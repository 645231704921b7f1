"""Accounts of all instances, found by name: a million of them are one index."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Join, Row, Select, Table, func, select

from sync_pipeline.engines.own import KNOWN_BY_NAME, is_own
from sync_pipeline.model.account import AccountKind, AccountState
from sync_pipeline.model.instance import EngineName
from sync_pipeline.model.page import (
    AccountLine,
    AccountQuestion,
    InstanceQuestion,
    Key,
    NameMatch,
    Page,
    Place,
    checked_key,
    no_key,
    page_of,
)
from sync_pipeline.model.viewer import Reach
from sync_pipeline.store.console.own import Of, OwnAccounts
from sync_pipeline.store.console.reach import FEW, after, begins, chosen, contains, in_reach
from sync_pipeline.store.database import Database, among, by_code_points
from sync_pipeline.store.remembered import OfDatabase, remembered
from sync_pipeline.store.schema import account_permissions as permissions
from sync_pipeline.store.schema import instance_accounts as accounts
from sync_pipeline.store.schema import instances

_LINE = select(
    *(accounts.c.instance_id, accounts.c.account_name, accounts.c.kind, accounts.c.is_active),
    *(permissions.c.is_superuser, permissions.c.is_locked, permissions.c.can_login),
    *(permissions.c.last_change_at, instances.c.name, instances.c.engine),
)
_LINES = _LINE.select_from(accounts.join(permissions).join(instances))
# SQLite can begin with nothing else than the accounts then, in the order of their names. It would
# take all those of the instances that are meant, and sort them.
_LINES_BY_NAME = _LINE.select_from(
    accounts.join(permissions).join(instances, instances.c.id == accounts.c.instance_id + 0)
)

_IS_THERE = instances.c.deleted_at.is_(None)
_ROUNDS, _AT_ONCE = 4, 2
SELDOM = 20_000
"""Accounts that are sorted for a page of them."""


class AccountPages(OfDatabase):
    """Accounts within a reach, of instances that were not removed."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self._own = OwnAccounts(database)

    @remembered
    def page(self, reach: Reach, asked: AccountQuestion, place: Place) -> Page[AccountLine]:
        """Return a page of accounts by name and instance: at most five statements.

        Where those that the engines made are left out, it takes more of them, and looks at so many
        accounts and no more: a page may have few rows, or none, and a next one.
        """
        if asked.with_own:
            rows, following = self._rows(reach, asked, place)
            return Page(tuple(map(_line, rows)), following)
        kept: list[Row[Any]] = []
        following = place.after
        left = _ROUNDS * place.limit
        while left > 0:
            rows, following = self._rows(reach, asked, Place(place.limit, following), _AT_ONCE)
            left -= len(rows)
            for begin in range(0, len(rows), place.limit):
                kept += self._of_people(rows[begin : begin + place.limit])
                if len(kept) > place.limit:
                    break
            if following is None or len(kept) > place.limit:
                break
        if len(kept) > place.limit:
            kept = kept[: place.limit]
            following = _key(kept[-1])
        return Page(tuple(map(_line, kept)), following)

    def _of_people(self, rows: Sequence[Row[Any]]) -> list[Row[Any]]:
        """Return the rows of accounts that no engine made for itself.

        Some engines' are known by their names, and of the others the states are read. What can't be
        read is shown.
        """
        unread = (_of(row) for row in rows if EngineName(row.engine) not in KNOWN_BY_NAME)
        own = self._own.among(unread)
        return [row for row in rows if _of(row) not in own and not _is_named_own(row)]

    def _rows(
        self, reach: Reach, asked: AccountQuestion, place: Place, at_once: int = 1
    ) -> tuple[tuple[Row[Any], ...], Key | None]:
        """Return rows after a place, and the key of the last one where there are more.

        Where all of few are sorted, more of them cost the same: so many pages are returned.
        """
        limit = place.limit
        name = by_code_points(accounts.c.account_name, is_sqlite=self._database.is_sqlite)
        with self._database.read() as connection:
            key = _place(connection, reach, checked_key(place.after, str, str))
            ids = _few(connection, reach, asked)
            where = _narrowing(name, asked)
            # Each account has a row there, which is looked for where it is asked about.
            joined: Join | Table = (
                accounts.join(permissions) if _is_of_permissions(asked) else accounts
            )
            if ids is None:
                where += [*in_reach(connection, reach), *chosen(connection, _instances(asked))]
                where.append(_IS_THERE)
                joined = joined.join(instances)
            else:
                where.append(among(connection, accounts.c.instance_id, ids))
            columns = (name, accounts.c.instance_id)
            if ids is None and not _is_seldom(connection, asked):
                lines = _LINES_BY_NAME if self._database.is_sqlite else _LINES
                query = after(lines.where(*where), columns, key, is_descending=False)
            else:
                limit *= at_once
                query = self._of_few(joined, where, key, limit + 1)
            rows = connection.execute(query.limit(limit + 1)).all()
        found = page_of(rows, limit, _key)
        return found.items, found.next

    def _of_few(
        self,
        joined: Join | Table,
        where: Sequence[ColumnElement[bool]],
        key: tuple[str, int] | None,
        limit: int,
    ) -> Select[Any]:
        """Return a query that finds all, and sorts their names: few of many are a long way to go.

        The rest is read of those alone that are shown.
        """
        found = (
            select(accounts.c.id, accounts.c.account_name, accounts.c.instance_id)
            .select_from(joined)
            .where(*where)
            .cte("own")
            .prefix_with("MATERIALIZED")
        )
        name = by_code_points(found.c.account_name, is_sqlite=self._database.is_sqlite)
        shown = after(select(found.c.id), (name, found.c.instance_id), key, is_descending=False)
        query = _LINES.where(accounts.c.id.in_(shown.limit(limit)))
        name = by_code_points(accounts.c.account_name, is_sqlite=self._database.is_sqlite)
        return query.order_by(name, accounts.c.instance_id)


def _key(row: Row[Any]) -> Key:
    """Return the key of a row in an address: an id would tell how many instances others have."""
    return row.account_name, row.name


def _place(connection: Connection, reach: Reach, key: Key | None) -> tuple[str, int] | None:
    """Return the place of a key in the index.

    Raises:
        ConfigurationError: it names no instance within the reach.
    """
    if key is None:
        return None
    name, instance = map(str, key)
    query = select(instances.c.id).where(instances.c.name == instance, *in_reach(connection, reach))
    found = connection.scalar(query)
    if found is None:
        raise no_key()
    return name, found


def _line(row: Row[Any]) -> AccountLine:
    return AccountLine(
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


def _is_named_own(row: Row[Any]) -> bool:
    engine, kind = EngineName(row.engine), AccountKind(row.kind)
    return engine in KNOWN_BY_NAME and is_own(
        engine, AccountState(row.account_name, kind, can_login=False)
    )


def _of(row: Row[Any]) -> Of:
    return Of(row.instance_id, EngineName(row.engine), row.account_name)


def _instances(asked: AccountQuestion) -> InstanceQuestion:
    return InstanceQuestion(
        names=(asked.instance,) if asked.instance else (),
        tags=asked.tags,
        engines=asked.engines,
        environments=asked.environments,
    )


def _few(connection: Connection, reach: Reach, asked: AccountQuestion) -> list[int] | None:
    """Return the ids of the instances that are meant and there; None: they are many."""
    narrowing = (*in_reach(connection, reach), *chosen(connection, _instances(asked)))
    if not narrowing:
        return None
    query = select(instances.c.id).where(_IS_THERE, *narrowing).limit(FEW + 1)
    ids = list(connection.scalars(query))
    return ids if len(ids) <= FEW else None


def _flags(asked: AccountQuestion) -> list[ColumnElement[bool]]:
    flags = {
        permissions.c.is_superuser: asked.only_superusers,
        permissions.c.is_locked: asked.only_locked,
    }
    return [column.is_(True) for column, is_wanted in flags.items() if is_wanted]


def _changed(asked: AccountQuestion) -> Iterator[ColumnElement[bool]]:
    """Yield what is asked of the last change, which an index finds."""
    if asked.since is not None:
        yield permissions.c.last_change_at >= asked.since
    if asked.until is not None:
        yield permissions.c.last_change_at <= asked.until


def _is_narrowed(asked: AccountQuestion) -> bool:
    return bool([*_flags(asked), *_changed(asked)])


def _is_of_permissions(asked: AccountQuestion) -> bool:
    return asked.only_login or _is_narrowed(asked)


def _is_seldom(connection: Connection, asked: AccountQuestion) -> bool:
    """Return whether few accounts of the fleet are what is asked for."""
    if not _is_narrowed(asked):
        return False
    seldom = [*_flags(asked), *_changed(asked)]
    some = select(permissions.c.account_id).where(*seldom).limit(SELDOM + 1).subquery()
    return (connection.scalar(select(func.count()).select_from(some)) or 0) <= SELDOM


def _narrowing(name: ColumnElement[str], asked: AccountQuestion) -> list[ColumnElement[bool]]:
    found = [*_flags(asked), *_changed(asked)]
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
