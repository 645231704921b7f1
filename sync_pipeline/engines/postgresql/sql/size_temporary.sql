-- Bytes of the temporary files of all queries now. Since 14. Needs pg_monitor.
SELECT COALESCE(SUM(f.size), 0)::bigint AS bytes
FROM pg_catalog.pg_tablespace AS t
CROSS JOIN LATERAL pg_catalog.pg_ls_tmpdir(t.oid) AS f
WHERE t.spcname <> 'pg_global'
