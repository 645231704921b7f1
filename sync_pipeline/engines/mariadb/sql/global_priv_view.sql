-- Every account and role; the JSON holds password hashes, so only named parts of it leave the
-- server. Since 10.6. Needs SELECT on
-- sync_pipeline.global_priv, the view that the script makes.
SELECT
    User AS user,
    Host AS host,
    CAST(COALESCE(JSON_VALUE(Priv, '$.access'), 0) AS CHAR) AS access,
    JSON_VALUE(Priv, '$.version_id') AS version_id,
    JSON_VALUE(Priv, '$.plugin') AS plugin,
    (
        SELECT JSON_ARRAYAGG(COALESCE(element.plugin, '') ORDER BY element.position)
        FROM JSON_TABLE(
            Priv, '$.auth_or[*]'
            COLUMNS (position FOR ORDINALITY, plugin VARCHAR(64) PATH '$.plugin')
        ) AS element
    ) AS plugins,
    COALESCE(JSON_VALUE(Priv, '$.authentication_string'), '') <> ''
    OR JSON_EXTRACT(Priv, '$.auth_or[*].authentication_string') IS NOT NULL
        AS has_authentication_string,
    JSON_VALUE(Priv, '$.account_locked') AS account_locked,
    JSON_VALUE(Priv, '$.password_last_changed') AS password_last_changed,
    JSON_VALUE(Priv, '$.password_lifetime') AS password_lifetime,
    JSON_VALUE(Priv, '$.is_role') AS is_role,
    JSON_VALUE(Priv, '$.default_role') AS default_role,
    JSON_VALUE(Priv, '$.ssl_type') AS ssl_type,
    JSON_VALUE(Priv, '$.ssl_cipher') AS ssl_cipher,
    JSON_VALUE(Priv, '$.x509_issuer') AS x509_issuer,
    JSON_VALUE(Priv, '$.x509_subject') AS x509_subject,
    JSON_VALUE(Priv, '$.max_questions') AS max_questions,
    JSON_VALUE(Priv, '$.max_updates') AS max_updates,
    JSON_VALUE(Priv, '$.max_connections') AS max_connections,
    JSON_VALUE(Priv, '$.max_user_connections') AS max_user_connections,
    JSON_VALUE(Priv, '$.max_statement_time') AS max_statement_time,
    @@GLOBAL.default_password_lifetime AS default_password_lifetime,
    EXISTS (
        SELECT 1
        FROM information_schema.PLUGINS
        WHERE plugin_type = 'PASSWORD VALIDATION' AND plugin_status = 'ACTIVE'
    ) AS validates_passwords
FROM sync_pipeline.global_priv
