"""Who logs in to MySQL and MariaDB, as their counters say. Pure.

`performance_schema.accounts` counts every login since the server started (MySQL 8.4 Reference
Manual, 29.12.8, Performance Schema Connection Tables), so that one between two samples shows. It is
emptied by TRUNCATE, and misses logins where its room is too small, which it counts. MariaDB has it
where `performance_schema` is on, which it is not by default; else `userstat` counts logins by user,
but can be switched and flushed without a trace, so that it proves use and nothing else. Without
both, there are the sessions of the moment. Work under a stored definer is no login.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from sync_pipeline.engines.base import ANYBODY, Asks, Query, Variant, Version
from sync_pipeline.engines.mysql_protocol.accounts.clients import Client, Clients
from sync_pipeline.engines.mysql_protocol.accounts.names import account_list, account_name
from sync_pipeline.engines.mysql_protocol.accounts.visible import VISIBLE
from sync_pipeline.errors import PrivilegeError, QueryError
from sync_pipeline.model.snapshot import ServerIdentity
from sync_pipeline.model.use import Sighting, UseMarks, UseMeans, UseSample

READS_LOGINS = "GRANT SELECT ON performance_schema.accounts TO {user};"
_GRANT_PROCESS = "GRANT PROCESS ON *.* TO {user};"
_SHORTEST_UPTIME = 60
"""Seconds. A server that started again so soon could be taken for the one before."""
_ON = frozenset({"1", "on"})


@dataclass(frozen=True, slots=True)
class StatusRow:
    """A row of `login_status.sql`."""

    name: str
    value: str


@dataclass(frozen=True, slots=True)
class CommandRow:
    """A row of `login_commands.sql`, whose columns SHOW STATUS names."""

    Variable_name: str
    Value: str


@dataclass(frozen=True, slots=True)
class CounterRow:
    """A row of `login_counters.sql`: who connected, from where, and how often."""

    user: str
    host: str
    opened: int
    total: int


@dataclass(frozen=True, slots=True)
class UserRow:
    """A row of `login_users.sql`."""

    user: str
    opened: int
    total: int


@dataclass(frozen=True, slots=True)
class SessionRow:
    """A row of `login_sessions.sql`; behind the host there is a port, where there is one."""

    user: str
    host: str


@dataclass(frozen=True, slots=True)
class UseQueries:
    """The queries of one of the two products; `commands` where `status` lacks what these tell."""

    status: Query[StatusRow]
    commands: Query[CommandRow] | None
    counters: Query[CounterRow]
    sessions: Query[SessionRow]
    users: Query[UserRow]

    @classmethod
    def since(cls, oldest: Version, *, has_commands: bool) -> UseQueries:
        """Declare them."""

        def texts(name: str) -> tuple[Variant, ...]:
            return (Variant(oldest, f"{name}.sql"),)

        return cls(
            Query("login_status", StatusRow, (), texts("login_status"), ANYBODY),
            Query("login_commands", CommandRow, (), texts("login_commands"), ANYBODY)
            if has_commands
            else None,
            Query("login_counters", CounterRow, (), texts("login_counters"), READS_LOGINS),
            Query(
                *("login_sessions", SessionRow, (), texts("login_sessions"), _GRANT_PROCESS),
                check="check_login_sessions.sql",
            ),
            Query("login_users", UserRow, (), texts("login_users"), _GRANT_PROCESS),
        )


def use(
    ask: Asks,
    queries: UseQueries,
    accounts: Iterable[tuple[str, str]],
    server: ServerIdentity,
    *,
    knows_cidr: bool,
) -> UseSample:
    """Return who logged in, by the best means that the server has and lets us read.

    Raises:
        SyncError: not even the sessions of the moment could be read.
    """
    if server.place == VISIBLE:
        raise QueryError("Whose logins are counted is not known where the accounts are hidden.")
    clients = Clients(accounts, knows_cidr=knows_cidr)
    own = "".join(account_name(*item) for item in account_list(server.account))
    # First: a statement that empties the counters after it shows in the next sample's.
    status = {row.name: str(row.value) for row in ask(queries.status)}
    refused = ""
    if _is_on(status, "counts"):
        if queries.commands is not None:
            rows = ask(queries.commands)
            status |= {row.Variable_name.lower(): str(row.Value) for row in rows}
        try:
            return _counted(ask(queries.counters), status, clients, own)
        except PrivilegeError as error:
            refused = str(error)
    if _is_on(status, "counts_users"):
        return _of_users(ask(queries.users), status, clients, own, refused)
    clients_now = {(row.user, _without_port(row.host)) for row in ask(queries.sessions)}
    seen = tuple(
        _sighting(f"{user}@{host}", clients.of(user, host), is_open=True)
        for user, host in sorted(clients_now)
    )
    return UseSample(
        UseMeans.SESSION,
        seen,
        own=own,
        marks=UseMarks(_began(status, "uptime")),
        note=refused or "Logins are not counted: performance_schema is off.",
    )


def _counted(
    rows: Sequence[CounterRow], status: Mapping[str, str], clients: Clients, own: str
) -> UseSample:
    lost = sum(int(value) for name, value in status.items() if name.endswith("_lost"))
    marks = UseMarks(
        _began(status, "uptime"),
        _began(status, "uptime_since_flush_status"),
        int(status["connections"]),
        int(status["com_admin_commands"]),
        int(status["com_truncate"]),
        sum(int(row.opened) for row in rows),
        sum(int(row.total) for row in rows),
    )
    seen = tuple(
        _sighting(
            f"{row.user}@{row.host}",
            clients.of(row.user, row.host or ""),
            is_open=int(row.opened) > 0,
            total=int(row.total),
        )
        for row in rows
    )
    has_run = int(status["uptime"]) > _SHORTEST_UPTIME
    note = "The server's room for counting logins is too small: some are not counted."
    return UseSample(
        UseMeans.COUNTER,
        seen,
        is_whole=has_run and not lost,
        own=own,
        marks=marks,
        note=note if lost else "",
    )


def _of_users(
    rows: Sequence[UserRow], status: Mapping[str, str], clients: Clients, own: str, refused: str
) -> UseSample:
    seen = tuple(
        _sighting(
            row.user, clients.of_user(row.user), is_open=int(row.opened) > 0, total=int(row.total)
        )
        for row in rows
    )
    note = "User statistics prove logins, and not that there was none."
    return UseSample(
        UseMeans.COUNTER,
        seen,
        own=own,
        marks=UseMarks(_began(status, "uptime")),
        note=f"{note} {refused}".rstrip(),
    )


def _sighting(key: str, client: Client, *, is_open: bool, total: int | None = None) -> Sighting:
    return Sighting(key, client.account, client.maybe, client.others, is_open, total)


def _is_on(status: Mapping[str, str], name: str) -> bool:
    return status.get(name, "").lower() in _ON


def _began(status: Mapping[str, str], name: str) -> str:
    """Return the second at which what lasts so long by the server's clock began."""
    return str(int(status["now"]) - int(status[name]))


def _without_port(host: str) -> str:
    """Return a host without the port behind it; of an IPv6 address that is the last part."""
    name, colon, port = host.rpartition(":")
    return name if colon and port.isdigit() else host
