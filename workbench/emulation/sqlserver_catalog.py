"""The columns and types of SQL Server's system views, as Microsoft documents them for 2022.

Source: SQL Server documentation, "System catalog views" and "System dynamic management views",
one page a view.
"""

from __future__ import annotations

from dataclasses import dataclass

SERVER_VIEWS = """
server_principals: name sysname, principal_id int, sid varbinary, type char, type_desc nvarchar,
    is_disabled int, create_date datetime, modify_date datetime, default_database_name sysname,
    default_language_name sysname, credential_id int, owning_principal_id int, is_fixed_role bit
sql_logins: name sysname, principal_id int, sid varbinary, type char, type_desc nvarchar,
    is_disabled int, create_date datetime, modify_date datetime, default_database_name sysname,
    default_language_name sysname, credential_id int, is_policy_checked bit,
    is_expiration_checked bit, password_hash varbinary
server_role_members: role_principal_id int, member_principal_id int
server_permissions: class tinyint, class_desc nvarchar, major_id int, minor_id int,
    grantee_principal_id int, grantor_principal_id int, type char, permission_name nvarchar,
    state char, state_desc nvarchar
endpoints: name sysname, endpoint_id int, principal_id int, protocol tinyint,
    protocol_desc nvarchar, type tinyint, type_desc nvarchar, state tinyint, state_desc nvarchar,
    is_admin_endpoint bit
availability_groups: group_id uniqueidentifier, name sysname, resource_id nvarchar,
    resource_group_id nvarchar, failure_condition_level int, health_check_timeout int,
    automated_backup_preference tinyint, automated_backup_preference_desc nvarchar,
    version smallint, basic_features bit, dtc_support bit, db_failover bit, is_distributed bit
availability_replicas: replica_id uniqueidentifier, group_id uniqueidentifier,
    replica_metadata_id int, replica_server_name nvarchar, owner_sid varbinary,
    endpoint_url nvarchar, availability_mode tinyint, availability_mode_desc nvarchar,
    failover_mode tinyint, failover_mode_desc nvarchar, session_timeout int,
    primary_role_allow_connections tinyint, primary_role_allow_connections_desc nvarchar,
    secondary_role_allow_connections tinyint, secondary_role_allow_connections_desc nvarchar,
    create_date datetime, modify_date datetime, backup_priority int,
    read_only_routing_url nvarchar
databases: name sysname, database_id int, source_database_id int, owner_sid varbinary,
    create_date datetime, compatibility_level tinyint, collation_name sysname,
    user_access tinyint, user_access_desc nvarchar, is_read_only bit, is_auto_close_on bit,
    state tinyint, state_desc nvarchar, is_in_standby bit, recovery_model tinyint,
    recovery_model_desc nvarchar, is_trustworthy_on bit, is_db_chaining_on bit,
    containment tinyint, containment_desc nvarchar, replica_id uniqueidentifier,
    group_database_id uniqueidentifier
configurations: configuration_id int, name nvarchar, value sql_variant, minimum sql_variant,
    maximum sql_variant, value_in_use sql_variant, description nvarchar, is_dynamic bit,
    is_advanced bit
master_files: database_id int, file_id int, file_guid uniqueidentifier, type tinyint,
    type_desc nvarchar, data_space_id int, name sysname, physical_name nvarchar, state tinyint,
    state_desc nvarchar, size int, max_size int, growth int, is_media_read_only bit,
    is_read_only bit, is_sparse bit, is_percent_growth bit, is_name_reserved bit,
    create_lsn numeric, drop_lsn numeric, credential_id int
dm_exec_connections: session_id int, most_recent_session_id int, connect_time datetime,
    net_transport nvarchar, protocol_type nvarchar, protocol_version int, endpoint_id int,
    encrypt_option nvarchar, auth_scheme nvarchar, client_net_address nvarchar,
    client_tcp_port int, local_net_address nvarchar, local_tcp_port int,
    connection_id uniqueidentifier, parent_connection_id uniqueidentifier
dm_exec_sessions: session_id smallint, login_time datetime, host_name nvarchar,
    program_name nvarchar, security_id varbinary, login_name nvarchar, nt_domain nvarchar,
    nt_user_name nvarchar, status nvarchar, is_user_process bit, original_security_id varbinary,
    original_login_name nvarchar, database_id smallint, authenticating_database_id int
io_virtual_file_stats: database_id smallint, file_id smallint, sample_ms bigint,
    num_of_reads bigint, num_of_bytes_read bigint, io_stall_read_ms bigint, num_of_writes bigint,
    num_of_bytes_written bigint, io_stall_write_ms bigint, io_stall bigint,
    size_on_disk_bytes bigint, file_handle varbinary
"""

DATABASE_VIEWS = """
database_principals: name sysname, principal_id int, type char, type_desc nvarchar,
    default_schema_name sysname, create_date datetime, modify_date datetime,
    owning_principal_id int, sid varbinary, is_fixed_role bit, authentication_type int,
    authentication_type_desc nvarchar, default_language_name sysname, default_language_lcid int,
    allow_encrypted_value_modifications bit
database_role_members: role_principal_id int, member_principal_id int
database_permissions: class tinyint, class_desc nvarchar, major_id int, minor_id int,
    grantee_principal_id int, grantor_principal_id int, type char, permission_name nvarchar,
    state char, state_desc nvarchar
all_objects: name sysname, object_id int, principal_id int, schema_id int, parent_object_id int,
    type char, type_desc nvarchar, create_date datetime, modify_date datetime, is_ms_shipped bit,
    is_published bit, is_schema_published bit
objects: name sysname, object_id int, principal_id int, schema_id int, parent_object_id int,
    type char, type_desc nvarchar, create_date datetime, modify_date datetime, is_ms_shipped bit,
    is_published bit, is_schema_published bit
schemas: name sysname, schema_id int, principal_id int
sql_modules: object_id int, definition nvarchar, uses_ansi_nulls bit, uses_quoted_identifier bit,
    is_schema_bound bit, uses_database_collation bit, is_recompiled bit,
    null_on_null_input bit, execute_as_principal_id int, uses_native_compilation bit
all_columns: object_id int, name sysname, column_id int, system_type_id tinyint,
    user_type_id int, max_length smallint, precision tinyint, scale tinyint,
    collation_name sysname, is_nullable bit
assemblies: name sysname, principal_id int, assembly_id int, clr_name nvarchar,
    permission_set tinyint, permission_set_desc nvarchar, is_visible bit, create_date datetime,
    modify_date datetime, is_user_defined bit
types: name sysname, system_type_id tinyint, user_type_id int, schema_id int, principal_id int,
    max_length smallint, precision tinyint, scale tinyint, collation_name sysname,
    is_nullable bit, is_user_defined bit, is_assembly_type bit, default_object_id int,
    rule_object_id int, is_table_type bit
xml_schema_collections: xml_collection_id int, schema_id int, principal_id int, name sysname,
    create_date datetime, modify_date datetime
service_message_types: name sysname, message_type_id int, principal_id int, validation char,
    validation_desc nvarchar, xml_collection_id int
service_contracts: name sysname, service_contract_id int, principal_id int
services: name sysname, service_id int, principal_id int, service_queue_id int
remote_service_bindings: name sysname, remote_service_binding_id int, principal_id int,
    remote_service_name nvarchar, service_contract_id int, remote_principal_id int,
    is_anonymous_on bit
routes: name sysname, route_id int, principal_id int, remote_service_name nvarchar,
    broker_instance nvarchar, lifetime datetime, address nvarchar, mirror_address nvarchar
fulltext_catalogs: fulltext_catalog_id int, name sysname, path nvarchar, is_default bit,
    is_accent_sensitivity_on bit, data_space_id int, file_id int, principal_id int,
    is_importing bit
symmetric_keys: name sysname, principal_id int, symmetric_key_id int, key_length int,
    key_algorithm char, algorithm_desc nvarchar, create_date datetime, modify_date datetime,
    key_guid uniqueidentifier, provider_type nvarchar
certificates: name sysname, certificate_id int, principal_id int, pvt_key_encryption_type char,
    pvt_key_encryption_type_desc nvarchar, is_active_for_begin_dialog bit, issuer_name nvarchar,
    cert_serial_number nvarchar, sid varbinary, string_sid nvarchar, subject nvarchar,
    expiry_date datetime, start_date datetime, thumbprint varbinary, attested_by nvarchar,
    pvt_key_last_backup_date datetime
asymmetric_keys: name sysname, principal_id int, asymmetric_key_id int,
    pvt_key_encryption_type char, pvt_key_encryption_type_desc nvarchar, thumbprint varbinary,
    algorithm char, algorithm_desc nvarchar, key_length int, sid varbinary, string_sid nvarchar,
    public_key varbinary, attested_by nvarchar, provider_type nvarchar
fulltext_stoplists: stoplist_id int, name sysname, create_date datetime, modify_date datetime,
    principal_id int
registered_search_property_lists: property_list_id int, name sysname, create_date datetime,
    modify_date datetime, principal_id int
database_scoped_credentials: name sysname, credential_id int, principal_id int,
    credential_identity nvarchar, create_date datetime, modify_date datetime,
    target_type nvarchar, target_id int
database_files: file_id int, file_guid uniqueidentifier, type tinyint, type_desc nvarchar,
    data_space_id int, name sysname, physical_name nvarchar, state tinyint, state_desc nvarchar,
    size int, max_size int, growth int, is_media_read_only bit, is_read_only bit, is_sparse bit,
    is_percent_growth bit, is_name_reserved bit
dm_db_partition_stats: partition_id bigint, object_id int, index_id int, partition_number int,
    in_row_data_page_count bigint, in_row_used_page_count bigint,
    in_row_reserved_page_count bigint, lob_used_page_count bigint, lob_reserved_page_count bigint,
    row_overflow_used_page_count bigint, row_overflow_reserved_page_count bigint,
    used_page_count bigint, reserved_page_count bigint, row_count bigint
"""

_DUCKDB = {
    "sysname": "VARCHAR",
    "nvarchar": "VARCHAR",
    "char": "VARCHAR",
    "bit": "BOOLEAN",
    "tinyint": "UTINYINT",
    "smallint": "SMALLINT",
    "int": "INTEGER",
    "bigint": "BIGINT",
    "numeric": "DECIMAL(25, 0)",
    "datetime": "TIMESTAMP",
    "varbinary": "BLOB",
    "sql_variant": "VARCHAR",
    "uniqueidentifier": "VARCHAR",
}


@dataclass(frozen=True)
class View:
    """A system view: its columns and their types, in order."""

    name: str
    columns: dict[str, str]

    def ddl(self, database: str) -> str:
        """Return what makes it a table of DuckDB."""
        columns = ", ".join(f'"{name}" {_DUCKDB[kind]}' for name, kind in self.columns.items())
        return f'CREATE TABLE {database}.sys."{self.name}" ({columns})'

    @property
    def texts(self) -> frozenset[str]:
        """Return the columns of text, which have a collation."""
        kinds = ("sysname", "nvarchar", "char")
        return frozenset(name for name, kind in self.columns.items() if kind in kinds)


def views(text: str) -> dict[str, View]:
    """Read the lists above."""
    found: dict[str, View] = {}
    for line in text.replace("\n    ", " ").strip().splitlines():
        name, _, columns = line.partition(": ")
        pairs = [item.split() for item in columns.split(", ")]
        found[name] = View(name, {item[0]: item[1] for item in pairs})
    return found


SERVER = views(SERVER_VIEWS)
DATABASE = views(DATABASE_VIEWS)
