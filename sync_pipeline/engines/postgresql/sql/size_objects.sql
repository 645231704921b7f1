-- Bytes of the tables (with TOAST, maps and sequences) and of their indexes, of the database
-- that this connection is in; catalogs shared by all databases are left out. Since 14.
-- Needs CONNECT.
SELECT
    COALESCE(SUM(pg_catalog.pg_table_size(c.oid)), 0)::bigint AS data_bytes,
    COALESCE(SUM(pg_catalog.pg_indexes_size(c.oid)), 0)::bigint AS index_bytes
FROM pg_catalog.pg_class AS c
WHERE c.relkind IN ('r', 'm', 'S') AND NOT c.relisshared
