"""Oracle in the contract: its dictionary emulated, since no server can be had here."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime

import pytest

from sync_pipeline.collect.accounts import ConnectionOpener
from sync_pipeline.model.account import AccountKind
from sync_pipeline.model.privilege import (
    AccountSetting,
    Grant,
    Membership,
    SectionKey,
    Securable,
)
from sync_pipeline.model.privilege import SectionName as Name
from sync_pipeline.model.privilege import SecurableKind as K
from sync_pipeline_tests.contract.oracle_family import ENGINE, MONITOR
from sync_pipeline_tests.contract.worlds.world import (
    Case,
    Cases,
    Doubt,
    Expected,
    Gap,
    Question,
    Step,
    Steps,
    Topic,
    World,
)
from workbench.emulation import oracle_world
from workbench.emulation.oracle import EmulatedOracle, Session

RELEASES = {"19": ((19,), "19.22.0.0.0"), "23ai": ((23,), "23.4.0.24.05")}
Dictionary = oracle_world.World
SERVER = Securable(K.SERVER)
ODD_NAMES = (
    "app",
    "APP",
    "a b",
    "a.b",
    "50%",
    "under_score",
    "quo'te",
    "ap@p",
    "back\\slash",
    "角色",
    "X" * 128,
)
OBJECT_KINDS = {
    "TABLE": K.TABLE,
    "VIEW": K.VIEW,
    "MATERIALIZED VIEW": K.MATERIALIZED_VIEW,
    "SEQUENCE": K.SEQUENCE,
    "PROCEDURE": K.PROCEDURE,
    "FUNCTION": K.FUNCTION,
    "PACKAGE": K.PACKAGE,
    "TYPE": K.TYPE,
    "DIRECTORY": K.DIRECTORY,
    "LIBRARY": K.LIBRARY,
}


def _granted(world: Dictionary) -> None:
    world.user("APP")
    for kind in OBJECT_KINDS:
        world.grant("SELECT", "HR", f"X {kind}", "APP", type=kind, grantable="YES")
    world.grant("EXECUTE", "HR", "J", "APP", type="JAVA CLASS", grantor="OTHER")
    world.grant_column("UPDATE", "HR", "T", "PAY", "APP")
    world.grant_system("CREATE ANY TABLE", "APP", admin="YES")
    world.grant_system("UNLIMITED TABLESPACE", "APP")
    world.quota("APP", "USERS", 10 * 2**20)
    world.quota("APP", "BIG", -1)
    world.quota("APP", "REVOKED", 0)
    world.quota("APP", "DROPPED_ONE", 5, dropped="YES")


GRANTS = Case(
    (_granted,),
    (
        Expected(
            "APP",
            grants=frozenset(
                {
                    *(
                        Grant(
                            Securable(kind, schema="HR", name=f"X {word}"),
                            "SELECT",
                            True,
                            grantor="HR",
                        )
                        for word, kind in OBJECT_KINDS.items()
                    ),
                    Grant(Securable(K.OBJECT, schema="HR", name="J"), "EXECUTE", grantor="OTHER"),
                    Grant(
                        Securable(K.COLUMN, schema="HR", name="T", column="PAY"),
                        "UPDATE",
                        grantor="HR",
                    ),
                    Grant(SERVER, "CREATE ANY TABLE", grantable=True),
                    Grant(SERVER, "UNLIMITED TABLESPACE"),
                    Grant(Securable(K.TABLESPACE, name="USERS"), "QUOTA 10485760"),
                    Grant(Securable(K.TABLESPACE, name="BIG"), "QUOTA UNLIMITED"),
                }
            ),
        ),
    ),
)


def _roles(world: Dictionary) -> None:
    world.user("APP")
    world.role("READERS")
    world.grant_role("READERS", "APP", admin_option="YES", default_role="NO")
    world.grant_role("CONNECT", "APP", delegate_option="YES")
    world.grant_role("CONNECT", "READERS")


ROLES = Case(
    (_roles,),
    (
        Expected(
            "APP",
            memberships=frozenset(
                {
                    Membership("CONNECT", default=True),
                    Membership("READERS", admin=True, default=False),
                }
            ),
            settings=frozenset({AccountSetting("", "DELEGATE OPTION", "CONNECT")}),
        ),
        Expected(
            "READERS",
            kind=AccountKind.ROLE,
            can_login=False,
            memberships=frozenset({Membership("CONNECT", default=True)}),
        ),
    ),
)


def _everyone(world: Dictionary) -> None:
    world.grant_system("CREATE ANY DIRECTORY", "PUBLIC")
    world.role("EVERYONES")
    world.grant_role("EVERYONES", "PUBLIC")


EVERYONE = Case(
    (_everyone,),
    (
        Expected(
            "PUBLIC",
            kind=AccountKind.PUBLIC,
            can_login=False,
            memberships=frozenset({Membership("EVERYONES", default=True)}),
            grants=frozenset(
                {
                    Grant(SERVER, "CREATE ANY DIRECTORY"),
                    Grant(
                        Securable(K.PACKAGE, schema="SYS", name="UTL_FILE"),
                        "EXECUTE",
                        grantor="SYS",
                    ),
                }
            ),
        ),
    ),
)


def _states(world: Dictionary) -> None:
    world.user(
        "GONE_HOME",
        account_status="LOCKED",
        lock_date=datetime.fromisoformat("2026-01-02T03:04:05"),
    )
    world.user("OVER", account_status="EXPIRED(GRACE)")
    world.user("SCHEMA_ONLY", authentication_type="NONE", password_versions=None)


STATE = Case(
    (_states,),
    (
        Expected(
            "GONE_HOME",
            is_locked=True,
            can_login=False,
            attributes={"lock_date": "2026-01-02T03:04:05", "account_status": "LOCKED"},
        ),
        Expected(
            "OVER",
            is_locked=False,
            can_login=True,
            attributes={"account_status": "EXPIRED(GRACE)"},
        ),
        Expected("SCHEMA_ONLY", can_login=False, is_locked=False),
    ),
)


def _superusers(world: Dictionary) -> None:
    for name in ("DIRECT", "CHAINED", "BY_FILE", "OPERATOR", "NOBODY"):
        world.user(name)
    for role in ("INNER", "OUTER", "HARMLESS"):
        world.role(role)
    world.grant_role("DBA", "DIRECT", default_role="NO")
    world.grant_role("DBA", "INNER")
    world.grant_role("INNER", "OUTER")
    world.grant_role("OUTER", "INNER")  # a cycle, which Oracle refuses, must not hang us
    world.grant_role("OUTER", "CHAINED")
    world.grant_role("HARMLESS", "NOBODY")
    world.administrator("BY_FILE", 0, "sysdba")
    world.administrator("OPERATOR", 0, "sysoper", "sysbackup")


SUPERUSERS = ("SYS", "SYSTEM", "DBA", "DIRECT", "CHAINED", "INNER", "OUTER", "BY_FILE")
SUPERUSER = Case(
    (_superusers,),
    (
        *(Expected(name, is_superuser=True) for name in SUPERUSERS),
        *(
            Expected(name, is_superuser=False)
            for name in ("NOBODY", "HARMLESS", "CONNECT", "SELECT_CATALOG_ROLE", "PUBLIC", "DBSNMP")
        ),
        Expected(
            "OPERATOR",
            is_superuser=False,
            grants=frozenset({Grant(SERVER, "SYSOPER"), Grant(SERVER, "SYSBACKUP")}),
        ),
    ),
)


def _named(world: Dictionary) -> None:
    for name in ODD_NAMES:
        world.user(name)
        world.role(f"R{name}"[:128])
        world.grant_role(f"R{name}"[:128], name)
        world.grant("SELECT", name, name, name)


NAMES = Case(
    (_named,),
    tuple(
        Expected(
            name,
            memberships=frozenset({Membership(f"R{name}"[:128], default=True)}),
            grants=frozenset(
                {Grant(Securable(K.TABLE, schema=name, name=name), "SELECT", grantor=name)}
            ),
        )
        for name in ODD_NAMES
    ),
)


def _letters(world: Dictionary) -> None:
    world.user("app")
    world.user("APP")
    world.grant_system("CREATE TABLE", "app")


LETTERS = Case(
    (_letters,),
    (
        Expected("app", grants=frozenset({Grant(SERVER, "CREATE TABLE")})),
        Expected("APP", grants=frozenset()),
    ),
)


def _doubted(world: Dictionary) -> None:
    for name in ("HR", "ANN", "BOB", "NEW"):
        world.user(name)
    world.role("TEAM")
    world.grant_role("TEAM", "BOB")
    world.grant("SELECT", "HR", "T", "ANN")


def _unknown(world: Dictionary) -> None:
    world.grant_system("TELEPORT ANY TABLE", "TEAM")
    world.grant("WARP", "HR", "T", "TEAM")
    world.grant_system("CREATE SESSION", "TEAM")


def _changed(column: str, value: str) -> Step:
    """Return what gives the user NEW a value that no release has."""

    def change(world: Dictionary) -> None:
        (row,) = (row for row in world.server._rows["dba_users"] if row["username"] == "NEW")
        row[column] = value

    return change


def _of_new(column: str, value: str, named: str) -> Case:
    return Case(
        (_doubted,),
        (Expected("NEW"),),
        newer=(_changed(column, value),),
        warned=(named,),
        doubt=Doubt(
            *("SELECT", "HR.T", named, "ANN"),
            unsure=frozenset({"NEW"}),
            changed=frozenset({"NEW"}),
        ),
    )


UNKNOWN = Case(
    (_doubted,),
    (
        Expected(
            "TEAM",
            grants=frozenset(
                {
                    Grant(SERVER, "TELEPORT ANY TABLE", recognised=False),
                    Grant(
                        Securable(K.TABLE, schema="HR", name="T"),
                        "WARP",
                        grantor="HR",
                        recognised=False,
                    ),
                    Grant(SERVER, "CREATE SESSION"),
                }
            ),
        ),
    ),
    newer=(_unknown,),
    warned=("TELEPORT ANY TABLE on server", "WARP on table"),
    doubt=Doubt(
        *("SELECT", "HR.T", "TELEPORT ANY TABLE", "ANN"),
        unsure=frozenset({"BOB", "TEAM"}),
        changed=frozenset({"TEAM"}),
    ),
)


def _ways(world: Dictionary) -> None:
    for user in ("APP", "CHAINED", "HR"):
        world.user(user)
    world.role("TEAM")
    world.role("INNER")
    world.grant("SELECT", "HR", "T", "TEAM")
    world.grant_role("TEAM", "APP")
    world.grant_role("DBA", "INNER")
    world.grant_role("INNER", "CHAINED")


WAYS = Case(
    (_ways,),
    (Expected("APP"), Expected("HR"), Expected("CHAINED", is_superuser=True)),
    questions=(
        Question("APP", "SELECT", "table:HR.T", "APP → TEAM ("),
        Question("APP", "DELETE", "table:HR.T"),
        Question("HR", "DELETE", "table:HR.T", "HR"),
        Question("CHAINED", "SELECT", "table:HR.T", "CHAINED → INNER ("),
    ),
)
CASES: Cases = {
    Topic.GRANTS: (GRANTS,),
    Topic.ROLES: (ROLES,),
    Topic.EVERYONE: (EVERYONE,),
    Topic.STATE: (STATE,),
    Topic.SUPERUSER: (SUPERUSER,),
    Topic.NAMES: (NAMES,),
    Topic.LETTERS: (LETTERS,),
    Topic.UNKNOWN: (
        UNKNOWN,
        _of_new("account_status", "OPEN & FROZEN", "account status FROZEN"),
        _of_new("authentication_type", "PASSKEY", "authentication type PASSKEY"),
    ),
    Topic.WAYS: (WAYS,),
    Topic.DENIED: (
        Gap(
            "no release has a deny: the views of grants have no column for one",
            lambda world: world.grant("SELECT", "HR", "T", "HR", denied="YES"),
            LookupError,
            "has no column",
        ),
    ),
}


class OracleWorld(World):
    """The dictionary of a database without containers."""

    engine = ENGINE
    username = MONITOR
    home = "ORCL"
    most_statements = 9
    home_schema = "HR"
    whole_superusers = frozenset({"SYS", "BY_FILE"})
    is_emulated = True
    # What the server says it maintains counts, not a list of names.
    system_steps = (
        lambda world: world.user("LBACSYS_LIKE", oracle_maintained="Y"),
        lambda world: world.user("DBSNMP2"),
        lambda world: world.role("APEX_ROLE", oracle_maintained="Y"),
    )
    system_accounts = frozenset(
        {"DBSNMP", "LBACSYS_LIKE", "APEX_ROLE", "DBA", "CONNECT", "SELECT_CATALOG_ROLE"}
    )

    def __init__(self, release: tuple[int, ...], full_version: str) -> None:
        super().__init__()
        self._full_version = full_version
        self.version = release
        self.reset()
        schemas = frozenset({SectionKey(Name.SCHEMA)})
        self.not_applicable = schemas if release < (23,) else frozenset()

    @property
    def cases(self) -> Cases:
        return CASES

    @property
    def sections(self) -> frozenset[SectionKey]:  # type: ignore[override]
        return frozenset(
            SectionKey(name) for query in ENGINE.account_queries for name in query.fills
        )

    def run(self, *steps: Step) -> None:
        for step in steps:
            assert callable(step)
            step(self.dictionary)

    @contextmanager
    def connections(self) -> Iterator[ConnectionOpener]:
        yield lambda _: self.dictionary.server.session(Session())

    def reset(self) -> None:
        """Begin with another database."""
        self.dictionary = Dictionary(EmulatedOracle(self.version, self._full_version))
        self.dictionary.database()
        self.dictionary.redo(1, 1, oracle_world.GIB, 2)

    def tables(self, units: Mapping[str, int]) -> Steps:
        def make(world: Dictionary) -> None:
            for name, size in units.items():
                world.segment("HR", name, "TABLE", size * 2**20 + 2**16)

        return (make,)

    def stores(self) -> Steps:
        gib = oracle_world.GIB

        def make(world: Dictionary) -> None:
            world.tablespace("USERS", files=((gib, "NO", 0), (2 * gib, "NO", 0)), used=gib // 4)
            world.tablespace("UNDO", files=((gib, "NO", 0),), contents="UNDO", used=gib // 8)

        return (make,)

    def grows(self) -> tuple[Steps, int]:
        return (lambda world: world.tablespace("MORE", files=((6 * 2**20, "NO", 0),)),), 6 * 2**20

    def on_disk(self) -> Mapping[str, int]:
        """Return what the data files hold; temporary files stand beside."""
        rows = self.dictionary.server._rows["dba_data_files"]
        return {self.home: sum(row["bytes"] for row in rows)}

    def is_list_of_databases(self, sql: str) -> bool:
        """Return False: a database without containers has no list of them."""
        return False

    def is_list_of_accounts(self, sql: str) -> bool:
        return "FROM sys.dba_users u" in sql or "FROM sys.dba_roles r" in sql

    def many(self, count: int) -> Steps:
        def make(world: Dictionary) -> None:
            for number in range(count):
                world.user(f"MANY{number}")
                world.grant_role("CONNECT", f"MANY{number}")

        return (make,)

    def secret(self) -> tuple[Steps, Callable[[], Sequence[str]]]:
        return (lambda world: world.user("HASHED", password="S:A1B2C3D4"),), lambda: ["A1B2C3D4"]


@contextmanager
def world(request: pytest.FixtureRequest, variant: str) -> Iterator[OracleWorld]:
    """Yield an emulated database of a release."""
    yield OracleWorld(*RELEASES[variant])
