"""Who logs in to Oracle, as the dictionary itself remembers. Pure.

DBA_USERS has the last login of each user since 12.1 (Database Reference, DBA_USERS). It has none of
those who connect as an administrator (AS SYSDBA and its kin), of a proxy that opens a session of
another user, and of logins to what is open for reading alone, where nothing can be written down:
a standby, or a pluggable database. A session that is still open
began at some earlier login, so that the sessions of the moment count beside it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sync_pipeline.engines.base import AccountRows, Asks
from sync_pipeline.engines.oracle.accounts.containers import CONTAINERS, ContainerRow
from sync_pipeline.engines.oracle.accounts.queries import ADMINISTRATORS, PROXIES, USERS, query
from sync_pipeline.engines.oracle.names import account_name
from sync_pipeline.engines.oracle.platform import ROOT
from sync_pipeline.errors import PrivilegeError, QueryError, QueryTimeout
from sync_pipeline.model.snapshot import ServerIdentity
from sync_pipeline.model.use import Sighting, UseMeans, UseSample

SYS, READ_WRITE = "SYS", "READ WRITE"
_STANDBY = "Logins to a standby are not written down."
_NOT_READ = "Who may connect as an administrator, or for others, was not read."


@dataclass(frozen=True, slots=True)
class SessionRow:
    """A row of `sessions*.sql`: a user who is logged in."""

    container: str | None
    name: str


SESSIONS = query("sessions", SessionRow, (), ("GV_$SESSION",))


def use(ask: Asks, rows: AccountRows, server: ServerIdentity, username: str) -> UseSample:
    """Return when each user logged in last, and who is logged in now."""
    is_root = server.place == ROOT

    def named(container: str | None, name: str) -> str:
        return account_name(name, container or "", is_root=is_root)

    notes = [_STANDBY] if server.database_role else []
    opened: Sequence[SessionRow] = ()
    try:
        opened = ask(SESSIONS)
    except (PrivilegeError, QueryError, QueryTimeout) as error:
        notes.append(str(error))
    silent: frozenset[str | None] = frozenset()
    if is_root:
        try:
            silent = _for_reading(ask(CONTAINERS))
        except (PrivilegeError, QueryError, QueryTimeout) as error:
            notes.append(str(error))
    if not (rows.was_read(ADMINISTRATORS) and rows.was_read(PROXIES)):
        notes.append(_NOT_READ)
    users = list(rows.values(USERS, "container", "name", "last_login"))
    logins = {named(container, name): _utc(last) for container, name, last in users}
    now = {named(row.container, row.name) for row in opened}
    doubted = {named(container, name) for container, name, _ in users if name == SYS}
    doubted.update(named(*item) for item in _beside(rows))
    doubted.update(
        named(container, name)
        for container, name, _ in users
        if server.database_role or container in silent
    )
    return UseSample(
        UseMeans.LAST_LOGIN,
        tuple(
            Sighting(name, name, is_open=name in now, login_at=logins.get(name))
            for name in sorted({*logins, *now})
            if name in now or logins.get(name) is not None
        ),
        is_whole=not notes,
        doubted=tuple(sorted(doubted)),
        own=named(None, username.upper()),
        note=" ".join(notes),
    )


def _beside(rows: AccountRows) -> Iterator[tuple[str | None, str]]:
    """Yield who may connect so that no login of theirs is written down."""
    yield from _pairs(rows.values(ADMINISTRATORS, "container", "grantee"))
    yield from _pairs(rows.values(PROXIES, "container", "proxy"))


def _for_reading(rows: Iterable[ContainerRow]) -> frozenset[str | None]:
    """Return the pluggable databases that are not known to be open for writing."""
    return frozenset(row.name for row in rows if row.open_mode != READ_WRITE)


def _pairs(found: Iterable[tuple[str | None, str | None]]) -> Iterator[tuple[str | None, str]]:
    return ((container, name) for container, name in found if name)


def _utc(moment: datetime | None) -> datetime | None:
    return moment.replace(tzinfo=UTC) if moment is not None else None
