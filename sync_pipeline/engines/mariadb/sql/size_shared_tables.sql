-- What tables of each database hold in the shared tablespace. Since 10.6.
-- Needs PROCESS, and sees the tables that size_schemas.sql sees.
SELECT
    MIN(t.table_schema) AS name,
    CAST(COALESCE(SUM(t.data_length + t.index_length), 0) AS SIGNED) AS shared_bytes
FROM (
    SELECT DISTINCT
        CONVERT(CONVERT(SUBSTRING_INDEX(name, '/', 1) USING binary) USING filename) AS schema_name,
        CONVERT(CONVERT(
            SUBSTRING_INDEX(SUBSTRING_INDEX(name, '/', -1), '#P#', 1) USING binary
        ) USING filename) AS table_name
    FROM information_schema.INNODB_SYS_TABLES
    WHERE space = 0 AND name LIKE '%/%'
) AS s
JOIN information_schema.TABLES AS t
    ON
        CAST(t.table_schema AS BINARY) = CAST(CONVERT(s.schema_name USING utf8mb4) AS BINARY)
        AND CAST(t.table_name AS BINARY) = CAST(CONVERT(s.table_name USING utf8mb4) AS BINARY)
GROUP BY CAST(t.table_schema AS BINARY)
