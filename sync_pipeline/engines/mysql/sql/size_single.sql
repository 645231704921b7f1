-- What one table holds: no other table is opened. Since 8.0. Sees what size_schemas.sql sees.
SELECT
    table_schema AS schema_name,
    table_name AS table_name,
    engine AS engine,
    data_length AS data_bytes,
    index_length AS index_bytes,
    table_comment AS comment
FROM information_schema.TABLES
WHERE table_schema = %(schema_name)s AND table_name = %(table_name)s
