"""Oracle's access rules against cases taken from Oracle's manuals, each with its section."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from sync_pipeline.engines.oracle.access.rules import OracleAccess
from sync_pipeline.model.account import AccountState
from workbench.strategies.oracle_accounts import has, on, public, role, user, world

GRANT = "SQL Language Reference, GRANT"
SYSTEM = f"{GRANT}, table of system privileges"
SCHEMA = f"{GRANT}, table of schema privileges"
OBJECT = f"{GRANT}, table of object privileges"
ADMINISTRATIVE = f"{GRANT}, table of administrative privileges"
ROLES = "Database Security Guide, About User Roles"
AUTHORIZATION = "Database Security Guide, Specifying the Type of Role Authorization"
OWNERS = "Database Security Guide, Who Can Grant Object Privileges?"
PREDEFINED = "Database Security Guide, Predefined Roles in an Oracle Database Installation"
SET_ROLE = "SQL Language Reference, SET ROLE"
CREATE_ROLE = "SQL Language Reference, CREATE ROLE"
CONTAINER = f"{GRANT}, CONTAINER Clause"

NO = "no"
LOGIN = "at login"
SET = "after set role"


@dataclass(frozen=True)
class Case:
    """What a manual says of one account and one question."""

    source: str
    accounts: tuple[AccountState, ...]
    account: str
    privilege: str
    securable: str
    expected: str
    version: str = "19.22.0.0.0"
    pdb: str = ""

    def __str__(self) -> str:
        held = ", ".join(item.privilege for one in self.accounts for item in one.grants)
        asked = f"{self.account} {self.privilege} {self.securable}"
        return f"{self.source} - {held} - {asked} {self.expected}"


def any_privilege(
    privilege: str, operation: str, securable: str, expected: str, version: str = "19.22.0.0.0"
) -> Case:
    """What a system privilege does for one who holds nothing else."""
    accounts = (user("U", privilege),)
    return Case(SYSTEM, accounts, "U", operation, securable, expected, version)


def object_privilege(granted: str, operation: str, securable: str, expected: str) -> Case:
    """What an object privilege does for one who holds nothing else."""
    return Case(OBJECT, (user("U", granted),), "U", operation, securable, expected)


def administrative(privilege: str, operation: str, securable: str, expected: str) -> Case:
    """What an administrative privilege does for one who holds nothing else."""
    return Case(ADMINISTRATIVE, (user("U", privilege),), "U", operation, securable, expected)


def schema_privilege(granted: str, operation: str, securable: str, expected: str) -> Case:
    """What a privilege on a schema does (23ai)."""
    accounts = (user("U", granted),)
    return Case(SCHEMA, accounts, "U", operation, securable, expected, "23.4.0.24.5")


# Queries of tables, views and materialized views of all schemas but SYS.
QUERIES = [
    any_privilege("SELECT ANY TABLE", "SELECT", "TABLE HR.EMP", LOGIN),
    any_privilege("SELECT ANY TABLE", "SELECT", "VIEW HR.V", LOGIN),
    any_privilege("SELECT ANY TABLE", "SELECT", "MATERIALIZED VIEW HR.MV", LOGIN),
    any_privilege("SELECT ANY TABLE", "SELECT", "COLUMN HR.EMP.PAY", LOGIN),
    any_privilege("SELECT ANY TABLE", "READ", "TABLE HR.EMP", LOGIN),
    any_privilege("SELECT ANY TABLE", "SELECT", "TABLE SYS.USER$", NO),
    any_privilege("SELECT ANY TABLE", "SELECT", "VIEW SYS.DBA_USERS", NO),
    any_privilege("SELECT ANY TABLE", "SELECT", "TABLE SYSTEM.T", LOGIN),
    any_privilege("SELECT ANY TABLE", "SELECT", "SEQUENCE HR.S", NO),
    any_privilege("SELECT ANY TABLE", "UPDATE", "TABLE HR.EMP", NO),
    any_privilege("SELECT ANY TABLE", "SELECT", "TABLE AUDSYS.T", NO, "23.4.0.24.5"),
    any_privilege("SELECT ANY TABLE", "SELECT", "TABLE AUDSYS.T", LOGIN, "12.2.0.1.0"),
    any_privilege("READ ANY TABLE", "READ", "TABLE HR.EMP", LOGIN),
    any_privilege("READ ANY TABLE", "READ", "MATERIALIZED VIEW HR.MV", LOGIN),
    # Only SELECT ANY TABLE is said to lock rows with FOR UPDATE.
    any_privilege("READ ANY TABLE", "SELECT", "TABLE HR.EMP", NO),
    any_privilege("READ ANY TABLE", "READ", "TABLE SYS.T", NO),
    any_privilege("FLASHBACK ANY TABLE", "FLASHBACK", "VIEW HR.V", LOGIN),
]

CHANGES = [
    any_privilege("INSERT ANY TABLE", "INSERT", "TABLE HR.EMP", LOGIN),
    any_privilege("INSERT ANY TABLE", "INSERT", "VIEW HR.V", LOGIN),
    any_privilege("INSERT ANY TABLE", "INSERT", "TABLE SYS.T", NO),
    any_privilege("UPDATE ANY TABLE", "UPDATE", "VIEW HR.V", LOGIN),
    any_privilege("UPDATE ANY TABLE", "UPDATE", "COLUMN HR.EMP.PAY", LOGIN),
    any_privilege("UPDATE ANY TABLE", "SELECT", "TABLE HR.EMP", NO),
    any_privilege("DELETE ANY TABLE", "DELETE", "TABLE HR.EMP", LOGIN),
    any_privilege("DELETE ANY TABLE", "DELETE", "TABLE SYS.AUD$", NO),
    any_privilege("LOCK ANY TABLE", "LOCK", "TABLE HR.EMP", LOGIN),
    any_privilege("ALTER ANY TABLE", "ALTER", "VIEW HR.V", LOGIN),
    any_privilege("ALTER ANY TABLE", "ALTER", "TABLE SYS.T", NO),
    any_privilege("DROP ANY TABLE", "DROP", "TABLE HR.EMP", LOGIN),
    any_privilege("DROP ANY TABLE", "TRUNCATE", "TABLE HR.EMP", LOGIN),
    any_privilege("DROP ANY TABLE", "DROP", "VIEW HR.V", NO),
    any_privilege("DROP ANY VIEW", "DROP", "VIEW HR.V", LOGIN),
    any_privilege("COMMENT ANY TABLE", "COMMENT", "COLUMN HR.EMP.PAY", LOGIN),
    any_privilege("CREATE ANY INDEX", "INDEX", "TABLE HR.EMP", LOGIN),
    any_privilege("CREATE ANY TABLE", "CREATE TABLE", "SCHEMA HR", LOGIN),
    any_privilege("CREATE ANY TABLE", "CREATE TABLE", "SCHEMA SYS", NO),
    any_privilege("CREATE TABLE", "CREATE TABLE", "SCHEMA HR", NO),
    any_privilege("CREATE TABLE", "CREATE TABLE", "SCHEMA U", LOGIN),
    any_privilege("CREATE VIEW", "CREATE TABLE", "SCHEMA U", NO),
    any_privilege("DROP ANY MATERIALIZED VIEW", "DROP", "MATERIALIZED VIEW HR.MV", LOGIN),
]

PROGRAMS_AND_OTHERS = [
    any_privilege("EXECUTE ANY PROCEDURE", "EXECUTE", "PROCEDURE HR.P", LOGIN),
    any_privilege("EXECUTE ANY PROCEDURE", "EXECUTE", "FUNCTION HR.F", LOGIN),
    any_privilege("EXECUTE ANY PROCEDURE", "EXECUTE", "PACKAGE HR.K", LOGIN),
    any_privilege("EXECUTE ANY PROCEDURE", "EXECUTE", "PACKAGE SYS.DBMS_SYS_SQL", NO),
    any_privilege("EXECUTE ANY PROCEDURE", "EXECUTE", "TYPE HR.T", NO),
    any_privilege("EXECUTE ANY TYPE", "EXECUTE", "TYPE HR.T", LOGIN),
    any_privilege("EXECUTE ANY LIBRARY", "EXECUTE", "LIBRARY HR.L", LOGIN),
    any_privilege("ALTER ANY PROCEDURE", "ALTER", "PACKAGE HR.K", LOGIN),
    any_privilege("DROP ANY PROCEDURE", "DROP", "FUNCTION HR.F", LOGIN),
    any_privilege("DEBUG ANY PROCEDURE", "DEBUG", "TABLE HR.EMP", LOGIN),
    any_privilege("SELECT ANY SEQUENCE", "SELECT", "SEQUENCE HR.S", LOGIN),
    any_privilege("SELECT ANY SEQUENCE", "SELECT", "TABLE HR.EMP", NO),
    any_privilege("SELECT ANY SEQUENCE", "SELECT", "SEQUENCE SYS.S", NO),
    any_privilege("ALTER ANY SEQUENCE", "ALTER", "SEQUENCE HR.S", LOGIN),
    any_privilege("DROP ANY DIRECTORY", "DROP", "DIRECTORY D", LOGIN),
    any_privilege("CREATE ANY DIRECTORY", "READ", "DIRECTORY D", NO),
    any_privilege("UNLIMITED TABLESPACE", "QUOTA", "TABLESPACE USERS", LOGIN),
    any_privilege("CREATE SESSION", "CREATE SESSION", "server", LOGIN),
    any_privilege("CREATE SESSION", "CREATE TABLE", "server", NO),
]

# Queries of the dictionary without the tables of secrets; since 23ai without FOR UPDATE.
DICTIONARY = [
    any_privilege("SELECT ANY DICTIONARY", "SELECT", "VIEW SYS.DBA_USERS", LOGIN),
    any_privilege("SELECT ANY DICTIONARY", "READ", "VIEW SYS.DBA_USERS", LOGIN, "23.4.0.24.5"),
    any_privilege("SELECT ANY DICTIONARY", "SELECT", "VIEW SYS.DBA_USERS", NO, "23.4.0.24.5"),
    any_privilege("SELECT ANY DICTIONARY", "SELECT", "TABLE SYS.USER$", NO),
    any_privilege("SELECT ANY DICTIONARY", "SELECT", "TABLE SYS.LINK$", NO),
    any_privilege("SELECT ANY DICTIONARY", "SELECT", "TABLE SYS.XS$VERIFIERS", NO),
    any_privilege("SELECT ANY DICTIONARY", "SELECT", "TABLE SYS.CDB_LOCAL_ADMINAUTH$", NO),
    any_privilege("SELECT ANY DICTIONARY", "UPDATE", "TABLE SYS.T", NO),
    any_privilege("SELECT ANY DICTIONARY", "SELECT", "TABLE HR.EMP", NO),
    any_privilege("SELECT ANY DICTIONARY", "EXECUTE", "PACKAGE SYS.DBMS_LOCK", NO),
]

OBJECT_CASES = [
    object_privilege("SELECT on TABLE HR.EMP", "SELECT", "TABLE HR.EMP", LOGIN),
    object_privilege("SELECT on TABLE HR.EMP", "SELECT", "TABLE HR.JOBS", NO),
    object_privilege("SELECT on TABLE HR.EMP", "SELECT", "TABLE HR2.EMP", NO),
    # SELECT includes FOR UPDATE, READ does not.
    object_privilege("SELECT on TABLE HR.EMP", "READ", "TABLE HR.EMP", LOGIN),
    object_privilege("READ on TABLE HR.EMP", "SELECT", "TABLE HR.EMP", NO),
    object_privilege("READ on VIEW HR.V", "READ", "VIEW HR.V", LOGIN),
    # Every privilege on a table but READ lets its holder lock it.
    object_privilege("INSERT on TABLE HR.EMP", "LOCK", "TABLE HR.EMP", LOGIN),
    object_privilege("REFERENCES on TABLE HR.EMP", "LOCK", "TABLE HR.EMP", LOGIN),
    object_privilege("READ on TABLE HR.EMP", "LOCK", "TABLE HR.EMP", NO),
    object_privilege("SELECT on SEQUENCE HR.S", "SELECT", "SEQUENCE HR.S", LOGIN),
    object_privilege("SELECT on SEQUENCE HR.S", "ALTER", "SEQUENCE HR.S", NO),
    object_privilege("SELECT on SEQUENCE HR.S", "READ", "SEQUENCE HR.S", NO),
    object_privilege("EXECUTE on PACKAGE HR.K", "EXECUTE", "PACKAGE HR.K", LOGIN),
    # EXECUTE is not enough to compile.
    object_privilege("EXECUTE on PROCEDURE HR.P", "ALTER", "PROCEDURE HR.P", NO),
    object_privilege("READ on DIRECTORY D", "READ", "DIRECTORY D", LOGIN),
    object_privilege("READ on DIRECTORY D", "WRITE", "DIRECTORY D", NO),
    # To run a preprocessor in a directory is not to read it.
    object_privilege("EXECUTE on DIRECTORY D", "READ", "DIRECTORY D", NO),
    object_privilege("SELECT on TABLE SYS.T", "SELECT", "TABLE SYS.T", LOGIN),
    # Without a list of columns a privilege is on all of them.
    object_privilege("UPDATE on TABLE HR.EMP", "UPDATE", "COLUMN HR.EMP.PAY", LOGIN),
    object_privilege("UPDATE on COLUMN HR.EMP.PAY", "UPDATE", "COLUMN HR.EMP.PAY", LOGIN),
    object_privilege("UPDATE on COLUMN HR.EMP.PAY", "UPDATE", "COLUMN HR.EMP.NAME", NO),
    object_privilege("UPDATE on COLUMN HR.EMP.PAY", "UPDATE", "TABLE HR.EMP", NO),
    object_privilege("REFERENCES on COLUMN HR.EMP.ID", "REFERENCES", "COLUMN HR.EMP.ID", LOGIN),
    object_privilege("QUOTA 1024 on TABLESPACE USERS", "QUOTA", "TABLESPACE USERS", LOGIN),
    object_privilege("QUOTA 0 on TABLESPACE USERS", "QUOTA", "TABLESPACE USERS", NO),
    # The hierarchy option extends a privilege on a view to its subviews.
    object_privilege(
        "SELECT WITH HIERARCHY OPTION on VIEW HR.V",
        "SELECT WITH HIERARCHY OPTION",
        "VIEW HR.V",
        LOGIN,
    ),
    object_privilege("SELECT on VIEW HR.V", "SELECT WITH HIERARCHY OPTION", "VIEW HR.V", NO),
]

SCHEMA_CASES = [
    schema_privilege("SELECT ANY TABLE on SCHEMA HR", "SELECT", "TABLE HR.EMP", LOGIN),
    schema_privilege("SELECT ANY TABLE on SCHEMA HR", "SELECT", "VIEW HR.V", LOGIN),
    schema_privilege("SELECT ANY TABLE on SCHEMA HR", "SELECT", "TABLE OE.ORDERS", NO),
    schema_privilege("SELECT ANY TABLE on SCHEMA HR", "SELECT ANY TABLE", "SCHEMA HR", LOGIN),
    schema_privilege("SELECT ANY TABLE on SCHEMA HR", "SELECT ANY TABLE", "server", NO),
    schema_privilege("EXECUTE ANY PROCEDURE on SCHEMA HR", "EXECUTE", "PACKAGE HR.K", LOGIN),
    schema_privilege("CREATE ANY TABLE on SCHEMA HR", "CREATE TABLE", "SCHEMA HR", LOGIN),
    schema_privilege("CREATE ANY TABLE on SCHEMA HR", "CREATE TABLE", "SCHEMA OE", NO),
    # The owner of a schema needs CREATE TABLE itself.
    schema_privilege("CREATE TABLE", "CREATE ANY TABLE", "SCHEMA U", LOGIN),
    schema_privilege("SELECT ANY TABLE", "SELECT ANY TABLE", "SCHEMA HR", LOGIN),
    schema_privilege("SELECT ANY TABLE", "SELECT ANY TABLE", "SCHEMA SYS", NO),
]

ADMINISTRATIVE_CASES = [
    administrative("SYSDBA", "SELECT", "TABLE HR.EMP", LOGIN),
    administrative("SYSDBA", "SELECT", "TABLE SYS.USER$", LOGIN),
    administrative("SYSDBA", "ALL", "server", LOGIN),
    administrative("SYSOPER", "RESTRICTED SESSION", "server", LOGIN),
    # User data is for SYSDBA alone.
    administrative("SYSOPER", "SELECT", "TABLE HR.EMP", NO),
    administrative("SYSOPER", "CREATE USER", "server", NO),
    administrative("SYSBACKUP", "SELECT ANY DICTIONARY", "server", LOGIN),
    administrative("SYSBACKUP", "SELECT", "VIEW SYS.DBA_USERS", LOGIN),
    administrative("SYSBACKUP", "CREATE TABLE", "SCHEMA HR", LOGIN),
    administrative("SYSBACKUP", "SELECT", "TABLE HR.EMP", NO),
    administrative("SYSDG", "ALTER SYSTEM", "server", LOGIN),
    administrative("SYSDG", "UNLIMITED TABLESPACE", "server", NO),
    administrative("SYSKM", "ADMINISTER KEY MANAGEMENT", "server", LOGIN),
    administrative("SYSKM", "SELECT ANY DICTIONARY", "server", NO),
    administrative("SYSRAC", "ALTER SYSTEM", "server", LOGIN),
    administrative("SYSRAC", "CREATE ANY TABLE", "server", NO),
]

_READS = ("SELECT on TABLE HR.EMP",)
_PSMITH = (
    user("PSMITH", roles=("ROLE1",)),
    role("ROLE1", roles=("ROLE2", "ROLE3")),
    role("ROLE2", "SELECT on TABLE HR.EMP"),
    role("ROLE3", "CREATE TABLE"),
)


def by_role(
    source: str, expected: str, *, default: bool = True, authentication: str = "NONE"
) -> Case:
    """One user with one role that reads HR.EMP."""
    return Case(
        source,
        (
            user("U", roles=(has("R", default=default),)),
            role("R", *_READS, authentication=authentication),
        ),
        "U",
        "SELECT",
        "TABLE HR.EMP",
        expected,
    )


ROLE_CASES = [
    # psmith has role1, which has role2 and role3: both are enabled with role1.
    Case(ROLES, _PSMITH, "PSMITH", "SELECT", "TABLE HR.EMP", LOGIN),
    Case(ROLES, _PSMITH, "PSMITH", "CREATE TABLE", "server", LOGIN),
    Case(ROLES, _PSMITH, "ROLE1", "CREATE TABLE", "server", LOGIN),
    Case(ROLES, _PSMITH, "ROLE2", "CREATE TABLE", "server", NO),
    Case(ROLES, _PSMITH, "NOBODY", "CREATE TABLE", "server", NO),
    by_role(SET_ROLE, LOGIN),
    by_role(SET_ROLE, SET, default=False),
    # Such a role can be no default role, whatever the catalog says.
    by_role(AUTHORIZATION, SET, authentication="PASSWORD"),
    by_role(AUTHORIZATION, SET, authentication="PASSWORD", default=False),
    by_role(AUTHORIZATION, SET, authentication="EXTERNAL"),
    by_role(CREATE_ROLE, SET, authentication="APPLICATION"),
    # Global roles are enabled at login.
    by_role(SET_ROLE, LOGIN, authentication="GLOBAL"),
    Case(
        SET_ROLE,
        (
            user("U", roles=(has("OUTER", default=False),)),
            role("OUTER", roles=("INNER",)),
            role("INNER", *_READS),
        ),
        "U",
        "SELECT",
        "TABLE HR.EMP",
        SET,
    ),
    # Held in two ways, one of them in force at once.
    Case(
        SET_ROLE,
        (
            user("U", roles=(has("R", default=False), has("OUTER"))),
            role("OUTER", roles=("R",)),
            role("R", *_READS),
        ),
        "U",
        "SELECT",
        "TABLE HR.EMP",
        LOGIN,
    ),
    # A user has what PUBLIC has, roles too.
    Case(ROLES, (user("U"), public(*_READS)), "U", "SELECT", "TABLE HR.EMP", LOGIN),
    Case(
        ROLES,
        (user("U"), public(roles=("R",)), role("R", *_READS)),
        "U",
        "SELECT",
        "TABLE HR.EMP",
        LOGIN,
    ),
    # A role holds what was granted to it and its roles: nothing of PUBLIC.
    Case(ROLES, (role("R"), public(*_READS)), "R", "SELECT", "TABLE HR.EMP", NO),
    # DBA: all system privileges, whether the role itself was read or not.
    Case(PREDEFINED, (user("U", roles=("DBA",)),), "U", "DROP", "TABLE HR.EMP", LOGIN),
    Case(
        PREDEFINED,
        (user("U", roles=("OPS",)), role("OPS", roles=("DBA",)), role("DBA")),
        "U",
        "SELECT",
        "TABLE HR.EMP",
        LOGIN,
    ),
    Case(PREDEFINED, (user("U", roles=("CONNECT",)),), "U", "CREATE SESSION", "server", LOGIN),
    Case(PREDEFINED, (user("U", roles=("CONNECT",)),), "U", "CREATE TABLE", "server", NO),
    Case(PREDEFINED, (user("U", roles=("RESOURCE",)),), "U", "CREATE TABLE", "SCHEMA U", LOGIN),
    Case(PREDEFINED, (user("U", roles=("RESOURCE",)),), "U", "CREATE VIEW", "server", NO),
    Case(
        PREDEFINED,
        (user("U", roles=("DATAPUMP_EXP_FULL_DATABASE",)),),
        "U",
        "SELECT",
        "TABLE HR.EMP",
        LOGIN,
    ),
    # The role comes without a privilege.
    Case(
        PREDEFINED,
        (user("U", roles=("PDB_DBA",)), role("PDB_DBA")),
        "U",
        "SELECT",
        "TABLE HR.EMP",
        NO,
    ),
]


def owned(operation: str, securable: str, expected: str) -> Case:
    """What HR has on a schema without any grant."""
    return Case(OWNERS, (user("HR"), user("OE")), "HR", operation, securable, expected)


OWNER_CASES = [
    # A user has all object privileges in its schema by itself.
    owned("SELECT", "TABLE HR.EMP", LOGIN),
    owned("DROP", "TABLE HR.EMP", LOGIN),
    owned("ALL", "TABLE HR.EMP", LOGIN),
    owned("UPDATE", "COLUMN HR.EMP.PAY", LOGIN),
    owned("EXECUTE", "PACKAGE HR.K", LOGIN),
    owned("ALTER", "SEQUENCE HR.S", LOGIN),
    owned("SELECT", "TABLE OE.ORDERS", NO),
    owned("EXECUTE", "TABLE HR.EMP", NO),
    owned("CREATE TABLE", "SCHEMA HR", NO),
    Case(GRANT, (user("SYS"),), "SYS", "SELECT", "TABLE HR.EMP", LOGIN),
]

_COMMON = (
    user("C##ADM", "SELECT ANY TABLE"),
    user("C##ADM", pdb="PDB1"),
    user("HR", pdb="PDB1"),
    role("R", "SELECT on TABLE HR.EMP", pdb="PDB1"),
    user("LOCAL", roles=("R",), pdb="PDB1"),
    user("BOSS", roles=("DBA",), pdb="PDB1"),
    public("READ on TABLE HR.EMP", pdb="PDB1"),
)


def in_pdb(account: str, operation: str, expected: str, pdb: str = "PDB1") -> Case:
    """A question about HR.EMP of a container, in a world of the root and of PDB1."""
    return Case(CONTAINER, _COMMON, account, operation, "TABLE HR.EMP", expected, pdb=pdb)


CONTAINER_CASES = [
    # Granted in the root, in force in the root.
    in_pdb("C##ADM", "SELECT", LOGIN, pdb=""),
    in_pdb("C##ADM", "SELECT", NO),
    in_pdb("PDB1.C##ADM", "SELECT", NO),
    # Granted in a container, in force there.
    in_pdb("PDB1.LOCAL", "SELECT", LOGIN),
    in_pdb("PDB1.LOCAL", "SELECT", NO, pdb=""),
    in_pdb("PDB1.BOSS", "DELETE", LOGIN),
    in_pdb("PDB1.BOSS", "DELETE", NO, pdb=""),
    in_pdb("PDB1.BOSS", "DELETE", NO, pdb="PDB2"),
    in_pdb("PDB1.HR", "DROP", LOGIN),
    in_pdb("PDB1.C##ADM", "READ", LOGIN),
    in_pdb("C##ADM", "READ", NO),
]

CASES = [
    *QUERIES,
    *CHANGES,
    *PROGRAMS_AND_OTHERS,
    *DICTIONARY,
    *OBJECT_CASES,
    *SCHEMA_CASES,
    *ADMINISTRATIVE_CASES,
    *ROLE_CASES,
    *OWNER_CASES,
    *CONTAINER_CASES,
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_the_manual_is_followed(case: Case) -> None:
    rules = OracleAccess(world(*case.accounts, version=case.version))
    decision = rules.decide(case.account, case.privilege, on(case.securable, case.pdb))
    found = LOGIN if decision.is_allowed_at_login else SET if decision.is_allowed else NO
    assert found == case.expected, decision


def test_there_are_cases_of_every_manual_and_enough_of_them() -> None:
    assert len(CASES) >= 150
    assert len(set(CASES)) == len(CASES)
