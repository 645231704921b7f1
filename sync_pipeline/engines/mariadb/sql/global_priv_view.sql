-- Every account and role, as the view that the script makes shows them: it holds no password
-- hash, and the names of all keys of the JSON. Numbers and truth values are read as JSON text,
-- because the server honours only those of the right type. Since 10.6.
-- Needs SELECT on sync_pipeline.global_priv.
SELECT
    User AS user,
    Host AS host,
    json_keys AS json_keys,
    COALESCE(JSON_TYPE(Priv), 'INVALID') AS json_type,
    JSON_EXTRACT(Priv, '$.access') AS access,
    JSON_EXTRACT(Priv, '$.version_id') AS version_id,
    JSON_EXTRACT(Priv, '$.denies') AS denies,
    JSON_EXTRACT(Priv, '$.plugin') AS plugin,
    CASE
        WHEN JSON_EXTRACT(Priv, '$.authentication_string') IS NULL THEN 'empty'
        WHEN JSON_TYPE(JSON_EXTRACT(Priv, '$.authentication_string')) <> 'STRING' THEN 'none'
        WHEN CONCAT(JSON_EXTRACT(Priv, '$.authentication_string'), '') = '""' THEN 'empty'
        WHEN CONCAT(JSON_EXTRACT(Priv, '$.authentication_string'), '') = '"invalid"' THEN 'invalid'
        ELSE 'set'
    END AS password,
    IF(
        JSON_TYPE(JSON_EXTRACT(Priv, '$.auth_or')) <=> 'ARRAY',
        COALESCE((
            SELECT JSON_ARRAYAGG(
                JSON_OBJECT(
                    'type', JSON_TYPE(element.content),
                    'plugin', JSON_EXTRACT(element.content, '$.plugin'),
                    'password', CASE
                        WHEN JSON_EXTRACT(element.content, '$.authentication_string') IS NULL THEN 'empty'
                        WHEN JSON_TYPE(JSON_EXTRACT(element.content, '$.authentication_string')) <> 'STRING' THEN 'none'
                        WHEN CONCAT(JSON_EXTRACT(element.content, '$.authentication_string'), '') = '""' THEN 'empty'
                        WHEN CONCAT(JSON_EXTRACT(element.content, '$.authentication_string'), '') = '"invalid"' THEN 'invalid'
                        ELSE 'set'
                    END
                ) ORDER BY element.position
            )
            FROM JSON_TABLE(
                IF(JSON_VALID(Priv), Priv, '{}'), '$.auth_or[*]'
                COLUMNS (position FOR ORDINALITY, content JSON PATH '$')
            ) AS element
        ), '[]'),
        NULL
    ) AS auth_or,
    plugin_keys AS plugin_keys,
    JSON_EXTRACT(Priv, '$.account_locked') AS account_locked,
    JSON_EXTRACT(Priv, '$.password_last_changed') AS password_last_changed,
    JSON_EXTRACT(Priv, '$.password_lifetime') AS password_lifetime,
    JSON_EXTRACT(Priv, '$.is_role') AS is_role,
    JSON_VALUE(Priv, '$.default_role') AS default_role,
    JSON_EXTRACT(Priv, '$.ssl_type') AS ssl_type,
    JSON_VALUE(Priv, '$.ssl_cipher') AS ssl_cipher,
    JSON_VALUE(Priv, '$.x509_issuer') AS x509_issuer,
    JSON_VALUE(Priv, '$.x509_subject') AS x509_subject,
    JSON_EXTRACT(Priv, '$.max_questions') AS max_questions,
    JSON_EXTRACT(Priv, '$.max_updates') AS max_updates,
    JSON_EXTRACT(Priv, '$.max_connections') AS max_connections,
    JSON_EXTRACT(Priv, '$.max_user_connections') AS max_user_connections,
    JSON_EXTRACT(Priv, '$.max_statement_time') AS max_statement_time,
    @@GLOBAL.lower_case_table_names AS lower_case_table_names,
    @@GLOBAL.default_password_lifetime AS default_password_lifetime,
    EXISTS (
        SELECT 1
        FROM information_schema.PLUGINS
        WHERE plugin_type = 'PASSWORD VALIDATION' AND plugin_status = 'ACTIVE'
    ) AS validates_passwords
FROM sync_pipeline.global_priv
