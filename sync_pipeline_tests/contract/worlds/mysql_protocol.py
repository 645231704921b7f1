"""What the worlds of MySQL and MariaDB share."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from sync_pipeline.collect.accounts import ConnectionOpener
from sync_pipeline.model.privilege import Grant, SectionKey, Securable
from sync_pipeline.model.privilege import SectionName as Name
from sync_pipeline.model.privilege import SecurableKind as K
from sync_pipeline_tests.contract.mysql_family import Family
from sync_pipeline_tests.contract.worlds.world import Case, Expected, Step, Steps, World
from workbench.servers.running import RunningServer

BY = "root@127.0.0.1"
SERVER, TABLE = Securable(K.SERVER), Securable(K.TABLE, "app", "", "t")
SECTIONS = frozenset(
    SectionKey(name)
    for name in (
        *(Name.ACCOUNTS, Name.SERVER, Name.MEMBERSHIPS, Name.DATABASE),
        *(Name.TABLE, Name.COLUMN, Name.ROUTINE, Name.PROXY),
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


class MySqlProtocolWorld(World):
    """A running server, whose new accounts and databases go when a test is over."""

    sections = SECTIONS
    home = "home"
    whole_superusers = frozenset({"'root'@'localhost'"})

    def __init__(self, server: RunningServer) -> None:
        super().__init__()
        self.family = Family(server)
        self.engine = self.family.engine
        self.username = server.admin_user
        self.version = self.family.version[:2]
        self._before = self._there()

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
        megabyte = "REPEAT(RANDOM_BYTES(1024), 1024)"
        return (
            "CREATE DATABASE IF NOT EXISTS home",
            *(
                step
                for name, size in units.items()
                for step in (
                    f"CREATE TABLE home.`{name}` (id INT PRIMARY KEY AUTO_INCREMENT, b MEDIUMBLOB)",
                    *[f"INSERT INTO home.`{name}` (b) VALUES ({megabyte})"] * size,
                    *([f"ANALYZE TABLE home.`{name}`"] if size else []),
                )
            ),
            "FLUSH TABLES",
        )

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
