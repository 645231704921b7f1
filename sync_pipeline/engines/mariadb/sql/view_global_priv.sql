-- What the view sync_pipeline.global_priv shows of the table: named parts of the JSON, and of
-- passwords only whether there is one, with the names of all keys. Since 10.6.
-- Needs SELECT on mysql.global_priv.
SELECT
    Host,
    User,
    IF(
        JSON_TYPE(Priv) <=> 'OBJECT',
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
                'authentication_string', JSON_COMPACT(CASE
                    WHEN JSON_EXTRACT(Priv, '$.authentication_string') IS NULL THEN 'null'
                    WHEN JSON_TYPE(JSON_EXTRACT(Priv, '$.authentication_string')) <> 'STRING' THEN '0'
                    WHEN CONCAT(JSON_EXTRACT(Priv, '$.authentication_string'), '') IN ('""', '"invalid"') THEN JSON_EXTRACT(Priv, '$.authentication_string')
                    ELSE '"set"'
                END),
                'auth_or', JSON_COMPACT(IF(
                    JSON_TYPE(JSON_EXTRACT(Priv, '$.auth_or')) <=> 'ARRAY',
                    COALESCE((
                        SELECT JSON_ARRAYAGG(
                            JSON_COMPACT(IF(
                                JSON_TYPE(element.content) = 'OBJECT',
                                JSON_MERGE_PATCH(
                                    '{}',
                                    JSON_OBJECT(
                                        'plugin', JSON_EXTRACT(element.content, '$.plugin'),
                                        'authentication_string', JSON_COMPACT(CASE
                                            WHEN JSON_EXTRACT(element.content, '$.authentication_string') IS NULL THEN 'null'
                                            WHEN JSON_TYPE(JSON_EXTRACT(element.content, '$.authentication_string')) <> 'STRING' THEN '0'
                                            WHEN CONCAT(JSON_EXTRACT(element.content, '$.authentication_string'), '') IN ('""', '"invalid"') THEN JSON_EXTRACT(element.content, '$.authentication_string')
                                            ELSE '"set"'
                                        END)
                                    )
                                ),
                                '0'
                            )) ORDER BY element.position
                        )
                        FROM JSON_TABLE(
                            IF(JSON_VALID(Priv), Priv, '{}'), '$.auth_or[*]'
                            COLUMNS (position FOR ORDINALITY, content JSON PATH '$')
                        ) AS element
                    ), '[]'),
                    NULL
                ))
            )
        ),
        IF(JSON_VALID(Priv), '[]', '')
    ) AS Priv,
    JSON_KEYS(Priv) AS json_keys,
    (
        SELECT JSON_ARRAYAGG(JSON_KEYS(element.content))
        FROM JSON_TABLE(
            IF(JSON_VALID(Priv), Priv, '{}'), '$.auth_or[*]' COLUMNS (content JSON PATH '$')
        ) AS element
    ) AS plugin_keys
FROM mysql.global_priv
