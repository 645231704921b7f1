-- What the tables of each database hold, as their storage engines count it. Since 10.6.
-- Sees all tables with any global privilege on tables, such as SHOW VIEW.
-- Names are compared byte by byte: MyDb and mydb are two databases.
-- Engines that keep no data of their own in the data directory are left out.
-- The server opens each table, one of an engine without data too.
-- No size, zero, or one beyond 2^63 is what is said of a table that tells none.
SELECT
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
    SELECT
        table_schema,
        engine,
        data_length,
        index_length,
        COALESCE(
            data_length < 9223372036854775807 AND index_length < 9223372036854775807
            AND (data_length > 0 OR index_length > 0 OR engine = 'ROCKSDB'),
            FALSE
        ) AS is_told,
        COALESCE(
            engine = 'CSV' AND table_schema = 'mysql'
            AND table_name IN ('general_log', 'slow_log'),
            FALSE
        ) AS is_log
    FROM information_schema.TABLES
    WHERE
        table_type NOT IN ('VIEW', 'SYSTEM VIEW')
        AND (engine IS NULL OR engine NOT IN (
            'MRG_MyISAM', 'MEMORY', 'FEDERATED', 'BLACKHOLE', 'CONNECT', 'SPIDER', 'SEQUENCE', 'S3',
        'SPHINX', 'OQGRAPH', 'PERFORMANCE_SCHEMA'
        ))
) AS t
GROUP BY CAST(t.table_schema AS BINARY)
