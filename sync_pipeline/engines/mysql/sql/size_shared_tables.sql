-- What tables of each database hold in shared tablespaces: those without a file of their own.
-- A partition's name follows the last #p# (a table may have #p# in its own). Since 8.0.
-- Needs PROCESS, and sees the tables that size_schemas.sql sees.
-- INNODB_TABLES can't say it: its names are encoded, and nothing here decodes them.
SELECT
    MIN(t.table_schema) AS name,
    CAST(COUNT(*) AS SIGNED) AS shared_tables,
    CAST(COALESCE(SUM(
        CASE
            WHEN t.data_length < 9223372036854775807 AND t.index_length < 9223372036854775807
                THEN t.data_length + t.index_length
        END
    ), 0) AS SIGNED) AS shared_bytes
FROM information_schema.TABLES AS t
LEFT JOIN (
    SELECT CAST(name AS BINARY) AS full_name
    FROM information_schema.INNODB_TABLESPACES
    WHERE space_type = 'Single'
    UNION DISTINCT
    SELECT CAST(
        LEFT(name, CHAR_LENGTH(name) - LOCATE('#p#', REVERSE(name)) - 2)
        AS BINARY
    )
    FROM information_schema.INNODB_TABLESPACES
    WHERE space_type = 'Single' AND INSTR(name, '#p#') > 0
) AS own ON own.full_name = CAST(CONCAT(t.table_schema, '/', t.table_name) AS BINARY)
WHERE t.engine = 'InnoDB' AND own.full_name IS NULL
GROUP BY CAST(t.table_schema AS BINARY)
