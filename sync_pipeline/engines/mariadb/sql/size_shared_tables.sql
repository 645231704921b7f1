-- What tables of each database hold in the shared tablespace. Since 10.6.
-- Needs PROCESS, and sees the tables that size_schemas.sql sees.
-- The end of a name like aux@@@ is read as a zero byte.
SELECT
    MIN(t.table_schema) AS name,
    CAST(COUNT(*) AS SIGNED) AS shared_tables,
    CAST(COALESCE(SUM(t.data_length + t.index_length), 0) AS SIGNED) AS shared_bytes
FROM (
    SELECT DISTINCT
        TRIM(TRAILING CHAR(0) FROM CAST(CONVERT(CONVERT(CONVERT(
            SUBSTRING_INDEX(name, '/', 1) USING binary
        ) USING filename) USING utf8mb4) AS BINARY)) AS schema_name,
        TRIM(TRAILING CHAR(0) FROM CAST(CONVERT(CONVERT(CONVERT(
            SUBSTRING_INDEX(SUBSTRING_INDEX(SUBSTRING_INDEX(name, '/', -1), '#P#', 1), '#p#', 1)
            USING binary
        ) USING filename) USING utf8mb4) AS BINARY)) AS table_name
    FROM information_schema.INNODB_SYS_TABLES
    WHERE space = 0 AND name LIKE '%/%'
) AS s
JOIN information_schema.TABLES AS t
    ON
        CAST(t.table_schema AS BINARY) = s.schema_name
        AND CAST(t.table_name AS BINARY) = s.table_name
GROUP BY CAST(t.table_schema AS BINARY)
