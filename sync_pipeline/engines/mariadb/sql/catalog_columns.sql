-- The columns of the grant tables, so that a new one is not overlooked. Since 10.6. Needs
-- nothing: columns that the account may not read are left out.
SELECT
    TABLE_NAME AS relation,
    COLUMN_NAME AS column_name
FROM information_schema.COLUMNS
WHERE
    TABLE_SCHEMA = 'mysql'
    AND TABLE_NAME IN (
        'global_priv', 'db', 'tables_priv', 'columns_priv', 'procs_priv', 'proxies_priv',
        'roles_mapping'
    )
ORDER BY TABLE_NAME, ORDINAL_POSITION
LIMIT 1000
