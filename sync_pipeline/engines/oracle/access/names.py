"""Names of accounts and how they are written in statements."""

from __future__ import annotations

import re

from sync_pipeline.engines.oracle.names import part, quoted
from sync_pipeline.model.privilege import Securable

SYS = "SYS"

_PLAIN_IDENTIFIER = re.compile(r"[A-Z][A-Z0-9_$#]*")

# SQL Language Reference, appendix "Oracle SQL Reserved Words".
_RESERVED_WORDS = """
ACCESS ADD ALL ALTER AND ANY AS ASC AUDIT BETWEEN BY CHAR CHECK CLUSTER COLUMN COLUMN_VALUE
COMMENT COMPRESS CONNECT CREATE CURRENT DATE DECIMAL DEFAULT DELETE DESC DISTINCT DROP ELSE
EXCLUSIVE EXISTS FILE FLOAT FOR FROM GRANT GROUP HAVING IDENTIFIED IMMEDIATE IN INCREMENT
INDEX INITIAL INSERT INTEGER INTERSECT INTO IS LEVEL LIKE LOCK LONG MAXEXTENTS MINUS MLSLABEL
MODE MODIFY NESTED_TABLE_ID NOAUDIT NOCOMPRESS NOT NOWAIT NULL NUMBER OF OFFLINE ON ONLINE
OPTION OR ORDER PCTFREE PRIOR PUBLIC RAW RENAME RESOURCE REVOKE ROW ROWID ROWNUM ROWS SELECT
SESSION SET SHARE SIZE SMALLINT START SUCCESSFUL SYNONYM SYSDATE TABLE THEN TO TRIGGER UID
UNION UNIQUE UPDATE USER VALIDATE VALUES VARCHAR VARCHAR2 VIEW WHENEVER WHERE WITH
"""
_RESERVED = frozenset(_RESERVED_WORDS.split())


def container_of(securable: Securable) -> str:
    """Return the pluggable database that holds it; empty: the one we are connected to."""
    return securable.catalog or securable.database


def local_name(account: str, container: str) -> str:
    """Return the name as the container's own catalog has it.

    Quotes go: no Oracle name holds one (SQL Language Reference, "Database Object Naming
    Rules").
    """
    prefix = f"{part(container)}."
    rest = account.removeprefix(prefix) if container else account
    quoted = len(rest) > 1 and rest[0] == rest[-1] == '"'
    return rest[1:-1] if quoted else rest


def identifier(name: str) -> str:
    """Return a name as a statement writes it, in double quotes where it needs them.

    SQL Language Reference, "Database Object Naming Rules": without quotes a name begins
    with a letter, is upper case and is no reserved word.
    """
    plain = _PLAIN_IDENTIFIER.fullmatch(name) and name not in _RESERVED
    return name if plain else quoted(name)
