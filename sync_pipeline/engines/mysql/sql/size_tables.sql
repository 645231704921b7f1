-- The largest tables of each database. Since 8.0. Sees what size_schemas.sql sees, and leaves
-- out the same engines.
SELECT
    ranked.schema_name,
    ranked.table_name,
    ranked.data_bytes,
    ranked.index_bytes
FROM (
    SELECT
        table_schema AS schema_name,
        table_name,
        CAST(data_length AS SIGNED) AS data_bytes,
        CAST(index_length AS SIGNED) AS index_bytes,
        ROW_NUMBER() OVER (
            PARTITION BY CAST(table_schema AS BINARY)
            ORDER BY data_length + index_length DESC, table_name
        ) AS place
    FROM information_schema.TABLES
    WHERE
        table_type NOT IN ('VIEW', 'SYSTEM VIEW')
        AND engine NOT IN (
            'MRG_MYISAM', 'MEMORY', 'FEDERATED', 'BLACKHOLE', 'NDBCLUSTER', 'NDBINFO',
            'PERFORMANCE_SCHEMA'
        )
        AND data_length < 9223372036854775807
        AND index_length < 9223372036854775807
) AS ranked
WHERE ranked.place <= %(limit)s
ORDER BY ranked.schema_name, ranked.place
