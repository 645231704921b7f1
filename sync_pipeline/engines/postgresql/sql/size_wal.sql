-- Bytes of the write-ahead log's files. Since 14. Needs pg_monitor.
SELECT COALESCE(SUM(w.size), 0)::bigint AS bytes
FROM pg_catalog.pg_ls_waldir() AS w
