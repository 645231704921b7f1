-- The bytes of one database's files, in all its tablespaces; NULL when it was just dropped.
-- Since 14. Needs CONNECT on the database, or pg_read_all_stats (part of pg_monitor).
SELECT pg_catalog.pg_database_size(d.oid) AS total_bytes
FROM pg_catalog.pg_database AS d
WHERE d.datname = %(database)s
