"""Random accounts, roles and grants of MySQL and MariaDB, as the statements that make them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

DATABASES = ("ac_a", "acxa", "acyb")
# Of those that fit one name, no two are equally specific: which comes first is not defined.
PATTERNS = ("ac%", "%", "%a", "acx%", r"ac\_a", "acxa", "acyb", "a_xa", "acy_")
ROLES = 3
HOSTS = ("%", "127.0.0.1", "127.0.0.%")
USERS = (("u", "%"), ("u", "127.0.0.1"), ("u", "127.0.0.%"), ("v", "%"), ("", "%"))
SERVER_WORDS = {
    True: ("XA_RECOVER_ADMIN", "BACKUP_ADMIN"),
    False: ("BINLOG MONITOR", "SLAVE MONITOR"),
}
DATA = ("SELECT", "INSERT", "UPDATE")
ON_TABLE = (*DATA, "DELETE", "CREATE", "DROP", "INDEX", "ALTER", "CREATE VIEW")
ON_DATABASE = (
    *ON_TABLE,
    *("EXECUTE", "ALTER ROUTINE", "CREATE ROUTINE", "EVENT", "CREATE TEMPORARY TABLES"),
)
ON_SERVER = (*ON_DATABASE, "CREATE USER", "PROCESS", "RELOAD", "FILE")
LEVELS = {
    "server": ON_SERVER,
    "database": ON_DATABASE,
    "table": ON_TABLE,
    "column": DATA,
    "routine": ("EXECUTE", "ALTER ROUTINE"),
}
PUBLIC = -1


@dataclass(frozen=True)
class AccessPlan:
    """What to make. Holders are numbers: users, then roles; PUBLIC is -1 (MariaDB).

    `is_partial` worlds are MySQL's with partial_revokes, in which `denied` are taken away.
    """

    users: tuple[tuple[str, str], ...]
    edges: tuple[tuple[int, int, bool], ...]
    default: tuple[tuple[int, int], ...]
    grants: tuple[tuple[int, str, tuple[str, ...], int, bool], ...]
    more: tuple[tuple[int, int, bool], ...]
    denied: tuple[tuple[int, str, int], ...]
    is_partial: bool


@st.composite
def access_plans(draw: Any, *, is_mysql: bool) -> AccessPlan:
    users = draw(st.lists(st.sampled_from(USERS), min_size=1, max_size=4, unique=True))
    holders = len(users) + ROLES
    who = st.integers(0 if is_mysql else PUBLIC, holders - 1)
    levels = st.sampled_from(
        ["server", "database", "database", "database", "table", "table", "column", "routine"]
    ).flatmap(
        lambda level: st.tuples(
            st.just(level),
            st.lists(st.sampled_from(LEVELS[level]), max_size=4, unique=True).map(tuple),
        )
    )
    grant = st.tuples(who, levels, st.integers(0, 63), st.booleans())
    is_partial = is_mysql and draw(st.booleans())
    role = st.integers(0, ROLES - 1)
    return AccessPlan(
        tuple(users),
        tuple(draw(st.lists(st.tuples(role, who, st.booleans()), max_size=7))),
        tuple(draw(st.lists(st.tuples(role, st.integers(0, len(users) - 1)), max_size=4))),
        tuple((w, *level, n, option) for w, level, n, option in draw(st.lists(grant, max_size=16))),
        tuple(draw(st.lists(st.tuples(who, st.integers(0, 1), st.booleans()), max_size=2))),
        tuple(draw(st.lists(st.tuples(who, st.sampled_from(DATA), st.integers(0, 2)), max_size=5)))
        if is_partial
        else (),
        is_partial,
    )


def quote(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"


@dataclass(frozen=True)
class Maker:
    """Says a plan in SQL. Names carry a number, so that none is used twice on a server."""

    plan: AccessPlan
    number: int
    is_mysql: bool

    @property
    def users(self) -> list[tuple[str, str]]:
        return [(name and f"{name}{self.number}", host) for name, host in self.plan.users]

    @property
    def roles(self) -> list[str]:
        return [f"r{index}_{self.number}" for index in range(ROLES)]

    def holder(self, number: int) -> str:
        if number == PUBLIC:
            return "PUBLIC"
        if number < len(self.users):
            user, host = self.users[number]
            return f"'{user}'@'{host}'"
        return quote(self.roles[number - len(self.users)])

    def statements(self) -> Iterator[str]:
        yield from (f"CREATE USER {self.holder(n)}" for n in range(len(self.users)))
        yield from (f"CREATE ROLE {quote(role)}" for role in self.roles)
        for (role, who), is_admin in self.edges().items():
            option = " WITH ADMIN OPTION" if is_admin and who != PUBLIC else ""
            yield f"GRANT {quote(self.roles[role])} TO {self.holder(who)}{option}"
        yield from self.defaults()
        for who, level, words, where, option in self.plan.grants:
            yield self.grant(who, level, words, where, self.option(who, wanted=option))
        for who, which, option in self.plan.more:
            word = SERVER_WORDS[self.is_mysql][which]
            yield f"GRANT {word} ON *.* TO {self.holder(who)}{self.option(who, wanted=option)}"
        for who, word, where in self.plan.denied:
            # Whoever has it globally loses it there; others have nothing to lose.
            yield f"REVOKE IF EXISTS {word} ON {quote(DATABASES[where])}.* FROM {self.holder(who)}"
        yield "FLUSH PRIVILEGES"

    def edges(self) -> dict[tuple[int, int], bool]:
        """Return who has which role: roles downwards only, since circles are refused.

        MySQL gives none to an anonymous user.
        """
        first = len(self.users)
        anonymous = [n for n, (name, _) in enumerate(self.users) if self.is_mysql and not name]
        return {
            (role, who): is_admin
            for role, who, is_admin in self.plan.edges
            if who not in anonymous and (who < first or role < who - first)
        }

    def defaults(self) -> Iterator[str]:
        chosen: dict[int, list[int]] = {}
        for role, who in self.plan.default:
            if (role, who) in self.edges() and self.users[who][0]:
                chosen.setdefault(who, []).append(role)
        for who, roles in chosen.items():
            some = sorted(set(roles)) if self.is_mysql else roles[:1]
            names = ", ".join(quote(self.roles[role]) for role in some)
            verb = "TO" if self.is_mysql else "FOR"
            yield f"SET DEFAULT ROLE {names} {verb} {self.holder(who)}"

    def option(self, who: int, *, wanted: bool) -> str:
        """Return the grant option: MariaDB gives it to no role."""
        may_have = self.is_mysql or 0 <= who < len(self.users)
        return " WITH GRANT OPTION" if wanted and may_have else ""

    def grant(self, who: int, level: str, words: tuple[str, ...], where: int, option: str) -> str:
        database = quote(DATABASES[where % 3])
        on = {
            "server": "*.*",
            "database": f"{quote(PATTERNS[where % len(PATTERNS)])}.*",
            "table": f"{database}.t",
            "column": f"{database}.t",
            "routine": f"{('PROCEDURE', 'FUNCTION')[where // 3 % 2]} {database}."
            f"{'pf'[where // 3 % 2]}",
        }[level]
        if level == "column":
            words = tuple(f"{word} ({'ab'[where // 3 % 2]})" for word in words)
        return f"GRANT {', '.join(words) or 'USAGE'} ON {on} TO {self.holder(who)}{option}"

    def cleanup(self) -> Iterator[str]:
        if not self.is_mysql:
            for role, who in self.edges():
                if who == PUBLIC:
                    yield f"REVOKE {quote(self.roles[role])} FROM PUBLIC"
            # PUBLIC exists once something was granted to it.
            if PUBLIC in {item[0] for item in (*self.plan.grants, *self.plan.more)}:
                yield "REVOKE ALL PRIVILEGES, GRANT OPTION FROM PUBLIC"
        yield from (f"DROP USER IF EXISTS {self.holder(n)}" for n in range(len(self.users)))
        yield from (f"DROP ROLE IF EXISTS {quote(role)}" for role in self.roles)
