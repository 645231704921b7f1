-- What tables of each database hold in shared tablespaces: those without a file of their own.
-- Since 8.0. Needs PROCESS, and sees the tables that size_schemas.sql sees.
-- INNODB_TABLES can't say it: its names are encoded, and nothing here decodes them.
SELECT
    MIN(t.table_schema) AS name,
    CAST(COALESCE(SUM(t.data_length + t.index_length), 0) AS SIGNED) AS shared_bytes
FROM information_schema.TABLES AS t
LEFT JOIN (
    SELECT CAST(name AS BINARY) AS full_name
    FROM information_schema.INNODB_TABLESPACES
    WHERE space_type = 'Single'
    UNION DISTINCT
    SELECT CAST(SUBSTRING_INDEX(name, '#p#', 1) AS BINARY)
    FROM information_schema.INNODB_TABLESPACES
    WHERE space_type = 'Single'
) AS own ON own.full_name = CAST(CONCAT(t.table_schema, '/', t.table_name) AS BINARY)
WHERE t.engine = 'InnoDB' AND own.full_name IS NULL
GROUP BY CAST(t.table_schema AS BINARY)
