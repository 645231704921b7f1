-- The tables of one database, each with what it holds. Since 10.6.
-- Sees what size_schemas.sql sees, and leaves out the same engines.
SELECT
    table_schema AS schema_name,
    table_name AS table_name,
    engine AS engine,
    data_length AS data_bytes,
    index_length AS index_bytes,
    table_comment AS comment
FROM information_schema.TABLES
WHERE
    table_schema = %(schema_name)s
    AND table_type NOT IN ('VIEW', 'SYSTEM VIEW')
    AND (engine IS NULL OR engine NOT IN (
        'MRG_MyISAM', 'MEMORY', 'FEDERATED', 'BLACKHOLE', 'CONNECT', 'SPIDER', 'SEQUENCE', 'S3',
        'SPHINX', 'OQGRAPH', 'PERFORMANCE_SCHEMA'
    ))
