"""Which roles and accounts are Oracle's own, by what the data dictionary says of them."""

from __future__ import annotations

import re

from sync_pipeline.model.account import AccountKind, AccountState

SYSTEM = "SYSTEM"
ADMINISTRATORS = frozenset({"SYS", SYSTEM})
"""Accounts that Oracle maintains and people log in with: never left out as its own."""
# Database Security Guide, "Predefined Schema User Accounts Provided by Oracle Database", of 12.2
# to 23ai, and those of Application Express, REST Data Services and Autonomous Database.
_KNOWN = re.compile(
    r"""
    (C\#\#)?(API|OMLIDM|(ADP|CLOUD|DB|GRAPH|OML)\$\w*|CLOUD_OPS)
    | ADBSNMP | ANONYMOUS | APEX_\w+ | APPQOSSYS | AUDSYS | AURORA\$\S+ | AWR_\w+ | BAASSYS
    | CTXSYS | DBSFWUSER | DBSNMP | DCAT_ADMIN | DGPDB_INT | DIP | DMSYS | DVF | DVSYS | EXFSYS
    | FLOWS_\w+ | GGSHAREDCAP | GGSYS | GRAPH\$\w+ | GSM\w+ | LBACSYS | LCM_\w+ | MDDATA | MDSYS
    | MGMT_VIEW | MTSSYS | OJVMSYS | OLAPSYS | OML\$\w+ | ORACLE_OCM | ORD(DATA|PLUGINS|SYS)
    | ORDS_\w+ | OUTLN | OWBSYS\w* | PYQSYS | REMOTE_SCHEDULER_AGENT | RMAN\$\w+
    | SI_INFORMTN_SCHEMA | SPATIAL_\w+_USR | SYS(BACKUP|DG|KM|MAN|RAC|\$UMF)? | SYSTEM | TRACESVR
    | TSMSYS | VECSYS | WKPROXY | WKSYS | WK_TEST | WMSYS | XDB\w* | XS\$NULL
    """,
    re.VERBOSE,
)


def is_known(name: str) -> bool:
    """Return whether a manual names a user as one that Oracle makes."""
    return _KNOWN.fullmatch(name) is not None


def is_marked(state: AccountState) -> bool:
    """Return whether people made a user that the data dictionary says is maintained by Oracle.

    It says so of whoever was made in a session that runs as Oracle's scripts do (_ORACLE_SCRIPT),
    by which users of the root get names without C##. Such a one has something to log in with, and
    a right without which nobody does.
    """
    attributes = dict(state.attributes)
    is_entered = attributes.get("authentication_type") not in (None, "NONE")
    is_strange = state.kind is AccountKind.USER and not is_known(state.name.rpartition(".")[2])
    is_flagged = attributes.get("is_oracle_maintained") is True
    return is_flagged and is_strange and is_entered and bool(state.grants or state.memberships)


def maintained(state: AccountState) -> bool:
    """Return whether Oracle made an account or a role that nobody logs in with."""
    name = state.name.rpartition(".")[2]
    is_flagged = dict(state.attributes).get("is_oracle_maintained") is True
    return is_flagged and name not in ADMINISTRATORS and not is_marked(state)
