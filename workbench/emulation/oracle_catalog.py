"""The views that the Oracle engine reads, with their documented columns and types.

Source: Oracle Database Reference, 12.2, 18, 19, 21 and 23: static data dictionary views and
dynamic performance views, one entry each. A column is written `NAME type`, with `!` where it
is never null and `@release` where it came later than 12.2. Views begin with `DBA_` where
there is a `CDB_` view beside, which has CON_ID besides.
"""

from __future__ import annotations

from dataclasses import dataclass

Release = tuple[int, ...]
OLDEST: Release = (12, 2)


@dataclass(frozen=True)
class Column:
    """A column: its type is Oracle's (`VARCHAR2(128)`, `NUMBER`, `DATE`, ...)."""

    name: str
    type: str
    is_required: bool
    since: Release


@dataclass(frozen=True)
class View:
    """A view; `is_everywhere` marks those that PUBLIC may read."""

    name: str
    columns: tuple[Column, ...]
    since: Release = OLDEST
    is_everywhere: bool = False

    def in_release(self, release: Release) -> tuple[Column, ...]:
        """Return the columns that a release has."""
        return tuple(column for column in self.columns if column.since <= release)


def _view(name: str, text: str, since: Release = OLDEST, *, is_everywhere: bool = False) -> View:
    return View(name, tuple(_column(line) for line in text.split(",")), since, is_everywhere)


def _column(text: str) -> Column:
    name, _, kind = text.strip().partition(" ")
    kind, _, since = kind.partition("@")
    release = (int(since),) if since else OLDEST
    return Column(name.lower(), kind.strip(" !"), "!" in kind, release)


_COMMON = "COMMON VARCHAR2(3), INHERITED VARCHAR2(3)"
VIEWS = {
    view.name: view
    for view in (
        _view("dual", "DUMMY VARCHAR2(1)", is_everywhere=True),
        _view(
            "all_users",
            "USERNAME VARCHAR2(128)!, USER_ID NUMBER, CREATED DATE, COMMON VARCHAR2(3), "
            "ORACLE_MAINTAINED VARCHAR2(1), INHERITED VARCHAR2(3), "
            "DEFAULT_COLLATION VARCHAR2(100), IMPLICIT VARCHAR2(3), ALL_SHARD VARCHAR2(3)",
            is_everywhere=True,
        ),
        _view(
            "dba_proxies",
            "PROXY VARCHAR2(128), CLIENT VARCHAR2(128)!, AUTHENTICATION VARCHAR2(3), "
            "AUTHORIZATION_CONSTRAINT VARCHAR2(35), ROLE VARCHAR2(128), "
            "PROXY_AUTHORITY VARCHAR2(9)",
        ),
        _view(
            "gv$session",
            "INST_ID NUMBER!, SID NUMBER, USERNAME VARCHAR2(128), STATUS VARCHAR2(8), "
            "TYPE VARCHAR2(10), LOGON_TIME DATE, CON_ID NUMBER!",
        ),
        _view(
            "gv$pdbs",
            "INST_ID NUMBER!, CON_ID NUMBER!, DBID NUMBER, NAME VARCHAR2(128)!, "
            "OPEN_MODE VARCHAR2(10), RESTRICTED VARCHAR2(3)",
        ),
        _view(
            "product_component_version",
            "PRODUCT VARCHAR2(80), VERSION VARCHAR2(80), VERSION_FULL VARCHAR2(80) @18, "
            "STATUS VARCHAR2(80)",
            is_everywhere=True,
        ),
        _view(
            "dba_users",
            "USERNAME VARCHAR2(128)!, USER_ID NUMBER, PASSWORD VARCHAR2(4000), "
            "ACCOUNT_STATUS VARCHAR2(32)!, LOCK_DATE DATE, EXPIRY_DATE DATE, "
            "DEFAULT_TABLESPACE VARCHAR2(30)!, TEMPORARY_TABLESPACE VARCHAR2(30)!, "
            "LOCAL_TEMP_TABLESPACE VARCHAR2(30), CREATED DATE, PROFILE VARCHAR2(128)!, "
            "INITIAL_RSRC_CONSUMER_GROUP VARCHAR2(128), EXTERNAL_NAME VARCHAR2(4000), "
            "PASSWORD_VERSIONS VARCHAR2(17), EDITIONS_ENABLED VARCHAR2(1), "
            "AUTHENTICATION_TYPE VARCHAR2(8), PROXY_ONLY_CONNECT VARCHAR2(1), "
            "COMMON VARCHAR2(3), LAST_LOGIN TIMESTAMP WITH TIME ZONE, "
            "ORACLE_MAINTAINED VARCHAR2(1), INHERITED VARCHAR2(3), "
            "DEFAULT_COLLATION VARCHAR2(100), IMPLICIT VARCHAR2(3), ALL_SHARD VARCHAR2(3), "
            "PASSWORD_CHANGE_DATE DATE @18, EXTERNAL_SHARD VARCHAR2(3) @19, "
            "MANDATORY_PROFILE_VIOLATION VARCHAR2(3) @21, PROTECTED VARCHAR2(3) @23, "
            "READ_ONLY VARCHAR2(3) @23, DICTIONARY_PROTECTED VARCHAR2(3) @23",
        ),
        _view(
            "dba_roles",
            "ROLE VARCHAR2(128)!, ROLE_ID NUMBER, PASSWORD_REQUIRED VARCHAR2(8), "
            "AUTHENTICATION_TYPE VARCHAR2(11), COMMON VARCHAR2(3), "
            "ORACLE_MAINTAINED VARCHAR2(1), INHERITED VARCHAR2(3), IMPLICIT VARCHAR2(3), "
            "EXTERNAL_NAME VARCHAR2(4000) @18",
        ),
        _view(
            "dba_profiles",
            "PROFILE VARCHAR2(128)!, RESOURCE_NAME VARCHAR2(32)!, RESOURCE_TYPE VARCHAR2(8), "
            f"LIMIT VARCHAR2(128), {_COMMON}, IMPLICIT VARCHAR2(3), "
            "ORACLE_MAINTAINED VARCHAR2(3) @21, MANDATORY VARCHAR2(3) @21",
        ),
        _view(
            "dba_role_privs",
            "GRANTEE VARCHAR2(128)!, GRANTED_ROLE VARCHAR2(128)!, ADMIN_OPTION VARCHAR2(3), "
            f"DELEGATE_OPTION VARCHAR2(3), DEFAULT_ROLE VARCHAR2(3), {_COMMON}",
        ),
        _view(
            "dba_sys_privs",
            f"GRANTEE VARCHAR2(128)!, PRIVILEGE VARCHAR2(40)!, ADMIN_OPTION VARCHAR2(3), {_COMMON}",
        ),
        _view(
            "dba_schema_privs",
            "GRANTEE VARCHAR2(128)!, PRIVILEGE VARCHAR2(40)!, SCHEMA VARCHAR2(128)!, "
            f"ADMIN_OPTION VARCHAR2(3), {_COMMON}",
            (23,),
        ),
        _view(
            "dba_tab_privs",
            "GRANTEE VARCHAR2(128)!, OWNER VARCHAR2(128)!, TABLE_NAME VARCHAR2(128)!, "
            "GRANTOR VARCHAR2(128)!, PRIVILEGE VARCHAR2(40)!, GRANTABLE VARCHAR2(3), "
            "HIERARCHY VARCHAR2(3), COMMON VARCHAR2(3), TYPE VARCHAR2(24), INHERITED VARCHAR2(3)",
        ),
        _view(
            "dba_col_privs",
            "GRANTEE VARCHAR2(128)!, OWNER VARCHAR2(128)!, TABLE_NAME VARCHAR2(128)!, "
            "COLUMN_NAME VARCHAR2(128)!, GRANTOR VARCHAR2(128)!, PRIVILEGE VARCHAR2(40)!, "
            f"GRANTABLE VARCHAR2(3), {_COMMON}",
        ),
        _view(
            "dba_ts_quotas",
            "TABLESPACE_NAME VARCHAR2(30)!, USERNAME VARCHAR2(128)!, BYTES NUMBER, "
            "MAX_BYTES NUMBER, BLOCKS NUMBER, MAX_BLOCKS NUMBER, DROPPED VARCHAR2(3)",
        ),
        _view(
            "v$pwfile_users",
            "USERNAME VARCHAR2(128)!, SYSDBA VARCHAR2(5), SYSOPER VARCHAR2(5), "
            "SYSASM VARCHAR2(5), SYSBACKUP VARCHAR2(5), SYSDG VARCHAR2(5), SYSKM VARCHAR2(5), "
            "ACCOUNT_STATUS VARCHAR2(30), PASSWORD_PROFILE VARCHAR2(128), "
            "LAST_LOGIN TIMESTAMP WITH TIME ZONE, LOCK_DATE DATE, EXPIRY_DATE DATE, "
            "EXTERNAL_NAME VARCHAR2(1024), AUTHENTICATION_TYPE VARCHAR2(8), COMMON VARCHAR2(3), "
            "CON_ID NUMBER!",
        ),
        _view(
            "dba_pdbs",
            "PDB_ID NUMBER!, PDB_NAME VARCHAR2(128)!, DBID NUMBER, CON_UID NUMBER, "
            "STATUS VARCHAR2(10), CREATION_SCN NUMBER, VSN NUMBER, LOGGING VARCHAR2(9), "
            "FORCE_LOGGING VARCHAR2(39), FORCE_NOLOGGING VARCHAR2(3), "
            "APPLICATION_ROOT VARCHAR2(3), APPLICATION_PDB VARCHAR2(3), "
            "APPLICATION_SEED VARCHAR2(3), APPLICATION_ROOT_CON_ID NUMBER, "
            "IS_PROXY_PDB VARCHAR2(3)",
        ),
        _view(
            "v$pdbs",
            "CON_ID NUMBER!, DBID NUMBER, CON_UID NUMBER, NAME VARCHAR2(128)!, "
            "OPEN_MODE VARCHAR2(10), RESTRICTED VARCHAR2(3), CREATE_SCN NUMBER, "
            "TOTAL_SIZE NUMBER, BLOCK_SIZE NUMBER, RECOVERY_STATUS VARCHAR2(26)",
        ),
        _view(
            "v$log",
            "GROUP# NUMBER!, THREAD# NUMBER!, SEQUENCE# NUMBER, BYTES NUMBER, BLOCKSIZE NUMBER, "
            "MEMBERS NUMBER, ARCHIVED VARCHAR2(3), STATUS VARCHAR2(16), FIRST_CHANGE# NUMBER, "
            "FIRST_TIME DATE, NEXT_CHANGE# NUMBER, NEXT_TIME DATE, CON_ID NUMBER!",
        ),
        _view(
            "dba_data_files",
            "FILE_NAME VARCHAR2(513), FILE_ID NUMBER, TABLESPACE_NAME VARCHAR2(30), BYTES NUMBER, "
            "BLOCKS NUMBER, STATUS VARCHAR2(9), RELATIVE_FNO NUMBER, AUTOEXTENSIBLE VARCHAR2(3), "
            "MAXBYTES NUMBER, MAXBLOCKS NUMBER, INCREMENT_BY NUMBER, USER_BYTES NUMBER, "
            "USER_BLOCKS NUMBER, ONLINE_STATUS VARCHAR2(7), LOST_WRITE_PROTECT VARCHAR2(7) @18",
        ),
        _view(
            "dba_temp_files",
            "FILE_NAME VARCHAR2(513), FILE_ID NUMBER, TABLESPACE_NAME VARCHAR2(30)!, BYTES NUMBER, "
            "BLOCKS NUMBER, STATUS VARCHAR2(7), RELATIVE_FNO NUMBER, AUTOEXTENSIBLE VARCHAR2(3), "
            "MAXBYTES NUMBER, MAXBLOCKS NUMBER, INCREMENT_BY NUMBER, USER_BYTES NUMBER, "
            "USER_BLOCKS NUMBER, SHARED VARCHAR2(12), INST_ID NUMBER",
        ),
        _view(
            "dba_tablespaces",
            "TABLESPACE_NAME VARCHAR2(30)!, BLOCK_SIZE NUMBER!, STATUS VARCHAR2(9), "
            "CONTENTS VARCHAR2(21), LOGGING VARCHAR2(9), FORCE_LOGGING VARCHAR2(3), "
            "EXTENT_MANAGEMENT VARCHAR2(10), BIGFILE VARCHAR2(3), ENCRYPTED VARCHAR2(3)",
        ),
        _view(
            "dba_tablespace_usage_metrics",
            "TABLESPACE_NAME VARCHAR2(30), USED_SPACE NUMBER, TABLESPACE_SIZE NUMBER, "
            "USED_PERCENT NUMBER",
        ),
        _view(
            "dba_segments",
            "OWNER VARCHAR2(128), SEGMENT_NAME VARCHAR2(128), PARTITION_NAME VARCHAR2(128), "
            "SEGMENT_TYPE VARCHAR2(18), SEGMENT_SUBTYPE VARCHAR2(10), "
            "TABLESPACE_NAME VARCHAR2(30), HEADER_FILE NUMBER, HEADER_BLOCK NUMBER, BYTES NUMBER, "
            "BLOCKS NUMBER, EXTENTS NUMBER",
        ),
        _view(
            "dba_indexes",
            "OWNER VARCHAR2(128)!, INDEX_NAME VARCHAR2(128)!, INDEX_TYPE VARCHAR2(27), "
            "TABLE_OWNER VARCHAR2(128)!, TABLE_NAME VARCHAR2(128)!, TABLE_TYPE VARCHAR2(11), "
            "UNIQUENESS VARCHAR2(9), TABLESPACE_NAME VARCHAR2(30), STATUS VARCHAR2(8)",
        ),
        _view("dba_users_with_defpwd", "USERNAME VARCHAR2(128)!, PRODUCT VARCHAR2(4000)"),
        _view(
            "dba_db_links",
            "OWNER VARCHAR2(128)!, DB_LINK VARCHAR2(128)!, USERNAME VARCHAR2(128), "
            "HOST VARCHAR2(2000), CREATED DATE, HIDDEN VARCHAR2(3), SHARD_INTERNAL VARCHAR2(3), "
            "VALID VARCHAR2(3), INTRA_CDB VARCHAR2(3)",
        ),
        _view(
            "dba_procedures",
            "OWNER VARCHAR2(128), OBJECT_NAME VARCHAR2(128), PROCEDURE_NAME VARCHAR2(128), "
            "OBJECT_ID NUMBER, SUBPROGRAM_ID NUMBER, OVERLOAD VARCHAR2(40), "
            "OBJECT_TYPE VARCHAR2(13), AGGREGATE VARCHAR2(3), PIPELINED VARCHAR2(3), "
            "IMPLTYPEOWNER VARCHAR2(128), IMPLTYPENAME VARCHAR2(128), PARALLEL VARCHAR2(3), "
            "INTERFACE VARCHAR2(3), DETERMINISTIC VARCHAR2(3), AUTHID VARCHAR2(12), "
            "RESULT_CACHE VARCHAR2(3), ORIGIN_CON_ID NUMBER, POLYMORPHIC VARCHAR2(5) @18",
        ),
        _view(
            "v$parameter",
            "NUM NUMBER, NAME VARCHAR2(80), TYPE NUMBER, VALUE VARCHAR2(4000), "
            "DISPLAY_VALUE VARCHAR2(4000), DEFAULT_VALUE VARCHAR2(255), ISDEFAULT VARCHAR2(9), "
            "ISSES_MODIFIABLE VARCHAR2(5), ISSYS_MODIFIABLE VARCHAR2(9), "
            "ISPDB_MODIFIABLE VARCHAR2(5), ISINSTANCE_MODIFIABLE VARCHAR2(5), "
            "ISMODIFIED VARCHAR2(10), ISADJUSTED VARCHAR2(5), ISDEPRECATED VARCHAR2(5), "
            "ISBASIC VARCHAR2(5), DESCRIPTION VARCHAR2(255), UPDATE_COMMENT VARCHAR2(255), "
            "HASH NUMBER, CON_ID NUMBER",
        ),
        _view(
            "dba_lobs",
            "OWNER VARCHAR2(128), TABLE_NAME VARCHAR2(128), COLUMN_NAME VARCHAR2(4000), "
            "SEGMENT_NAME VARCHAR2(128), TABLESPACE_NAME VARCHAR2(30), INDEX_NAME VARCHAR2(128)",
        ),
    )
}
"""By name, in lower case."""

USERENV = frozenset(
    {"CON_ID", "CON_NAME", "DATABASE_ROLE", "NETWORK_PROTOCOL", "SESSION_USER", "DB_NAME"}
)
"""Parameters of SYS_CONTEXT('USERENV', ...); any other is ORA-02003."""

USERENV_SINCE = {"CLOUD_SERVICE": (18,)}
"""Those that came later than 12.2 (from memory)."""
