"""The server's own tables, on which a grant to write is not what it says. Pure.

Only a superuser writes a system catalog by a grant on the table, by ownership or by
pg_write_all_data, whatever was granted (`pg_class_aclmask` in the server's source); the
parameter allow_system_table_mods does not change that. Views of the system, the tables of
information_schema and those that others make in pg_catalog are like all others. A grant on
single columns is not masked: it does let its holder write (tried on 15 and 18).
"""

from __future__ import annotations

from sync_pipeline.model.privilege import Grant, Securable, SecurableKind

SCHEMA = "pg_catalog"
SUPERUSERS_ONLY = ("INSERT", "UPDATE", "DELETE", "TRUNCATE")
_NAMES = """
aggregate am amop amproc attrdef attribute auth_members authid cast class collation constraint
conversion database db_role_setting default_acl depend description enum event_trigger extension
foreign_data_wrapper foreign_server foreign_table index inherits init_privs language largeobject
largeobject_metadata namespace opclass operator opfamily parameter_acl partitioned_table policy
proc publication publication_namespace publication_rel range replication_origin rewrite seclabel
sequence shdepend shdescription shseclabel statistic statistic_ext statistic_ext_data
subscription subscription_rel tablespace transform trigger ts_config ts_config_map ts_dict
ts_parser ts_template type user_mapping
"""
CATALOGS = frozenset(f"pg_{name}" for name in _NAMES.split())
"""Manual, "System Catalogs", of 14 to 18."""


ACCOUNTS = ("pg_authid", "pg_auth_members")


def makes_superuser(grant: Grant) -> bool:
    """Return whether a grant lets its holder write itself, or its password, into the accounts."""
    on = grant.securable
    return (
        grant.privilege in ("INSERT", "UPDATE")
        and on.kind is SecurableKind.COLUMN
        and on.schema == SCHEMA
        and on.name in ACCOUNTS
    )


def is_refused(privilege: str, on: Securable) -> bool:
    """Return whether a grant on an object lets nobody but superusers do what it says."""
    return (
        privilege in SUPERUSERS_ONLY
        and on.kind is SecurableKind.TABLE
        and on.schema == SCHEMA
        and on.name in CATALOGS
    )
