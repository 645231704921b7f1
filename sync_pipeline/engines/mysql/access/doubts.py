"""What of MySQL's grant tables the rules do not know. Pure.

Sources: MySQL 8.0 to 9.7 Reference Manuals, 8.2.2 Privileges Provided by MySQL, table
"Permissible Dynamic Privileges", and 8.2.3 Grant Tables; SHOW PRIVILEGES and the columns of
a server 9.7.
"""

from __future__ import annotations

from collections.abc import Iterator

from sync_pipeline.engines.base import ANYBODY, CatalogCheck, CatalogColumn, Query, Variant
from sync_pipeline.engines.mysql.access.rules import STATIC
from sync_pipeline.engines.mysql_protocol.accounts import json_text
from sync_pipeline.model.account import AccountKind, AccountState
from sync_pipeline.model.privilege import Grant, SecurableKind

_DYNAMIC = """
    ALLOW_NONEXISTENT_DEFINER APPLICATION_PASSWORD_ADMIN AUDIT_ABORT_EXEMPT AUDIT_ADMIN
    AUTHENTICATION_POLICY_ADMIN BACKUP_ADMIN BINLOG_ADMIN BINLOG_ENCRYPTION_ADMIN CLONE_ADMIN
    CONNECTION_ADMIN CREATE_SPATIAL_REFERENCE_SYSTEM ENCRYPTION_KEY_ADMIN EXPORT_QUERY_RESULTS
    FIREWALL_ADMIN FIREWALL_EXEMPT FIREWALL_USER FLUSH_OPTIMIZER_COSTS FLUSH_PRIVILEGES
    FLUSH_STATUS FLUSH_TABLES FLUSH_USER_RESOURCES GROUP_REPLICATION_ADMIN
    GROUP_REPLICATION_STREAM INNODB_REDO_LOG_ARCHIVE INNODB_REDO_LOG_ENABLE
    MANAGE_DATA_MASKING_POLICY MASKING_DICTIONARIES_ADMIN NDB_STORED_USER OPTIMIZE_LOCAL_TABLE
    OPTION_TRACKER_OBSERVER OPTION_TRACKER_UPDATER PASSWORDLESS_USER_ADMIN
    PERSIST_RO_VARIABLES_ADMIN REPLICATION_APPLIER REPLICATION_SLAVE_ADMIN RESOURCE_GROUP_ADMIN
    RESOURCE_GROUP_USER ROLE_ADMIN SENSITIVE_VARIABLES_OBSERVER SERVICE_CONNECTION_ADMIN
    SESSION_VARIABLES_ADMIN SET_ANY_DEFINER SET_USER_ID SHOW_ROUTINE SKIP_QUERY_REWRITE
    SYSTEM_USER SYSTEM_VARIABLES_ADMIN TABLE_ENCRYPTION_ADMIN TELEMETRY_LOG_ADMIN
    TP_CONNECTION_ADMIN TRANSACTION_GTID_TAG VECTOR_STORE_LOAD_EXEC VERSION_TOKEN_ADMIN
    XA_RECOVER_ADMIN
"""
_ON_SERVER = STATIC | {"USAGE", *_DYNAMIC.split()}

_PRIVILEGES = """
    select_priv insert_priv update_priv delete_priv create_priv drop_priv grant_priv
    references_priv index_priv alter_priv create_tmp_table_priv lock_tables_priv
    create_view_priv show_view_priv create_routine_priv alter_routine_priv execute_priv
    event_priv trigger_priv
"""
_USER = """
    host user reload_priv shutdown_priv process_priv file_priv show_db_priv super_priv
    repl_slave_priv repl_client_priv create_user_priv create_tablespace_priv create_role_priv
    drop_role_priv ssl_type ssl_cipher x509_issuer x509_subject max_questions max_updates
    max_connections max_user_connections plugin authentication_string password_expired
    password_last_changed password_lifetime account_locked password_reuse_history
    password_reuse_time password_require_current user_attributes
"""
_PLUGINS = frozenset(
    {
        *("caching_sha2_password", "mysql_native_password", "sha256_password", "auth_socket"),
        *("mysql_no_login", "authentication_fido", "authentication_kerberos"),
        *("authentication_ldap_sasl", "authentication_ldap_simple", "authentication_oci"),
        *("authentication_openid_connect", "authentication_pam", "authentication_webauthn"),
        *("authentication_windows", "auth_pam", "auth_pam_compat", "awsauthenticationplugin"),
        *("aad_auth", ""),
    }
)
"""MySQL 8.4 and 9.x Reference Manuals, 8.4.1; Percona Server's PAM; Amazon RDS and Azure.
An empty one is no method, which the rules know."""
CATALOG = CatalogCheck(
    Query(
        "catalog_columns",
        CatalogColumn,
        (),
        (Variant((8, 0), "catalog_columns.sql"),),
        ANYBODY,
    ),
    {
        name: frozenset(text.split())
        for name, text in {
            "user": f"{_USER} {_PRIVILEGES}",
            "db": f"host db user {_PRIVILEGES}",
            "tables_priv": "host db user table_name grantor timestamp table_priv column_priv",
            "columns_priv": "host db user table_name column_name timestamp column_priv",
            "procs_priv": "host db user routine_name routine_type grantor proc_priv timestamp",
            "proxies_priv": "host user proxied_host proxied_user with_grant grantor timestamp",
            "global_grants": "user host priv with_grant_option",
            "role_edges": "from_host from_user to_host to_user with_admin_option",
            "default_roles": "host user default_role_host default_role_user",
        }.items()
    },
)


def unknown_grants(state: AccountState) -> Iterator[Grant]:
    """Yield what was not recognised, and the server's privileges that no manual names.

    A component may register one of its own as well: what that lets one do, only it knows.
    """
    for grant in state.grants:
        is_of_server = grant.securable.kind is SecurableKind.SERVER
        if not grant.recognised or (is_of_server and grant.privilege not in _ON_SERVER):
            yield grant


def unknown_words(state: AccountState) -> Iterator[str]:
    """Yield the unknown part of an account's JSON, and methods of login that no manual names."""
    yield from json_text.unknown_words(state)
    attributes = dict(state.attributes)
    further = str(attributes.get("further_plugins") or "").split(", ")
    for plugin in (str(attributes.get("plugin") or ""), *further):
        if state.kind is AccountKind.USER and plugin.lower() not in _PLUGINS:
            yield f"the login method {plugin}"
