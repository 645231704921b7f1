-- The largest tables and materialized views of the database that this connection is in.
-- Since 14. Needs CONNECT.
SELECT
    sized.schema_name,
    sized.table_name,
    sized.data_bytes,
    sized.index_bytes
FROM (
    SELECT
        n.nspname::text AS schema_name,
        c.relname::text AS table_name,
        pg_catalog.pg_table_size(c.oid) AS data_bytes,
        pg_catalog.pg_indexes_size(c.oid) AS index_bytes
    FROM pg_catalog.pg_class AS c
    JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'm') AND NOT c.relisshared
) AS sized
WHERE sized.data_bytes IS NOT NULL
ORDER BY sized.data_bytes + sized.index_bytes DESC, sized.schema_name, sized.table_name
LIMIT %(limit)s
