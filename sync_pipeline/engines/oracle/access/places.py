"""In which schemas an object of Oracle may lie. Pure.

A schema is the user of its name (Database Concepts, "Schema Objects"), and all users are read but
those that Oracle maintains: what these have is mostly granted to somebody, which tells of them.
"""

from __future__ import annotations

from sync_pipeline.engines.oracle.access.names import SYS, container_of
from sync_pipeline.engines.oracle.access.objects import KnownObjects
from sync_pipeline.engines.oracle.names import account_name
from sync_pipeline.model.access import AccessWorld
from sync_pipeline.model.inventory import Listing
from sync_pipeline.model.pattern import like
from sync_pipeline.model.privilege import SectionKey, SectionName, Securable
from sync_pipeline.model.privilege import SecurableKind as Kind

_OWN = frozenset({SYS, "SYSTEM", "PUBLIC"})
# Database Security Guide, "Predefined Schema User Accounts Provided by Oracle Database": of 11.2
# to 23ai, those of options and of providers among them.
_ORACLES = """
ANONYMOUS|APEX\\_%|APPQOSSYS|AUDSYS|AURORA%|AWR\\_%|BAASSYS|C##%|CTXSYS|DBSFWUSER|DBSNMP|DGPDB\\_%|DIP|
DMSYS|DV\\_%|DVF|DVSYS|EXFSYS|FLOWS\\_%|GGS%|GSM%|LBACSYS|MDDATA|MDSYS|MGMT\\_%|OJVMSYS|OLAPSYS|OPS$%|
ORACLE\\_%|ORDDATA|ORDPLUGINS|ORDS%|ORDSYS|OUTLN|OWBSYS%|PDBADMIN|RDSADMIN|REMOTE\\_SCHEDULER\\_AGENT|
SI\\_INFORMTN\\_SCHEMA|SPATIAL\\_%|SYS%|TRACESVR|TSMSYS|VECSYS|WK%|WMSYS|XDB%|XS$NULL
"""
ORACLES_SCHEMAS = tuple(pattern.strip() for pattern in _ORACLES.split("|"))
"""LIKE patterns of users that Oracle or a provider may have made, and that a sync leaves out."""


def is_servers_own(on: Securable) -> bool:
    """Return whether an object lies in a schema that each database has."""
    return on.kind is Kind.SERVER or on.schema in _OWN


def missing_schema(world: AccessWorld, known: KnownObjects, on: Securable, listing: Listing) -> str:
    """Return the schema that an object would lie in, where it is known not to be there."""
    container = container_of(on)
    if not on.schema or is_servers_own(on) or known.has_schema(container, on.schema):
        return ""
    names = (on.schema, account_name(on.schema, container))
    left_out = (*ORACLES_SCHEMAS, *listing.excluded_accounts)
    if any(like(pattern, name) for pattern in left_out for name in names):
        return ""
    is_unread = world.is_unread(SectionKey(SectionName.ACCOUNTS, container))
    return "" if is_unread or not world.is_of_a_sync else f"schema {on.schema}"
