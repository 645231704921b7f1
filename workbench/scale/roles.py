"""What one large PostgreSQL server holds, made by the server itself, the same every time."""

from __future__ import annotations

from dataclasses import dataclass

import psycopg

from workbench.fleet.server import MONITOR
from workbench.servers.running import RunningServer

DATABASE = "large"
OF_OWNER = 9
"""The rights of an owner on a table from 17 on, as they are collected: ownership and eight."""
_PRIVILEGES = "SELECT,INSERT,UPDATE,DELETE,TRUNCATE,REFERENCES,TRIGGER,MAINTAIN"
_ROLES_A_GROUP = 25
_NEVER_EXPIRES = 20
"""Of so many users the password of one never expires, which is a finding."""
_TABLES_A_TRANSACTION = 200
_ROLES_A_TRANSACTION = 2000


@dataclass(frozen=True, slots=True)
class RoleWorld:
    """Roles, and tables that are granted to them.

    `grants` counts as the collector does, so those of the tables' owners are among them.
    Groups form a tree of `nesting` levels, and each user is a member of two of them. A `chain`
    is so many roles, each a member of the one before, of which the first may update `s1.t5`;
    `holders` are roles that may do so directly.
    """

    roles: int = 5203
    schemas: int = 20
    tables: int = 20_000
    grants: int = 240_000
    nesting: int = 4
    chain: int = 0
    holders: int = 0
    seed: int = 0

    @property
    def groups(self) -> int:
        """Return how many of the roles are groups."""
        return max(self.nesting, self.roles // _ROLES_A_GROUP)

    @property
    def users(self) -> int:
        """Return how many of the roles are users: neither groups nor owners of schemas."""
        return self.roles - self.groups - self.schemas

    @property
    def branching(self) -> int:
        """Return how many groups have the same parent: the least that keeps the levels."""
        width = 1
        while sum(width**level for level in range(self.nesting)) < self.groups:
            width += 1
        return width

    @property
    def granted(self) -> int:
        """Return how many privileges of each table a group has."""
        return self.grants // self.tables - OF_OWNER

    def check(self) -> None:
        """Refuse what can't be made.

        Raises:
            ValueError: a number is too small or too large for the others.
        """
        most = _PRIVILEGES.count(",") + 1
        if self.users < 1 or not 0 <= self.granted <= most:
            raise ValueError(
                f"Of {self.roles} roles {self.users} would be users, and each table would have "
                f"{self.granted} privileges for a group: at least 1, and 0 to {most}."
            )


def fill(server: RunningServer, world: RoleWorld) -> None:
    """Make a world, in a database of its own.

    Raises:
        ValueError: the numbers do not fit one another.
    """
    world.check()
    with _connect(server, server.database) as connection:
        connection.execute(f"CREATE DATABASE {DATABASE}")
        connection.execute(f"CREATE ROLE {MONITOR} LOGIN; GRANT pg_monitor TO {MONITOR}")
    with _connect(server, DATABASE) as connection:
        for statement in (_roles(world), _tables(world), _chain(world), _holders(world)):
            connection.execute(statement)  # type: ignore[arg-type]
        connection.execute("VACUUM (ANALYZE)")


def change(server: RunningServer, *, granted: bool) -> None:
    """Grant one privilege on one table, or take it away again."""
    statement = "GRANT DELETE ON s1.t5 TO u1" if granted else "REVOKE DELETE ON s1.t5 FROM u1"
    with _connect(server, DATABASE) as connection:
        connection.execute(statement)  # type: ignore[arg-type]


def _roles(world: RoleWorld) -> str:
    """Make owners `o1`…, a tree of groups `g0`…, and users `u1`… that are members."""
    return f"""
DO $$ BEGIN
  FOR n IN 1..{world.schemas} LOOP
    EXECUTE format('CREATE ROLE o%s LOGIN', n);
    EXECUTE format('CREATE SCHEMA s%s AUTHORIZATION o%s', n, n);
    EXECUTE format('GRANT USAGE ON SCHEMA s%s TO PUBLIC', n);
  END LOOP;
  FOR n IN 0..{world.groups - 1} LOOP
    EXECUTE format('CREATE ROLE g%s', n);
    IF n > 0 THEN
      EXECUTE format('GRANT g%s TO g%s', (n - 1) / {world.branching}, n);
    END IF;
  END LOOP;
  FOR n IN 1..{world.users} LOOP
    EXECUTE format('CREATE ROLE u%s LOGIN VALID UNTIL %L IN ROLE g%s',
      n, CASE WHEN n % {_NEVER_EXPIRES} = 0 THEN 'infinity' ELSE '2100-01-01' END,
      n % {world.groups});
    EXECUTE format('GRANT g%s TO u%s',
      abs(hashint4extended(n, {world.seed}) % {world.groups}), n);
    IF n % {_ROLES_A_TRANSACTION} = 0 THEN COMMIT; END IF;
  END LOOP;
END $$"""


def _tables(world: RoleWorld) -> str:
    """Make tables `t1`… in the schemas in turn, each granted to one group; five share it.

    The tables of a number that ends in 5 are in every world, so that `s1.t5` is in each.
    """
    privileges = ", ".join(_PRIVILEGES.split(",")[: world.granted])
    granted = (
        f"EXECUTE format('GRANT {privileges} ON s%s.t%s TO g%s', s, n, "
        f"((n / 5) * 7 + {world.seed}) % {world.groups});"
        if privileges
        else ""
    )
    return f"""
DO $$ DECLARE each integer := {-(-world.tables // world.schemas)}; n integer; BEGIN
  FOR s IN 1..{world.schemas} LOOP
    EXECUTE format('SET ROLE o%s', s);
    FOR n IN (s - 1) * each + 1..least(s * each, {world.tables}) LOOP
      EXECUTE format('CREATE TABLE s%s.t%s (id integer, label integer)', s, n);
      {granted}
      IF n % {_TABLES_A_TRANSACTION} = 0 THEN COMMIT; END IF;
    END LOOP;
    COMMIT;
  END LOOP;
  RESET ROLE;
END $$"""


def _chain(world: RoleWorld) -> str:
    if not world.chain:
        return "SELECT"
    return f"""
DO $$ BEGIN
  FOR n IN 1..{world.chain} LOOP
    EXECUTE format('CREATE ROLE c%s', n);
    IF n > 1 THEN EXECUTE format('GRANT c%s TO c%s', n - 1, n); END IF;
  END LOOP;
  GRANT UPDATE ON s1.t5 TO c1;
END $$"""


def _holders(world: RoleWorld) -> str:
    if not world.holders:
        return "SELECT"
    return f"""
DO $$ BEGIN
  FOR n IN 1..{world.holders} LOOP
    EXECUTE format('CREATE ROLE h%s LOGIN', n);
  END LOOP;
  EXECUTE 'GRANT UPDATE ON s1.t5 TO '
    || (SELECT string_agg('h' || n, ', ') FROM generate_series(1, {world.holders}) AS n);
END $$"""


def _connect(server: RunningServer, database: str) -> psycopg.Connection[tuple[object, ...]]:
    return psycopg.connect(
        host=server.host, port=server.port, user=server.admin_user, dbname=database,
        autocommit=True,
    )  # fmt: skip
