"""What Microsoft's documentation says of permission checks, case by case, with its citation."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from sync_pipeline.engines.sqlserver.access.rules import SqlServerAccess
from workbench.strategies.sqlserver_worlds import on, who, world

PERMISSIONS = "Permissions (Database Engine)"
ALGORITHM = "Summary of the permission check algorithm"
NAMING = "Permissions naming conventions"
CHART = "SQL Server permissions"
STARTED = "Get started with Database Engine permissions"
PRINCIPALS = "Principals (Database Engine)"
SERVER_ROLES = "Server-level roles"
FIXED_SERVER = "Fixed server-level roles"
NEW_SERVER = "Fixed server-level roles introduced in SQL Server 2022"
DATABASE_ROLES = "Database-level roles"
FIXED_DATABASE = "Fixed database roles"
DENY = "DENY (Transact-SQL)"
DENY_OBJECT = "DENY Object Permissions (Transact-SQL)"
GRANT_SERVER = "GRANT Server Permissions (Transact-SQL)"
GRANT_DATABASE = "GRANT Database Permissions (Transact-SQL)"
GRANT_SCHEMA = "GRANT Schema Permissions (Transact-SQL)"
GRANT_OBJECT = "GRANT Object Permissions (Transact-SQL)"
GRANT_LOGIN = "GRANT Server Principal Permissions (Transact-SQL)"
GRANT_USER = "GRANT Database Principal Permissions (Transact-SQL)"
ALTER_SERVER_ROLE = "ALTER SERVER ROLE (Transact-SQL)"

SALES = "login Ted; user SalesDB.Ted Ted"
"""Ted of the documentation, with a user in SalesDB."""
REGION = "TABLE SalesDB.Customers.Region"


@dataclass(frozen=True)
class Case:
    """A world, a question of the form `WHO: PERMISSION on SECURABLE`, and the answer."""

    page: str
    section: str
    world: str
    question: str
    allowed: bool

    def __str__(self) -> str:
        return f"{self.page}, {self.section}: {self.question} = {self.allowed}"


def yes(page: str, section: str, text: str, question: str) -> Case:
    return Case(page, section, text, question, allowed=True)


def no(page: str, section: str, text: str, question: str) -> Case:
    return Case(page, section, text, question, allowed=False)


HIERARCHY = [
    yes(STARTED, "Permission hierarchy", f"{SALES}; {grant}", f"Ted: SELECT on {REGION}")
    for grant in (
        f"grant SELECT on {REGION} to SalesDB.Ted",
        f"grant CONTROL on {REGION} to SalesDB.Ted",
        "grant SELECT on SCHEMA SalesDB.Customers to SalesDB.Ted",
        "grant CONTROL on SCHEMA SalesDB.Customers to SalesDB.Ted",
        "grant SELECT on DATABASE SalesDB to SalesDB.Ted",
        "grant CONTROL on DATABASE SalesDB to SalesDB.Ted",
    )
]
"""The six statements that give SELECT on the table Region."""

CHECKS = [
    yes(PERMISSIONS, ALGORITHM, f"{SALES}; member Ted sysadmin", f"Ted: SELECT on {REGION}"),
    yes(
        PERMISSIONS,
        f"{ALGORITHM}, step 1 (sysadmin)",
        f"{SALES}; member Ted sysadmin; deny SELECT on {REGION} to SalesDB.Ted",
        f"Ted: SELECT on {REGION}",
    ),
    yes(
        PERMISSIONS,
        f"{ALGORITHM}, step 1 (dbo)",
        f"login Ted; own DATABASE SalesDB by Ted; deny SELECT on {REGION} to SalesDB.public",
        f"Ted: SELECT on {REGION}",
    ),
    yes(
        PERMISSIONS,
        f"{ALGORITHM}, step 4 (CONTROL on a schema)",
        f"{SALES}; grant CONTROL on SCHEMA SalesDB.Customers to SalesDB.Ted",
        f"Ted: CONTROL on {REGION}",
    ),
    no(
        PERMISSIONS,
        f"{ALGORITHM}, step 4 (CONTROL denied on a table)",
        f"{SALES}; grant SELECT to SalesDB.Ted; deny CONTROL on {REGION} to SalesDB.Ted",
        f"Ted: SELECT on {REGION}",
    ),
    yes(
        PERMISSIONS,
        f"{ALGORITHM}, step 4 (note on columns)",
        f"{SALES}; deny SELECT on {REGION} to SalesDB.Ted"
        f"; grant SELECT on COLUMN SalesDB.Customers.Region.Name to SalesDB.Ted",
        "Ted: SELECT on COLUMN SalesDB.Customers.Region.Name",
    ),
    no(
        PERMISSIONS,
        f"{ALGORITHM}, step 6 (a deny to any identity)",
        f"{SALES}; role SalesDB.Temps; member SalesDB.Ted SalesDB.Temps"
        f"; grant SELECT on {REGION} to SalesDB.Ted; deny SELECT on {REGION} to SalesDB.Temps",
        f"Ted: SELECT on {REGION}",
    ),
    no(
        PERMISSIONS,
        f"{ALGORITHM}, step 6 (any securable of the space)",
        f"{SALES}; grant SELECT on {REGION} to SalesDB.Ted"
        "; deny SELECT on DATABASE SalesDB to SalesDB.Ted",
        f"Ted: SELECT on {REGION}",
    ),
    no(PERMISSIONS, f"{ALGORITHM}, step 7 (no grant)", SALES, f"Ted: SELECT on {REGION}"),
    yes(
        STARTED,
        "Assign permissions (permissions are cumulative; REVOKE)",
        f"{SALES}; role SalesDB.Sales; member SalesDB.Ted SalesDB.Sales"
        "; grant SELECT on TABLE SalesDB.dbo.OrderStatus to SalesDB.Ted",
        "Ted: SELECT on TABLE SalesDB.dbo.OrderStatus",
    ),
    no(
        STARTED,
        "Assign permissions (DENY to the role overrides the individual GRANT)",
        f"{SALES}; role SalesDB.Sales; member SalesDB.Ted SalesDB.Sales"
        "; grant SELECT on TABLE SalesDB.dbo.OrderStatus to SalesDB.Ted"
        "; deny SELECT on TABLE SalesDB.dbo.OrderStatus to SalesDB.Sales",
        "Ted: SELECT on TABLE SalesDB.dbo.OrderStatus",
    ),
    yes(
        STARTED,
        "Permission hierarchy (CONTROL includes all others)",
        f"{SALES}; grant CONTROL on {REGION} to SalesDB.Ted",
        f"Ted: ALTER on {REGION}",
    ),
]

DENIES = [
    yes(
        DENY,
        "Introduction (object owners)",
        f"{SALES}; own SCHEMA SalesDB.Customers by SalesDB.Ted; deny SELECT to SalesDB.public",
        f"Ted: SELECT on {REGION}",
    ),
    no(
        DENY,
        "Remarks (CONTROL denied on a database denies CONNECT)",
        f"{SALES}; deny CONTROL on DATABASE SalesDB to SalesDB.Ted",
        "Ted: CONNECT on DATABASE SalesDB",
    ),
    no(
        DENY,
        "Remarks (CONTROL SERVER denied denies CONNECT SQL)",
        "login Ted; deny CONTROL SERVER to Ted",
        "Ted: CONNECT SQL on SERVER",
    ),
    yes(
        DENY_OBJECT,
        "Arguments, column (a table-level DENY does not take precedence)",
        f"{SALES}; role SalesDB.R; member SalesDB.Ted SalesDB.R; deny SELECT on {REGION} to"
        " SalesDB.R; grant SELECT on COLUMN SalesDB.Customers.Region.Name to SalesDB.Ted",
        "Ted: SELECT on COLUMN SalesDB.Customers.Region.Name",
    ),
    no(
        DENY_OBJECT,
        "Arguments, column (a column without a grant of its own)",
        f"{SALES}; deny SELECT on {REGION} to SalesDB.Ted"
        "; grant SELECT on COLUMN SalesDB.Customers.Region.Name to SalesDB.Ted",
        "Ted: SELECT on COLUMN SalesDB.Customers.Region.Code",
    ),
    no(
        DENY_OBJECT,
        "Arguments, column (a DENY on the column)",
        f"{SALES}; grant SELECT on {REGION} to SalesDB.Ted"
        "; deny SELECT on COLUMN SalesDB.Customers.Region.Name to SalesDB.Ted",
        "Ted: SELECT on COLUMN SalesDB.Customers.Region.Name",
    ),
    no(
        "REVOKE (Transact-SQL)",
        "Remarks (denied at a higher scope)",
        f"{SALES}; grant INSERT on {REGION} to SalesDB.Ted"
        "; deny INSERT on SCHEMA SalesDB.Customers to SalesDB.Ted",
        f"Ted: INSERT on {REGION}",
    ),
    no(
        DENY_OBJECT,
        "Examples, A",
        "login RosaQdM; user AW.RosaQdM RosaQdM; grant SELECT on SCHEMA AW.Person to AW.RosaQdM"
        "; deny SELECT on TABLE AW.Person.Address to AW.RosaQdM",
        "RosaQdM: SELECT on TABLE AW.Person.Address",
    ),
    no(
        GRANT_SERVER,
        "Remarks (IMPERSONATE ANY LOGIN denied to CONTROL SERVER)",
        "login Ted; login Ann; grant CONTROL SERVER to Ted; deny IMPERSONATE ANY LOGIN to Ted",
        "Ted: IMPERSONATE on PRINCIPAL Ann",
    ),
    no(
        GRANT_SERVER,
        "Remarks (SELECT ALL USER SECURABLES denied)",
        f"{SALES}; grant SELECT to SalesDB.Ted; deny SELECT ALL USER SECURABLES to Ted",
        f"Ted: SELECT on {REGION}",
    ),
    no(
        NEW_SERVER,
        "##MS_DatabaseConnector## (DENY CONNECT to a user of the login)",
        "login Ted; member Ted ##MS_DatabaseConnector##; user SalesDB.Ted Ted"
        "; deny CONNECT on DATABASE SalesDB to SalesDB.Ted",
        "Ted: CONNECT on DATABASE SalesDB",
    ),
]

PEOPLE = [
    yes(
        PRINCIPALS,
        "sa login",
        "login sa; member sa sysadmin; deny CONTROL SERVER to public",
        "sa: CONTROL SERVER on SERVER",
    ),
    yes(
        PRINCIPALS,
        "dbo user and dbo schema (owners of the database)",
        "login Ted; own DATABASE SalesDB by Ted",
        f"Ted: DELETE on {REGION}",
    ),
    no(
        PRINCIPALS,
        "dbo user and dbo schema (dbo is not db_owner)",
        f"{SALES}; member SalesDB.Ted SalesDB.db_owner; deny DELETE on {REGION} to SalesDB.Ted",
        f"Ted: DELETE on {REGION}",
    ),
    yes(
        PRINCIPALS,
        "public server role and database role (every login)",
        "login Ted; grant VIEW ANY DATABASE to public",
        "Ted: VIEW ANY DATABASE on SERVER",
    ),
    yes(
        PRINCIPALS,
        "public server role and database role (every user)",
        f"{SALES}; grant SELECT on {REGION} to SalesDB.public",
        f"Ted: SELECT on {REGION}",
    ),
    no(
        PRINCIPALS,
        "public server role and database role (a deny overrides grants)",
        f"{SALES}; grant SELECT on {REGION} to SalesDB.Ted; deny SELECT on {REGION} to"
        " SalesDB.public",
        f"Ted: SELECT on {REGION}",
    ),
    yes(
        PRINCIPALS,
        "The guest user (no user account in the database)",
        "login Ted; grant CONNECT to SalesDB.guest; grant SELECT to SalesDB.guest",
        f"Ted: SELECT on {REGION}",
    ),
    no(
        PRINCIPALS,
        "The guest user (logins with a user do not inherit from it)",
        f"{SALES}; grant CONNECT to SalesDB.guest; grant SELECT to SalesDB.guest",
        f"Ted: SELECT on {REGION}",
    ),
    no(
        PRINCIPALS,
        "The guest user (disabled by revoking CONNECT)",
        "login Ted; grant SELECT to SalesDB.guest",
        f"Ted: SELECT on {REGION}",
    ),
    yes(
        STARTED,
        "Security principals, database users (contained)",
        f"contained SalesDB.Web; grant SELECT on {REGION} to SalesDB.Web",
        f"SalesDB.Web: SELECT on {REGION}",
    ),
    no(
        "Application roles",
        "Introduction (no members; other databases only through guest)",
        "approle SalesDB.App; role HR.R; grant SELECT to SalesDB.App",
        "SalesDB.App: SELECT on TABLE HR.dbo.Pay",
    ),
    yes(
        "Application roles",
        "Connecting with an application role",
        "approle SalesDB.App; grant SELECT to SalesDB.App",
        f"SalesDB.App: SELECT on {REGION}",
    ),
    no(
        "Application roles",
        "Introduction (no server-level metadata)",
        "approle SalesDB.App; grant VIEW ANY DATABASE to public",
        "SalesDB.App: VIEW ANY DATABASE on SERVER",
    ),
]


def _fixed_server(role: str, permission: str) -> Case:
    section = NEW_SERVER if role.startswith("##") else FIXED_SERVER
    return yes(SERVER_ROLES, f"{section}, {role}", f"login Ted; member Ted {role}", permission)


FIXED = [
    _fixed_server("serveradmin", "Ted: SHUTDOWN on SERVER"),
    _fixed_server("serveradmin", "Ted: ALTER SETTINGS on SERVER"),
    _fixed_server("securityadmin", "Ted: ALTER ANY LOGIN on SERVER"),
    _fixed_server("processadmin", "Ted: ALTER ANY CONNECTION on SERVER"),
    _fixed_server("processadmin", "Ted: VIEW SERVER STATE on SERVER"),
    _fixed_server("setupadmin", "Ted: ALTER ANY LINKED SERVER on SERVER"),
    _fixed_server("bulkadmin", "Ted: ADMINISTER BULK OPERATIONS on SERVER"),
    _fixed_server("diskadmin", "Ted: ALTER RESOURCES on SERVER"),
    _fixed_server("dbcreator", "Ted: CREATE ANY DATABASE on SERVER"),
    _fixed_server("dbcreator", "Ted: ALTER on DATABASE SalesDB"),
    _fixed_server("sysadmin", "Ted: SHUTDOWN on SERVER"),
    _fixed_server("##MS_DatabaseConnector##", "Ted: CONNECT on DATABASE SalesDB"),
    _fixed_server("##MS_LoginManager##", "Ted: CREATE LOGIN on SERVER"),
    _fixed_server("##MS_DatabaseManager##", "Ted: CREATE ANY DATABASE on SERVER"),
    _fixed_server("##MS_DefinitionReader##", "Ted: VIEW DEFINITION on DATABASE SalesDB"),
    _fixed_server("##MS_ServerStateManager##", "Ted: ALTER SERVER STATE on SERVER"),
    _fixed_server("##MS_SecurityDefinitionReader##", "Ted: VIEW ANY SECURITY DEFINITION on SERVER"),
    _fixed_server(
        "##MS_PerformanceDefinitionReader##",
        "Ted: VIEW PERFORMANCE DEFINITION on DATABASE SalesDB",
    ),
    _fixed_server(
        "##MS_ServerSecurityStateReader##", "Ted: VIEW DATABASE SECURITY STATE on DATABASE SalesDB"
    ),
    _fixed_server(
        "##MS_ServerPerformanceStateReader##", "Ted: VIEW SERVER PERFORMANCE STATE on SERVER"
    ),
    yes(
        SERVER_ROLES,
        "Introduction (##MS_ServerStateReader## and a user in the database)",
        f"{SALES}; member Ted ##MS_ServerStateReader##",
        "Ted: VIEW DATABASE STATE on DATABASE SalesDB",
    ),
    no(
        SERVER_ROLES,
        f"{NEW_SERVER}, ##MS_LoginManager## (does not grant privileges)",
        "login Ted; member Ted ##MS_LoginManager##",
        "Ted: CONTROL SERVER on SERVER",
    ),
    *(
        yes(
            DATABASE_ROLES,
            f"{FIXED_DATABASE}, {role}",
            f"{SALES}; member SalesDB.Ted SalesDB.{role}",
            f"Ted: {question}",
        )
        for role, question in (
            ("db_owner", "CONTROL on DATABASE SalesDB"),
            ("db_owner", "BACKUP LOG on DATABASE SalesDB"),
            ("db_owner", f"DELETE on {REGION}"),
            ("db_securityadmin", "ALTER ANY ROLE on DATABASE SalesDB"),
            ("db_accessadmin", "ALTER ANY USER on DATABASE SalesDB"),
            ("db_backupoperator", "BACKUP DATABASE on DATABASE SalesDB"),
            ("db_ddladmin", f"ALTER on {REGION}"),
            ("db_ddladmin", "CREATE TABLE on DATABASE SalesDB"),
            ("db_datareader", f"SELECT on {REGION}"),
            ("db_datawriter", f"INSERT on {REGION}"),
            ("db_datawriter", f"DELETE on {REGION}"),
        )
    ),
    *(
        no(
            DATABASE_ROLES,
            f"{FIXED_DATABASE}, {role}",
            f"{SALES}; member SalesDB.Ted SalesDB.{role}; {grant}",
            f"Ted: {question}",
        )
        for role, grant, question in (
            (
                "db_denydatareader",
                f"grant SELECT on {REGION} to SalesDB.Ted",
                f"SELECT on {REGION}",
            ),
            ("db_denydatareader", "member SalesDB.Ted SalesDB.db_owner", f"SELECT on {REGION}"),
            (
                "db_denydatawriter",
                "member SalesDB.Ted SalesDB.db_datawriter",
                f"UPDATE on {REGION}",
            ),
            ("db_datareader", "grant EXECUTE to SalesDB.Ted", f"INSERT on {REGION}"),
            ("db_datawriter", "grant EXECUTE to SalesDB.Ted", f"SELECT on {REGION}"),
            ("db_ddladmin", "grant EXECUTE to SalesDB.Ted", f"SELECT on {REGION}"),
            (
                "db_securityadmin",
                "grant EXECUTE to SalesDB.Ted",
                "CONTROL on DATABASE SalesDB",
            ),
        )
    ),
]

COVERING = [
    yes(page, "Remarks, table of implied permissions", f"login Ted; {grant}", f"Ted: {question}")
    for page, grant, question in (
        (GRANT_SERVER, "grant CONTROL SERVER to Ted", "ALTER ANY LOGIN on SERVER"),
        (GRANT_SERVER, "grant ALTER ANY DATABASE to Ted", "CREATE ANY DATABASE on SERVER"),
        (GRANT_SERVER, "grant ALTER SERVER STATE to Ted", "VIEW SERVER STATE on SERVER"),
        (GRANT_SERVER, "grant VIEW ANY DEFINITION to Ted", "VIEW ANY DATABASE on SERVER"),
        (GRANT_SERVER, "grant ALTER ANY ENDPOINT to Ted", "CREATE ENDPOINT on SERVER"),
        (
            GRANT_SERVER,
            "grant ALTER ANY EVENT NOTIFICATION to Ted",
            "CREATE TRACE EVENT NOTIFICATION on SERVER",
        ),
        (GRANT_DATABASE, "grant CONTROL SERVER to Ted", "CONTROL on DATABASE SalesDB"),
        (GRANT_DATABASE, "grant ALTER ANY DATABASE to Ted", "ALTER on DATABASE SalesDB"),
        (GRANT_DATABASE, "grant VIEW ANY DEFINITION to Ted", "VIEW DEFINITION on DATABASE SalesDB"),
        (GRANT_DATABASE, "grant VIEW SERVER STATE to Ted", "VIEW DATABASE STATE on DATABASE S"),
        (GRANT_DATABASE, "grant ALTER TRACE to Ted", "SHOWPLAN on DATABASE SalesDB"),
        (GRANT_DATABASE, "grant AUTHENTICATE SERVER to Ted", "AUTHENTICATE on DATABASE SalesDB"),
        (GRANT_LOGIN, "login Ann; grant ALTER ANY LOGIN to Ted", "ALTER on PRINCIPAL Ann"),
        (
            GRANT_LOGIN,
            "login Ann; grant CONTROL on PRINCIPAL Ann to Ted",
            "IMPERSONATE on PRINCIPAL Ann",
        ),
        (
            GRANT_LOGIN,
            "serverrole Ops; grant ALTER ANY SERVER ROLE to Ted",
            "ALTER on PRINCIPAL Ops",
        ),
    )
] + [
    yes(page, "Remarks, table of implied permissions", f"{SALES}; {grant}", f"Ted: {question}")
    for page, grant, question in (
        (GRANT_DATABASE, "grant ALTER to SalesDB.Ted", "CREATE TABLE on DATABASE SalesDB"),
        (GRANT_DATABASE, "grant ALTER ANY ROLE to SalesDB.Ted", "CREATE ROLE on DATABASE SalesDB"),
        (GRANT_DATABASE, "grant CONNECT REPLICATION to SalesDB.Ted", "CONNECT on DATABASE SalesDB"),
        (
            GRANT_DATABASE,
            "grant EXECUTE ANY EXTERNAL SCRIPT to SalesDB.Ted",
            "EXECUTE EXTERNAL SCRIPT on DATABASE SalesDB",
        ),
        (GRANT_SCHEMA, "grant ALTER ANY SCHEMA to SalesDB.Ted", "ALTER on SCHEMA SalesDB.X"),
        (
            GRANT_SCHEMA,
            "grant ALTER on SCHEMA SalesDB.X to SalesDB.Ted",
            "CREATE SEQUENCE on SCHEMA SalesDB.X",
        ),
        (GRANT_SCHEMA, "grant EXECUTE to SalesDB.Ted", "EXECUTE on SCHEMA SalesDB.X"),
        (
            GRANT_OBJECT,
            "grant RECEIVE on QUEUE SalesDB.X.Q to SalesDB.Ted",
            "SELECT on QUEUE SalesDB.X.Q",
        ),
        (
            GRANT_OBJECT,
            "grant VIEW CHANGE TRACKING on SCHEMA SalesDB.X to SalesDB.Ted",
            "VIEW CHANGE TRACKING on TABLE SalesDB.X.T",
        ),
        (
            GRANT_OBJECT,
            "grant EXECUTE on SCHEMA SalesDB.X to SalesDB.Ted",
            "EXECUTE on PROCEDURE SalesDB.X.P",
        ),
        (
            "GRANT Type Permissions (Transact-SQL)",
            "grant CONTROL on SCHEMA SalesDB.X to SalesDB.Ted",
            "EXECUTE on TYPE SalesDB.X.T",
        ),
        (
            "GRANT XML Schema Collection Permissions (Transact-SQL)",
            "grant REFERENCES to SalesDB.Ted",
            "REFERENCES on XML_SCHEMA_COLLECTION SalesDB.X.C",
        ),
        (
            GRANT_USER,
            "user SalesDB.Wanida; grant CONTROL to SalesDB.Ted",
            "IMPERSONATE on PRINCIPAL SalesDB.Wanida",
        ),
        (
            GRANT_USER,
            "role SalesDB.R; grant ALTER ANY ROLE to SalesDB.Ted",
            "ALTER on PRINCIPAL SalesDB.R",
        ),
        (
            GRANT_USER,
            "approle SalesDB.A; grant ALTER ANY APPLICATION ROLE to SalesDB.Ted",
            "ALTER on PRINCIPAL SalesDB.A",
        ),
        (
            "GRANT Certificate Permissions (Transact-SQL)",
            "grant ALTER ANY CERTIFICATE to SalesDB.Ted",
            "ALTER on CERTIFICATE SalesDB.C",
        ),
        (
            "GRANT Assembly Permissions (Transact-SQL)",
            "grant REFERENCES to SalesDB.Ted",
            "REFERENCES on ASSEMBLY SalesDB.A",
        ),
    )
]

NOT_COVERING = [
    no(page, section, f"{SALES}; {grant}", f"Ted: {question}")
    for page, section, grant, question in (
        (
            PERMISSIONS,
            f"{NAMING}, ALTER (not ownership)",
            f"grant ALTER on {REGION} to SalesDB.Ted",
            f"TAKE OWNERSHIP on {REGION}",
        ),
        (
            PERMISSIONS,
            f"{CHART}, OBJECT",
            "grant ALTER to SalesDB.Ted",
            f"SELECT on {REGION}",
        ),
        (
            GRANT_SERVER,
            "Remarks (CONNECT ANY DATABASE grants nothing beyond connect)",
            "grant CONNECT ANY DATABASE to Ted",
            "SELECT on TABLE Other.dbo.T",
        ),
        (
            ALTER_SERVER_ROLE,
            "Permissions (ALTER ANY SERVER ROLE gives no fixed role)",
            "grant ALTER ANY SERVER ROLE to Ted",
            "CONTROL SERVER on SERVER",
        ),
        (
            ALTER_SERVER_ROLE,
            "Permissions (members of a user-defined role can't add members)",
            "serverrole Production; member Ted Production",
            "ALTER on PRINCIPAL Production",
        ),
        (
            PERMISSIONS,
            f"{CHART}, USER (IMPERSONATE comes from CONTROL alone)",
            "user SalesDB.Wanida; grant ALTER ANY USER to SalesDB.Ted",
            "IMPERSONATE on PRINCIPAL SalesDB.Wanida",
        ),
        (
            GRANT_OBJECT,
            "Arguments (one object)",
            f"grant SELECT on {REGION} to SalesDB.Ted",
            "SELECT on TABLE SalesDB.Customers.Other",
        ),
    )
]

SERVER_GRANTS = [
    yes(
        GRANT_SERVER,
        "Remarks (CONNECT ANY DATABASE with SELECT ALL USER SECURABLES)",
        "login Ted; grant CONNECT ANY DATABASE to Ted; grant SELECT ALL USER SECURABLES to Ted",
        f"Ted: SELECT on {REGION}",
    ),
    yes(
        GRANT_SERVER,
        "Examples, C (a user-defined server role)",
        "serverrole ITDevAdmin; login Ted; member Ted ITDevAdmin"
        "; grant ALTER ANY DATABASE to ITDevAdmin with grant option",
        "Ted: ALTER ANY DATABASE on SERVER",
    ),
    yes(
        ALTER_SERVER_ROLE,
        "Arguments, ADD MEMBER (a user-defined server role may be a member)",
        "serverrole Dba; login Ted; member Dba sysadmin; member Ted Dba",
        "Ted: CONTROL SERVER on SERVER",
    ),
    yes(
        ALTER_SERVER_ROLE,
        "Examples, F",
        "login Ted; serverrole Production; grant ALTER on PRINCIPAL Production to Ted",
        "Ted: ALTER on PRINCIPAL Production",
    ),
    yes(
        GRANT_LOGIN,
        "Examples, A",
        r"login WanidaBenshoof; windows AdvWorks\YoonM"
        r"; grant IMPERSONATE on PRINCIPAL WanidaBenshoof to AdvWorks\YoonM",
        r"AdvWorks\YoonM: IMPERSONATE on PRINCIPAL WanidaBenshoof",
    ),
    yes(
        GRANT_SCHEMA,
        "Examples, A (guest)",
        "login Ted; grant CONNECT to HR.guest"
        "; grant INSERT on SCHEMA HR.HumanResources to HR.guest",
        "Ted: INSERT on TABLE HR.HumanResources.Employee",
    ),
]

CASES = [
    *HIERARCHY,
    *CHECKS,
    *DENIES,
    *PEOPLE,
    *FIXED,
    *COVERING,
    *NOT_COVERING,
    *SERVER_GRANTS,
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_the_answer_is_the_documented_one(case: Case) -> None:
    account, _, rest = case.question.partition(": ")
    permission, _, securable = rest.partition(" on ")
    rules = SqlServerAccess(world(case.world))
    decision = rules.decide(who(account), permission, on(securable))
    assert decision.is_allowed == case.allowed, decision


def test_every_case_names_its_page_and_section() -> None:
    assert len(CASES) >= 60
    assert all(case.page and case.section for case in CASES)
