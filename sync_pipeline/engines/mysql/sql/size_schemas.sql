-- What the tables of each database hold, as their storage engines count it. Since 8.0.
-- Sees all tables with any global privilege on tables, such as SHOW VIEW.
-- Names are compared byte by byte: MyDb and mydb are two databases.
-- Engines that keep no data of their own in the data directory are left out.
-- What is left out is not opened: a remote server is not asked.
-- No size, zero, or one beyond 2^63 is what is said of a table that tells none.
-- The rows are kept first (NO_MERGE), because each mention of a length asks the engine again.
SELECT /*+ NO_MERGE(raw@inner_rows) */
    MIN(t.table_schema) AS name,
    CAST(COALESCE(SUM(CASE WHEN t.is_told THEN t.data_length END), 0) AS SIGNED) AS data_bytes,
    CAST(COALESCE(SUM(CASE WHEN t.is_told THEN t.index_length END), 0) AS SIGNED) AS index_bytes,
    CAST(COALESCE(SUM(
        CASE WHEN t.is_told AND t.engine <> 'InnoDB' THEN t.data_length + t.index_length END
    ), 0) AS SIGNED) AS plain_bytes,
    CAST(COALESCE(SUM(t.engine = 'InnoDB'), 0) AS SIGNED) AS innodb_tables,
    CAST(COALESCE(SUM(t.is_log), 0) AS SIGNED) AS log_tables,
    CAST(SUM(t.engine IS NULL OR (NOT t.is_told AND NOT t.is_log)) AS SIGNED) AS unclear_tables
FROM (
    SELECT /*+ QB_NAME(inner_rows) */
        raw.table_schema,
        raw.engine,
        raw.data_length,
        raw.index_length,
        COALESCE(
            raw.data_length < 9223372036854775807 AND raw.index_length < 9223372036854775807
            AND (raw.data_length > 0 OR raw.index_length > 0 OR raw.engine = 'ROCKSDB'),
            FALSE
        ) AS is_told,
        COALESCE(
            raw.engine = 'CSV' AND raw.table_schema = 'mysql'
            AND raw.table_name IN ('general_log', 'slow_log'),
            FALSE
        ) AS is_log
    FROM (
        SELECT table_schema, table_name, engine, data_length, index_length
        FROM information_schema.TABLES
        WHERE
            table_type NOT IN ('VIEW', 'SYSTEM VIEW')
            AND (engine IS NULL OR engine NOT IN (
                'MRG_MYISAM', 'MEMORY', 'FEDERATED', 'BLACKHOLE', 'NDBCLUSTER', 'NDBINFO',
                'PERFORMANCE_SCHEMA'
            ))
    ) AS raw
) AS t
GROUP BY CAST(t.table_schema AS BINARY)
