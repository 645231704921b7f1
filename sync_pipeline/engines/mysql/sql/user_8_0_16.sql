-- Every account with its static privileges; no password hash leaves the server, and of
-- User_attributes, which can hold a second one, only named parts. Since 8.0.16, which added
-- partial revokes. Needs SELECT on mysql.user.
SELECT
    User AS user,
    Host AS host,
    CONCAT_WS(
        ',',
        IF(Select_priv = 'Y', 'SELECT', NULL),
        IF(Insert_priv = 'Y', 'INSERT', NULL),
        IF(Update_priv = 'Y', 'UPDATE', NULL),
        IF(Delete_priv = 'Y', 'DELETE', NULL),
        IF(Create_priv = 'Y', 'CREATE', NULL),
        IF(Drop_priv = 'Y', 'DROP', NULL),
        IF(References_priv = 'Y', 'REFERENCES', NULL),
        IF(Index_priv = 'Y', 'INDEX', NULL),
        IF(Alter_priv = 'Y', 'ALTER', NULL),
        IF(Create_tmp_table_priv = 'Y', 'CREATE TEMPORARY TABLES', NULL),
        IF(Lock_tables_priv = 'Y', 'LOCK TABLES', NULL),
        IF(Create_view_priv = 'Y', 'CREATE VIEW', NULL),
        IF(Show_view_priv = 'Y', 'SHOW VIEW', NULL),
        IF(Create_routine_priv = 'Y', 'CREATE ROUTINE', NULL),
        IF(Alter_routine_priv = 'Y', 'ALTER ROUTINE', NULL),
        IF(Execute_priv = 'Y', 'EXECUTE', NULL),
        IF(Event_priv = 'Y', 'EVENT', NULL),
        IF(Trigger_priv = 'Y', 'TRIGGER', NULL),
        IF(Grant_priv = 'Y', 'GRANT', NULL),
        IF(Reload_priv = 'Y', 'RELOAD', NULL),
        IF(Shutdown_priv = 'Y', 'SHUTDOWN', NULL),
        IF(Process_priv = 'Y', 'PROCESS', NULL),
        IF(File_priv = 'Y', 'FILE', NULL),
        IF(Show_db_priv = 'Y', 'SHOW DATABASES', NULL),
        IF(Super_priv = 'Y', 'SUPER', NULL),
        IF(Repl_slave_priv = 'Y', 'REPLICATION SLAVE', NULL),
        IF(Repl_client_priv = 'Y', 'REPLICATION CLIENT', NULL),
        IF(Create_user_priv = 'Y', 'CREATE USER', NULL),
        IF(Create_tablespace_priv = 'Y', 'CREATE TABLESPACE', NULL),
        IF(Create_role_priv = 'Y', 'CREATE ROLE', NULL),
        IF(Drop_role_priv = 'Y', 'DROP ROLE', NULL)
    ) AS privileges,
    plugin AS plugin,
    COALESCE(authentication_string, '') <> '' AS has_authentication_string,
    CONCAT(account_locked, '') AS account_locked,
    CONCAT(password_expired, '') AS password_expired,
    password_lifetime AS password_lifetime,
    DATE_FORMAT(password_last_changed, '%Y-%m-%dT%H:%i:%sZ') AS password_last_changed,
    CONCAT(ssl_type, '') AS ssl_type,
    CAST(ssl_cipher AS CHAR) AS ssl_cipher,
    CAST(x509_issuer AS CHAR) AS x509_issuer,
    CAST(x509_subject AS CHAR) AS x509_subject,
    max_questions AS max_questions,
    max_updates AS max_updates,
    max_connections AS max_connections,
    max_user_connections AS max_user_connections,
    IF(
        JSON_TYPE(User_attributes) <> 'OBJECT',
        JSON_TYPE(User_attributes),
        CAST(JSON_KEYS(JSON_REMOVE(User_attributes, '$.additional_password')) AS CHAR)
    ) AS attribute_keys,
    CAST(JSON_EXTRACT(User_attributes, '$.Restrictions') AS CHAR) AS restrictions,
    CAST(
        JSON_EXTRACT(User_attributes, '$.multi_factor_authentication[*].plugin') AS CHAR
    ) AS factors,
    COALESCE(JSON_CONTAINS_PATH(User_attributes, 'one', '$.additional_password'), 0)
        AS has_additional_password,
    CAST(
        JSON_EXTRACT(User_attributes, '$.Password_locking.failed_login_attempts') AS CHAR
    ) AS failed_login_attempts,
    @@GLOBAL.lower_case_table_names AS lower_case_table_names,
    @@GLOBAL.default_password_lifetime AS default_password_lifetime,
    EXISTS (
        SELECT 1
        FROM performance_schema.global_variables
        WHERE variable_name LIKE 'validate_password%'
    ) AS validates_passwords,
    @@GLOBAL.partial_revokes AS partial_revokes
FROM mysql.user
