-- What the server is, and what managed services make of one, which says whose it is
-- (`mysql_protocol/platform.py`): their variables are looked for where another sign is, because
-- that costs as much as the rest. Since 10.6. Needs nothing.
SELECT
    VERSION() AS version,
    @@version_comment AS comment,
    CURRENT_USER() AS account,
    @@GLOBAL.basedir AS programs,
    @@GLOBAL.datadir AS data,
    IF(
        @@GLOBAL.basedir LIKE '/rdsdbbin/%'
        OR VERSION() LIKE '%-azure%'
        OR VERSION() LIKE '%-google%'
        OR @@version_comment LIKE '%Source distribution%',
        (
            SELECT GROUP_CONCAT(
                variable_name, '=', LEFT(variable_value, 100)
                ORDER BY variable_name SEPARATOR '\n'
            )
            FROM information_schema.GLOBAL_VARIABLES
            WHERE variable_name IN (
                'aurora_version', 'cloudsql_iam_authentication', 'aad_auth_only',
                'maintain_user_list', 'rds_reserved_connections'
            )
        ),
        NULL
    ) AS settings,
    (
        SELECT COUNT(*)
        FROM information_schema.COLUMNS
        WHERE table_schema = 'mysql' AND table_name = 'global_priv'
            AND column_name = 'Priv' AND privileges LIKE '%select%'
    ) AS reads_hashes,
    (
        SELECT COUNT(*)
        FROM information_schema.COLUMNS
        WHERE table_schema = 'sync_pipeline' AND table_name = 'global_priv' AND column_name = 'User'
    ) AS has_view
