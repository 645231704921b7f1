"""What the worlds of MySQL and MariaDB share."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import pymysql

from sync_pipeline.collect.accounts import ConnectionOpener
from sync_pipeline.model.privilege import Grant, SectionKey, Securable
from sync_pipeline.model.privilege import SectionName as Name
from sync_pipeline.model.privilege import SecurableKind as K
from sync_pipeline_tests.contract.mysql_family import Family
from sync_pipeline_tests.contract.worlds.world import (
    Case,
    Doubt,
    Expected,
    Question,
    Step,
    Steps,
    World,
)
from workbench.servers.running import RunningServer

BY = "root@127.0.0.1"
SERVER, TABLE = Securable(K.SERVER), Securable(K.TABLE, "app", "", "t")
SECTIONS = frozenset(
    SectionKey(name)
    for name in (
        *(Name.ACCOUNTS, Name.SERVER, Name.MEMBERSHIPS, Name.DATABASE),
        *(Name.TABLE, Name.COLUMN, Name.ROUTINE, Name.PROXY),
        *(Name.SERVER_SETTINGS, Name.DEFINERS, Name.OBJECT_DEFINERS),
    )
)
OBJECTS = (
    "CREATE DATABASE app",
    "CREATE TABLE app.t (a INT, `b c` INT)",
    "CREATE PROCEDURE app.p() SELECT 1",
    "CREATE FUNCTION app.f() RETURNS INT DETERMINISTIC RETURN 1",
)
ALIKE = frozenset(
    {
        Grant(SERVER, "PROCESS", grantable=True),
        Grant(SERVER, "SUPER", grantable=True),
        Grant(Securable(K.DATABASE, "app"), "SELECT"),
        Grant(Securable(K.DATABASE, r"a\_b"), "INSERT"),
        Grant(Securable(K.DATABASE_PATTERN, "a_b%"), "INSERT"),
        Grant(TABLE, "SELECT", grantor=BY),
        Grant(TABLE, "SHOW VIEW", grantor=BY),
        Grant(Securable(K.COLUMN, "app", "", "t", "a"), "UPDATE"),
        Grant(Securable(K.COLUMN, "app", "", "t", "b c"), "UPDATE"),
        Grant(Securable(K.PROCEDURE, "app", "", "p"), "EXECUTE", grantor=BY),
        Grant(Securable(K.FUNCTION, "app", "", "f"), "ALTER ROUTINE", True, grantor=BY),
        Grant(Securable(K.ACCOUNT, name="'proxied'@'%'"), "PROXY", True, grantor=BY),
    }
)
"""What both read of the grants that both have."""
GRANTS = (
    "CREATE USER u@'%', proxied@'%'",
    *OBJECTS,
    "GRANT SELECT ON app.* TO u@'%'",
    r"GRANT INSERT ON `a\_b`.* TO u@'%'",
    "GRANT INSERT ON `a_b%`.* TO u@'%'",
    "GRANT SELECT, SHOW VIEW ON app.t TO u@'%'",
    "GRANT UPDATE (a, `b c`) ON app.t TO u@'%'",
    "GRANT EXECUTE ON PROCEDURE app.p TO u@'%'",
    "GRANT ALTER ROUTINE ON FUNCTION app.f TO u@'%' WITH GRANT OPTION",
    "GRANT PROXY ON proxied@'%' TO u@'%' WITH GRANT OPTION",
)
USERS = {
    "'plain'@'%'": "",
    "'locked'@'%'": "IDENTIFIED BY 'x' PASSWORD EXPIRE INTERVAL 5 DAY ACCOUNT LOCK",
    "'expired'@'%'": "IDENTIFIED BY 'x' PASSWORD EXPIRE",
    "'tls'@'%'": "REQUIRE CIPHER 'A' AND ISSUER '/C=x' AND SUBJECT '/CN=y'",
}
LOCKED = Expected(
    "'locked'@'%'",
    is_locked=True,
    can_login=False,
    attributes={"password_lifetime": 5, "has_authentication_string": True},
)
EXPIRED = Expected("'expired'@'%'", attributes={"password_expired": True})
TLS = Expected(
    "'tls'@'%'",
    attributes={
        "ssl_type": "SPECIFIED",
        "ssl_cipher": "A",
        "x509_issuer": "/C=x",
        "x509_subject": "/CN=y",
    },
)
DOUBTED = (
    *OBJECTS[:2],
    "CREATE USER u@'%', sure@'%'",
    "GRANT SELECT ON app.t TO sure@'%'",
)
ASKED = ("SELECT", "table:app.t")
SURE = "'sure'@'%'"


def new_column(table: str) -> Case:
    """Return the case of a column that a newer server has in one of its tables of grants."""
    alter = f"ALTER TABLE mysql.{table}"
    return Case(
        DOUBTED,
        (Expected("'u'@'%'", grants=frozenset()),),
        newer=(f"{alter} ADD COLUMN Embed_priv ENUM('N','Y') NOT NULL DEFAULT 'N'",),
        undo=(f"{alter} DROP COLUMN Embed_priv",),
        warned=(f"{table}.Embed_priv",),
        doubt=Doubt(*ASKED, says=f"{table}.Embed_priv", sure=SURE),
    )


def ways(role: str) -> Case:
    """Return the case of a role that gives a privilege; `role` is how its name is read."""
    asked = "table:app.t"
    return Case(
        (
            *OBJECTS[:2],
            "CREATE ROLE team",
            "CREATE USER u@'%', direct@'%', boss@'%'",
            "GRANT SELECT ON app.t TO team",
            "GRANT team TO u@'%'",
            "GRANT UPDATE (a) ON app.t TO direct@'%'",
            *(
                f"GRANT ALL ON {on} TO boss@'%' WITH GRANT OPTION"
                for on in ("*.*", "app.*", "app.t")
            ),
        ),
        (Expected("'u'@'%'"), Expected("'direct'@'%'"), Expected("'boss'@'%'", is_superuser=True)),
        questions=(
            Question("'u'@'%'", "SELECT", asked, f"'u'@'%' → {role} ("),
            Question("'u'@'%'", "UPDATE", asked),
            Question("'direct'@'%'", "UPDATE", "column:app.t.a", "'direct'@'%'"),
            Question("'direct'@'%'", "SELECT", asked),
            Question("'boss'@'%'", "DELETE", asked, "'boss'@'%'"),
        ),
    )


NAMES = {
    "''@'%'": "''@'%'",
    "'it''s'@'%'": "'it''s'@'%'",
    r"'back\\slash'@'%'": r"'back\slash'@'%'",
    "'d.o t%_@\"`'@'%'": "'d.o t%_@\"`'@'%'",
    "'Ünï日本'@'10.%'": "'Ünï日本'@'10.%'",
    "'Mixed'@'HOST.Example'": "'Mixed'@'host.example'",
    "'mixed'@'host.example'": "'mixed'@'host.example'",
}
"""As a statement writes them, and as they are read."""
SUPERUSER = Case(
    ("CREATE USER u@'%', plain@'%'", "GRANT SUPER ON *.* TO u@'%'", "GRANT FILE ON *.* TO plain"),
    (
        Expected("'u'@'%'", is_superuser=True),
        Expected("'plain'@'%'", is_superuser=False),
        Expected("'root'@'localhost'", is_superuser=True),
    ),
)
LETTERS = Case(
    (
        "CREATE USER 'Mixed'@'host.example', 'mixed'@'host.example'",
        "GRANT FILE ON *.* TO 'mixed'@'host.example'",
    ),
    (
        Expected("'Mixed'@'host.example'", grants=frozenset()),
        Expected("'mixed'@'host.example'", grants=frozenset({Grant(SERVER, "FILE")})),
    ),
)


def names(longest: int) -> Case:
    """Return the case of odd names, the last as long as a name may be."""
    long = f"'{'é' * longest}'@'10.0.0.0/255.0.0.0'"
    found = {**NAMES, long: long}
    return Case(
        (f"CREATE USER {', '.join(found)}",), tuple(Expected(name) for name in found.values())
    )


ODD_DATABASES = ("plain", "MyDb", "mydb", "we#ird-ä/b", "we#ird-ä", "per%cent_s", "数据库")


def _filled(database: str, table: str, megabytes: int) -> tuple[str, ...]:
    """Return what makes a table, the file of which is then written."""
    name = f"`{database}`.`{table}`"
    megabyte = "REPEAT(RANDOM_BYTES(1024), 1024)"
    return (
        f"CREATE TABLE {name} (id INT PRIMARY KEY AUTO_INCREMENT, b MEDIUMBLOB)",
        *[f"INSERT INTO {name} (b) VALUES ({megabyte})"] * megabytes,
        *([f"ANALYZE TABLE {name}"] if megabytes else []),
    )


class MySqlProtocolWorld(World):
    """A running server, whose new accounts and databases go when a test is over."""

    sections = SECTIONS
    home = "home"
    most_statements = 15
    reads_one_moment = False
    whole_superusers = frozenset({"'root'@'localhost'"})

    def __init__(self, server: RunningServer) -> None:
        super().__init__()
        self.family = Family(server)
        self.engine = self.family.engine
        self.username = server.admin_user
        self.version = self.family.version[:2]
        self._before = self._there()
        self._directories: dict[str, Path] = {}

    def _there(self) -> set[tuple[str, str]]:
        accounts = self.family.rows("SELECT User, Host FROM mysql.user WHERE User <> 'PUBLIC'")
        databases = self.family.rows("SELECT SCHEMA_NAME, NULL FROM information_schema.SCHEMATA")
        return {*accounts, *databases}

    def reset(self) -> None:
        """Drop what was made."""
        with self.family.admin() as cursor:
            escape = cursor.connection.escape
            for name, host in self._there() - self._before:
                quoted = "`" + name.replace("`", "``") + "`"
                if host is None:
                    cursor.execute(f"DROP DATABASE {quoted}")
                elif host == "" and not self.family.is_mysql:
                    cursor.execute(f"DROP ROLE {quoted}")
                else:
                    cursor.execute(f"DROP USER {escape(name)}@{escape(host)}")

    def run(self, *steps: Step) -> None:
        with self.family.admin() as cursor:
            for step in steps:
                if callable(step):
                    step(cursor)
                else:
                    cursor.execute(step)

    @contextmanager
    def connections(self) -> Iterator[ConnectionOpener]:
        yield self.family.opener(self.family.target(), lambda connection: connection)

    def tables(self, units: Mapping[str, int]) -> Steps:
        return (
            "CREATE DATABASE IF NOT EXISTS home",
            *(step for name, size in units.items() for step in _filled("home", name, size)),
            "FLUSH TABLES",
        )

    def stores(self) -> Steps:
        """Return what makes databases whose names no file system could hold as they are."""
        names = (self.home, *ODD_DATABASES)
        return tuple(
            step
            for name in names
            for step in (self._created(name), *_filled(name, "first/t", 1 + (name == "MyDb")))
        )

    def _created(self, name: str) -> Step:
        """Return what makes a database, and sees how the server names its directory."""
        data = self.family.server.directory / "data"

        def create(cursor: pymysql.cursors.Cursor) -> None:
            before = set(data.iterdir())
            cursor.execute(f"CREATE DATABASE `{name}`")
            (self._directories[name],) = set(data.iterdir()) - before

        return create

    def grows(self) -> tuple[Steps, int]:
        steps = (*_filled(self.home, "sécond", 6), *_filled(ODD_DATABASES[3], "sécond", 1))
        return (*steps, "FLUSH TABLES"), 6 * 2**20

    def on_disk(self) -> Mapping[str, int]:
        """Return what the directories hold."""
        return {
            name: sum(item.stat().st_size for item in path.glob("*.ibd"))
            for name, path in self._directories.items()
        }

    def is_list_of_databases(self, sql: str) -> bool:
        return "FROM information_schema.SCHEMATA" in sql

    def is_list_of_accounts(self, sql: str) -> bool:
        table = "mysql.user" if self.family.is_mysql else "mysql.global_priv"
        return f"FROM {table}" in sql

    def many(self, count: int) -> Steps:
        numbers = [f"'many{number}'@'%'" for number in range(count)]
        return (
            f"CREATE USER {', '.join(numbers)}",
            f"GRANT SELECT ON app.* TO {', '.join(numbers)}",
        )

    def secret(self) -> tuple[Steps, Callable[[], Sequence[str]]]:
        if self.family.is_mysql:
            text = "SELECT authentication_string FROM mysql.user WHERE User = 'hashed'"
        else:
            text = (
                "SELECT JSON_VALUE(Priv, '$.authentication_string') FROM mysql.global_priv"
                " WHERE User = 'hashed'"
            )
        return (
            ("CREATE USER hashed@'%' IDENTIFIED BY 'a word'",),
            lambda: [row[0] for row in self.family.rows(text)],
        )
