-- What the view sync_pipeline.user shows of the table: of passwords only whether there is one.
-- Since 8.0.16. Needs SELECT on mysql.user.
SELECT
    Host,
    User,
    Select_priv,
    Insert_priv,
    Update_priv,
    Delete_priv,
    Create_priv,
    Drop_priv,
    References_priv,
    Index_priv,
    Alter_priv,
    Create_tmp_table_priv,
    Lock_tables_priv,
    Create_view_priv,
    Show_view_priv,
    Create_routine_priv,
    Alter_routine_priv,
    Execute_priv,
    Event_priv,
    Trigger_priv,
    Grant_priv,
    Reload_priv,
    Shutdown_priv,
    Process_priv,
    File_priv,
    Show_db_priv,
    Super_priv,
    Repl_slave_priv,
    Repl_client_priv,
    Create_user_priv,
    Create_tablespace_priv,
    Create_role_priv,
    Drop_role_priv,
    ssl_type,
    ssl_cipher,
    x509_issuer,
    x509_subject,
    max_questions,
    max_updates,
    max_connections,
    max_user_connections,
    plugin,
    password_expired,
    password_last_changed,
    password_lifetime,
    account_locked,
    IF(COALESCE(authentication_string, '') = '', '', 'set') AS authentication_string,
    IF(
        User_attributes IS NULL,
        NULL,
        JSON_MERGE_PATCH(
            '{}',
            JSON_OBJECT(
                'Restrictions', JSON_EXTRACT(User_attributes, '$.Restrictions'),
                'Password_locking', JSON_EXTRACT(User_attributes, '$.Password_locking'),
                'additional_password',
                IF(JSON_CONTAINS_PATH(User_attributes, 'one', '$.additional_password'), 'set', NULL),
                'multi_factor_authentication', (
                    SELECT JSON_ARRAYAGG(JSON_OBJECT('plugin', factor.plugin))
                    FROM JSON_TABLE(
                        User_attributes, '$.multi_factor_authentication[*]'
                        COLUMNS (plugin VARCHAR(64) PATH '$.plugin')
                    ) AS factor
                )
            )
        )
    ) AS User_attributes,
    IF(
        JSON_TYPE(User_attributes) <> 'OBJECT',
        JSON_TYPE(User_attributes),
        CAST(JSON_KEYS(JSON_REMOVE(User_attributes, '$.additional_password')) AS CHAR)
    ) AS attribute_keys
FROM mysql.user
