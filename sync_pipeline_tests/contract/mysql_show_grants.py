"""Reads SHOW GRANTS: what a server itself says, to compare with what we collect."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from sync_pipeline.engines.mysql_protocol.accounts.names import account_name
from sync_pipeline.model.account import AccountState
from sync_pipeline.model.privilege import SecurableKind

_TOKEN = re.compile(r"`(?:[^`]|``)*`|'(?:[^'\\]|''|\\.)*'|[A-Za-z0-9_*]+|[(),.@]", re.DOTALL)
_RAW_PROXY = re.compile(
    r"GRANT PROXY ON '(?P<on>.*)'@'(?P<on_host>[^']*)' TO '(?P<to>.*)'@'(?P<to_host>[^']*)'"
    r"(?P<option> WITH GRANT OPTION)?",
    re.DOTALL,
)
"""How MariaDB 10.11.18 writes a proxy (10.11.19 does not): names with nothing escaped.

No name of these tests has ` TO ` in it."""
ROUTINE_KINDS = {"FUNCTION", "PROCEDURE", "PACKAGE", "LIBRARY"}

ON_DATABASE = frozenset(
    {
        *("SELECT", "INSERT", "UPDATE", "DELETE", "CREATE", "DROP", "REFERENCES", "INDEX"),
        *("ALTER", "CREATE TEMPORARY TABLES", "LOCK TABLES", "EXECUTE", "CREATE VIEW"),
        *("SHOW VIEW", "CREATE ROUTINE", "ALTER ROUTINE", "EVENT", "TRIGGER"),
    }
)
ON_TABLE = frozenset(
    {
        *("SELECT", "INSERT", "UPDATE", "DELETE", "CREATE", "DROP", "REFERENCES", "INDEX"),
        *("ALTER", "CREATE VIEW", "SHOW VIEW", "TRIGGER"),
    }
)
ON_ROUTINE = frozenset({"EXECUTE", "ALTER ROUTINE"})
ON_MARIADB_SERVER = ON_DATABASE | {
    *("RELOAD", "SHUTDOWN", "PROCESS", "FILE", "SHOW DATABASES", "SUPER"),
    *("REPLICATION SLAVE", "BINLOG MONITOR", "CREATE USER", "CREATE TABLESPACE"),
    *("DELETE HISTORY", "SET USER", "FEDERATED ADMIN", "CONNECTION ADMIN", "READ_ONLY ADMIN"),
    *("REPLICATION SLAVE ADMIN", "REPLICATION MASTER ADMIN", "BINLOG ADMIN", "BINLOG REPLAY"),
    "SLAVE MONITOR",
}

Fact = tuple[str, str, str, str, str, bool, bool]
"""Privilege, kind, database, object, column, grantable, deny."""


@dataclass
class Said:
    """What a server says of one account."""

    grants: set[Fact] = field(default_factory=set)
    roles: set[tuple[str, bool]] = field(default_factory=set)


def collected(state: AccountState) -> Said:
    """Return our own answer in the same form. Patterns are databases to SHOW GRANTS."""
    said = Said()
    for grant in state.grants:
        on = grant.securable
        kind = "database" if on.kind is SecurableKind.DATABASE_PATTERN else str(on.kind)
        said.grants.add(
            (
                *(grant.privilege, kind, on.database, on.name, on.column),
                *(grant.grantable, grant.deny),
            )
        )
    said.roles = {
        (membership.role, membership.admin)
        for membership in state.memberships
        if membership.grantor != "mandatory_roles"
    }
    return said


@dataclass(frozen=True)
class Everything:
    """What ALL stands for on a server, below it, and on a routine."""

    server: frozenset[str]
    database: frozenset[str]
    table: frozenset[str]
    routine: frozenset[str] = ON_ROUTINE

    @classmethod
    def of(cls, version: tuple[int, ...], *, is_mysql: bool) -> Everything:
        """Return that of a version: MariaDB 11.3 added SHOW CREATE ROUTINE."""
        if is_mysql:
            return cls(ON_MARIADB_SERVER, ON_DATABASE, ON_TABLE)
        more = frozenset({"SHOW CREATE ROUTINE"} if version >= (11, 3) else ())
        return cls(
            ON_MARIADB_SERVER | more,
            ON_DATABASE | {"DELETE HISTORY"} | more,
            ON_TABLE | {"DELETE HISTORY"},
            ON_ROUTINE | more,
        )


def read(
    lines: Iterable[str], grantee: str, *, is_mysql: bool, version: tuple[int, ...] = ()
) -> Said:
    """Read the lines of SHOW GRANTS that are about `grantee`, as we name it."""
    said = Said()
    everything = Everything.of(version, is_mysql=is_mysql)
    for line in lines:
        raw = None if is_mysql else _RAW_PROXY.fullmatch(line)
        if raw is None:
            _Line(line, everything, is_mysql=is_mysql).add_to(said, grantee)
        elif account_name(raw["to"], raw["to_host"]) == grantee:
            on = account_name(raw["on"], raw["on_host"])
            said.grants.add(("PROXY", "account", "", on, "", bool(raw["option"]), False))
    return said


class _Line:
    def __init__(self, text: str, everything: Everything, *, is_mysql: bool) -> None:
        self.tokens = _TOKEN.findall(text)
        self.is_mysql = is_mysql
        self.everything = everything

    def add_to(self, said: Said, grantee: str) -> None:
        if self.tokens[0] == "SET":
            return
        verb = self.tokens[0]
        to = len(self.tokens) - 1 - self.tokens[::-1].index("TO" if verb == "GRANT" else "FROM")
        name, rest = self._principal(to + 1)
        if name != grantee:
            return
        options = " ".join(self.tokens[rest:])
        if "ON" not in self.tokens[:to]:
            for role, _ in self._principals(1, to):
                said.roles.add((role, "WITH ADMIN OPTION" in options))
            return
        on = self.tokens.index("ON")
        grantable = "GRANT OPTION" in options
        said.grants |= set(self._facts(on, to, grantable=grantable, deny=verb == "REVOKE"))

    def _facts(self, on: int, to: int, *, grantable: bool, deny: bool) -> Iterator[Fact]:
        if self.tokens[1] == "PROXY":
            name, _ = self._principal(on + 1)
            yield ("PROXY", "account", "", name, "", grantable, deny)
            return
        kind, database, name = self._securable(self.tokens[on + 1 : to])
        for word, column in self._words(on):
            for privilege in self._expanded(word, kind):
                if privilege == "USAGE" and not grantable:
                    continue
                yield (
                    privilege,
                    "column" if column else kind,
                    database,
                    name,
                    column,
                    grantable,
                    deny,
                )

    def _words(self, on: int) -> Iterator[tuple[str, str]]:
        """Yield each privilege with its column, empty for the whole object."""
        word: list[str] = []
        columns: list[str] = []
        depth = 0
        for token in [*self.tokens[1:on], ","]:
            if token == "(":
                depth = 1
            elif token == ")":
                depth = 0
            elif depth and token != ",":
                columns.append(_plain(token))
            elif not depth and token == ",":
                for column in columns or [""]:
                    yield " ".join(word), column
                word, columns = [], []
            elif not depth:
                word.append(token)

    def _expanded(self, word: str, kind: str) -> frozenset[str]:
        if word != "ALL PRIVILEGES":
            return frozenset({word})
        return {
            "server": self.everything.server,
            "database": self.everything.database,
            "table": self.everything.table,
        }.get(kind, self.everything.routine)

    def _securable(self, tokens: list[str]) -> tuple[str, str, str]:
        kind = "table"
        if tokens[0] in ROUTINE_KINDS:
            words = [token for token in tokens[:2] if token.isupper() and "`" not in token]
            kind = " ".join(words).lower()
            tokens = tokens[len(words) :]
        database, _, name = tokens
        if database == "*":
            return "server", "", ""
        if name == "*":
            return "database", _plain(database), ""
        return kind, _plain(database), _plain(name)

    def _principal(self, at: int) -> tuple[str, int]:
        """Return the account or role at a position as we name it, and where it ends."""
        if at + 1 < len(self.tokens) and self.tokens[at + 1] == "@":
            return account_name(_plain(self.tokens[at]), _plain(self.tokens[at + 2])), at + 3
        name = _plain(self.tokens[at])
        return ("'" + name.replace("'", "''") + "'" if "'" in name else name), at + 1

    def _principals(self, start: int, end: int) -> Iterator[tuple[str, int]]:
        at = start
        while at < end:
            name, at = self._principal(at)
            yield name, at
            at += 1  # the comma


def _plain(token: str) -> str:
    if token[0] == "`":
        return token[1:-1].replace("``", "`")
    if token[0] == "'":
        return re.sub(r"\\(.)", r"\1", token[1:-1].replace("''", "'"))
    return token
