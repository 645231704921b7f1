"""Building worlds of users, roles, grants and files in an emulated Oracle."""

from __future__ import annotations

from typing import Any

from workbench.emulation.oracle import Container, EmulatedOracle

GIB = 2**30
LIMITS = {
    "FAILED_LOGIN_ATTEMPTS": "10",
    "PASSWORD_LIFE_TIME": "180",
    "PASSWORD_LOCK_TIME": "1",
    "PASSWORD_VERIFY_FUNCTION": "NULL",
}


PARAMETERS = {
    "o7_dictionary_accessibility": "FALSE",
    "os_authent_prefix": "ops$",
    "os_roles": "FALSE",
    "remote_login_passwordfile": "EXCLUSIVE",
    "remote_os_authent": "FALSE",
    "remote_os_roles": "FALSE",
    "sec_case_sensitive_logon": "TRUE",
    "sec_max_failed_login_attempts": "3",
    "sql92_security": "TRUE",
}
"""Parameters of a new database (Database Reference, their default values)."""

DBA_PRIVILEGES = (
    "ALTER DATABASE",
    "ALTER SYSTEM",
    "CREATE ANY DIRECTORY",
    "CREATE SESSION",
    "DROP ANY DIRECTORY",
    "GRANT ANY OBJECT PRIVILEGE",
    "GRANT ANY PRIVILEGE",
    "GRANT ANY ROLE",
    "SELECT ANY DICTIONARY",
    "SELECT ANY TABLE",
)
"""Of what the role DBA has, what tests look at (Database Security Guide, predefined roles)."""


class World:
    """Statements of a DBA, as what they leave in the dictionary. `c` is the container.

    `dba` is what the role DBA was granted: a provider leaves less of it.
    """

    def __init__(
        self, server: EmulatedOracle | None = None, dba: tuple[str, ...] = DBA_PRIVILEGES
    ) -> None:
        self.server = server or EmulatedOracle()
        self._dba = dba

    def database(self, con_id: int = 0) -> None:
        """Make what every database has: SYS, SYSTEM, the role DBA, a profile, PUBLIC's grants."""
        for name in ("SYS", "SYSTEM"):
            self.user(name, con_id, oracle_maintained="Y", common="YES")
            self.grant_role("DBA", name, con_id)
        self.user("DBSNMP", con_id, oracle_maintained="Y", account_status="EXPIRED & LOCKED")
        for role in ("DBA", "CONNECT", "SELECT_CATALOG_ROLE"):
            self.role(role, con_id, oracle_maintained="Y", common="YES")
        self.profile("DEFAULT", con_id, **LIMITS)
        inherited = {"common": "YES", "inherited": "YES" if con_id > 1 else "NO"} if con_id else {}
        for privilege in ("CREATE SESSION", "SET CONTAINER"):
            self.grant_system(privilege, "CONNECT", con_id, **inherited)
        for privilege in self._dba:
            self.grant_system(privilege, "DBA", con_id, "YES", **inherited)
        if con_id in (0, 1):
            self.administrator("SYS", con_id, "sysdba", "sysoper", common="YES" if con_id else "NO")
        self.grant("EXECUTE", "SYS", "UTL_FILE", "PUBLIC", con_id, type="PACKAGE")
        for name, value in PARAMETERS.items() if con_id in (0, 1) else ():
            self.parameter(name, value)
        self.tablespace("SYSTEM", con_id, files=((GIB, "YES", 32 * GIB),), used=GIB // 2)
        self.tablespace("TEMP", con_id, files=((GIB // 4, "NO", 0),), contents="TEMPORARY")

    def container(self, con_id: int, name: str, **values: Any) -> None:
        """Make a container with the accounts that every one has."""
        made = Container(con_id, name, **values)
        self.server.containers[con_id] = made
        if con_id > 1:
            self.server.add("dba_pdbs", 1, pdb_id=con_id, pdb_name=name, status=made.status)
            self.server.add(
                "v$pdbs",
                con_id,
                con_id=con_id,
                name=name,
                open_mode=made.open_mode,
                restricted=made.restricted,
                total_size=made.total_size,
            )
        self.database(con_id)

    def cdb(self, *names: str) -> None:
        """Make a root, the seed, and pluggable databases from container 3 on."""
        self.container(1, "CDB$ROOT")
        self.container(2, "PDB$SEED", open_mode="READ ONLY", total_size=700 * 2**20)
        for con_id, name in enumerate(names, 3):
            self.container(con_id, name)

    def user(self, name: str, c: int = 0, **values: Any) -> None:
        """CREATE USER."""
        row = {
            "username": name,
            "account_status": "OPEN",
            "default_tablespace": "USERS",
            "temporary_tablespace": "TEMP",
            "profile": "DEFAULT",
            "authentication_type": "PASSWORD",
            "password_versions": "11G 12C ",
            "common": "NO",
            "oracle_maintained": "N",
            **values,
        }
        self.server.add("dba_users", c, **row)
        listed = {key: row.get(key) for key in ("username", "common", "oracle_maintained")}
        self.server.add("all_users", c, **listed)

    def role(self, name: str, c: int = 0, **values: Any) -> None:
        """CREATE ROLE."""
        row = {
            "role": name,
            "authentication_type": "NONE",
            "common": "NO",
            "oracle_maintained": "N",
            **values,
        }
        self.server.add("dba_roles", c, **row)

    def parameter(self, name: str, value: str | None) -> None:
        """ALTER SYSTEM SET, in effect in each container."""
        self.server.set("v$parameter", 0, name=name, value=value, con_id=0)

    def default_password(self, name: str, c: int = 0) -> None:
        """Give an account the password that Oracle makes it with."""
        self.server.add("dba_users_with_defpwd", c, username=name)

    def procedure(self, owner: str, name: str, c: int = 0, **values: Any) -> None:
        """CREATE PROCEDURE, with its owner's rights unless told otherwise."""
        row = {"object_type": "PROCEDURE", "authid": "DEFINER", **values}
        self.server.add("dba_procedures", c, owner=owner, object_name=name, **row)

    def link(self, owner: str, name: str, username: str | None, c: int = 0) -> None:
        """CREATE DATABASE LINK ... CONNECT TO, with a password where a user is named."""
        self.server.add(
            "dba_db_links", c, owner=owner, db_link=name, username=username, host="crm:1521/X"
        )

    def profile(self, name: str, c: int = 0, **limits: str) -> None:
        """CREATE PROFILE with password limits; a KERNEL limit stands beside them."""
        for resource, limit in limits.items():
            self.server.add(
                "dba_profiles",
                c,
                profile=name,
                resource_name=resource,
                resource_type="PASSWORD",
                limit=limit,
            )
        self.server.add(
            "dba_profiles",
            c,
            profile=name,
            resource_name="IDLE_TIME",
            resource_type="KERNEL",
            limit="UNLIMITED",
        )

    def grant_role(self, role: str, to: str, c: int = 0, **values: Any) -> None:
        """GRANT a role."""
        row = {"admin_option": "NO", "delegate_option": "NO", "default_role": "YES", **values}
        self.server.add("dba_role_privs", c, grantee=to, granted_role=role, **row)

    def grant_system(
        self, privilege: str, to: str, c: int = 0, admin: str = "NO", **values: Any
    ) -> None:
        """GRANT a system privilege."""
        row = {"common": "NO", "inherited": "NO", **values}
        self.server.add(
            "dba_sys_privs", c, grantee=to, privilege=privilege, admin_option=admin, **row
        )

    def proxy(self, client: str, through: str | None, c: int = 0, **values: Any) -> None:
        """ALTER USER ... GRANT CONNECT THROUGH."""
        row = {
            "authentication": "NO",
            "authorization_constraint": "PROXY MAY ACTIVATE ALL CLIENT ROLES",
            "proxy_authority": "DATABASE" if through else "DIRECTORY",
            **values,
        }
        self.server.add("dba_proxies", c, proxy=through, client=client, **row)

    def node(self, inst_id: int, con_id: int, open_mode: str) -> None:
        """Say how a pluggable database is on one node of a cluster."""
        name = self.server.containers[con_id].name
        self.server.add(
            "gv$pdbs", con_id, inst_id=inst_id, con_id=con_id, name=name, open_mode=open_mode
        )

    def grant_schema(self, privilege: str, schema: str, to: str, c: int = 0, **values: Any) -> None:
        """GRANT a privilege ON SCHEMA."""
        self.server.add(
            "dba_schema_privs",
            c,
            grantee=to,
            privilege=privilege,
            schema=schema,
            admin_option="NO",
            **values,
        )

    def grant(
        self, privilege: str, owner: str, name: str, to: str, c: int = 0, **values: Any
    ) -> None:
        """GRANT an object privilege."""
        row = {
            "grantor": owner,
            "grantable": "NO",
            "hierarchy": "NO",
            "type": "TABLE",
            **values,
        }
        self.server.add(
            "dba_tab_privs", c, grantee=to, owner=owner, table_name=name, privilege=privilege, **row
        )

    def grant_column(
        self, privilege: str, owner: str, name: str, column: str, to: str, c: int = 0
    ) -> None:
        """GRANT a privilege on a column."""
        self.server.add(
            "dba_col_privs",
            c,
            grantee=to,
            owner=owner,
            table_name=name,
            column_name=column,
            grantor=owner,
            privilege=privilege,
            grantable="NO",
        )

    def quota(
        self, name: str, tablespace: str, max_bytes: int, c: int = 0, dropped: str = "NO"
    ) -> None:
        """ALTER USER ... QUOTA ... ON."""
        self.server.add(
            "dba_ts_quotas",
            c,
            username=name,
            tablespace_name=tablespace,
            bytes=0,
            max_bytes=max_bytes,
            dropped=dropped,
        )

    def administrator(
        self, name: str, con_id: int, *privileges: str, common: str | None = None
    ) -> None:
        """GRANT SYSDBA and kin."""
        names = ("sysdba", "sysoper", "sysasm", "sysbackup", "sysdg", "syskm")
        flags = {item: "TRUE" if item in privileges else "FALSE" for item in names}
        self.server.add(
            "v$pwfile_users", con_id, username=name, con_id=con_id, common=common, **flags
        )

    def tablespace(
        self,
        name: str,
        c: int = 0,
        *,
        files: tuple[tuple[int | None, str, int], ...],
        used: int | None = 0,
        contents: str = "PERMANENT",
        block_size: int = 8192,
        **values: Any,
    ) -> None:
        """CREATE TABLESPACE: files are bytes, autoextensible and maxbytes; used is bytes."""
        is_temporary = contents == "TEMPORARY"
        self.server.add(
            "dba_tablespaces",
            c,
            tablespace_name=name,
            block_size=block_size,
            contents=contents,
            **{
                "status": "ONLINE" if used is not None else "OFFLINE",
                "extent_management": "LOCAL",
                **values,
            },
        )
        for number, (size, extends, maximum) in enumerate(files):
            self.server.add(
                "dba_temp_files" if is_temporary else "dba_data_files",
                c,
                file_name=f"/u01/{name}{number}.dbf",
                tablespace_name=name,
                bytes=size,
                autoextensible=extends,
                maxbytes=maximum,
            )
        if used is not None:
            self.server.add(
                "dba_tablespace_usage_metrics",
                c,
                tablespace_name=name,
                used_space=used // block_size,
            )

    def segment(self, owner: str, name: str, kind: str, size: int, c: int = 0) -> None:
        """Take space for a segment."""
        self.server.add(
            "dba_segments", c, owner=owner, segment_name=name, segment_type=kind, bytes=size
        )

    def redo(self, group: int, thread: int, size: int, members: int) -> None:
        """ADD LOGFILE."""
        row = {"group#": group, "thread#": thread, "bytes": size, "members": members}
        self.server.add("v$log", 0, con_id=0, **row)
