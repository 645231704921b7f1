-- What the view sync_pipeline.global_priv shows of the table: named parts of the JSON, and of
-- passwords only whether there is one, with the names of all keys. Since 10.6. Needs SELECT on mysql.global_priv.
SELECT
    Host,
    User,
    JSON_MERGE_PATCH(
        '{}',
        JSON_OBJECT(
            'access', JSON_EXTRACT(Priv, '$.access'),
            'version_id', JSON_EXTRACT(Priv, '$.version_id'),
            'plugin', JSON_EXTRACT(Priv, '$.plugin'),
            'account_locked', JSON_EXTRACT(Priv, '$.account_locked'),
            'password_last_changed', JSON_EXTRACT(Priv, '$.password_last_changed'),
            'password_lifetime', JSON_EXTRACT(Priv, '$.password_lifetime'),
            'is_role', JSON_EXTRACT(Priv, '$.is_role'),
            'default_role', JSON_EXTRACT(Priv, '$.default_role'),
            'ssl_type', JSON_EXTRACT(Priv, '$.ssl_type'),
            'ssl_cipher', JSON_EXTRACT(Priv, '$.ssl_cipher'),
            'x509_issuer', JSON_EXTRACT(Priv, '$.x509_issuer'),
            'x509_subject', JSON_EXTRACT(Priv, '$.x509_subject'),
            'max_questions', JSON_EXTRACT(Priv, '$.max_questions'),
            'max_updates', JSON_EXTRACT(Priv, '$.max_updates'),
            'max_connections', JSON_EXTRACT(Priv, '$.max_connections'),
            'max_user_connections', JSON_EXTRACT(Priv, '$.max_user_connections'),
            'max_statement_time', JSON_EXTRACT(Priv, '$.max_statement_time'),
            'denies', JSON_EXTRACT(Priv, '$.denies'),
            'authentication_string', CASE WHEN COALESCE(JSON_VALUE(Priv, '$.authentication_string'), '') IN ('', 'invalid') THEN JSON_VALUE(Priv, '$.authentication_string') ELSE 'set' END,
            'auth_or', (
                SELECT
                    JSON_ARRAYAGG(
                        JSON_MERGE_PATCH(
                            '{}',
                            JSON_OBJECT(
                                'plugin', element.plugin,
                                'authentication_string', CASE WHEN COALESCE(element.secret, '') IN ('', 'invalid') THEN element.secret ELSE 'set' END
                            )
                        ) ORDER BY element.position
                    )
                FROM JSON_TABLE(
                    Priv, '$.auth_or[*]'
                    COLUMNS (
                        position FOR ORDINALITY,
                        plugin VARCHAR(64) PATH '$.plugin',
                        secret TEXT PATH '$.authentication_string'
                    )
                ) AS element
            )
        )
    ) AS Priv,
    JSON_KEYS(Priv) AS json_keys,
    (
        SELECT JSON_ARRAYAGG(JSON_KEYS(element.content))
        FROM JSON_TABLE(
            Priv, '$.auth_or[*]' COLUMNS (content JSON PATH '$')
        ) AS element
    ) AS plugin_keys
FROM mysql.global_priv
