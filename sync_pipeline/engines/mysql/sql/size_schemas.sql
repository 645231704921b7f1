-- What the tables of each database hold, as their storage engines count it. Since 8.0.
-- Sees all tables with any global privilege on tables, such as SHOW VIEW.
-- Names are compared byte by byte: MyDb and mydb are two databases.
SELECT
    MIN(table_schema) AS name,
    CAST(COALESCE(SUM(data_length), 0) AS SIGNED) AS data_bytes,
    CAST(COALESCE(SUM(index_length), 0) AS SIGNED) AS index_bytes,
    CAST(COALESCE(SUM(
        CASE WHEN engine NOT IN ('InnoDB', 'MEMORY') THEN data_length + index_length END
    ), 0) AS SIGNED) AS plain_bytes,
    CAST(SUM(engine IS NULL) AS SIGNED) AS broken
FROM information_schema.TABLES
WHERE table_type NOT IN ('VIEW', 'SYSTEM VIEW')
GROUP BY CAST(table_schema AS BINARY)
