-- What the server is. Since 8.0. Needs nothing.
SELECT
    VERSION() AS version,
    @@version_comment AS comment,
    CURRENT_USER() AS account,
    (
        SELECT COUNT(*)
        FROM information_schema.COLUMNS
        WHERE table_schema = 'mysql' AND table_name = 'user'
            AND column_name = 'authentication_string' AND privileges LIKE '%select%'
    ) AS reads_hashes,
    (
        SELECT COUNT(*)
        FROM information_schema.COLUMNS
        WHERE table_schema = 'sync_pipeline' AND table_name = 'user' AND column_name = 'User'
    ) AS has_view
