-- What the server is. Since 10.6. Needs nothing.
SELECT
    VERSION() AS version,
    @@version_comment AS comment,
    CURRENT_USER() AS account,
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
