-- Bytes of each tablespace, NULL where this account may not know. Since 14.
-- Needs pg_read_all_stats (part of pg_monitor) for those that it may not create in.
SELECT
    t.spcname AS name,
    CASE
        WHEN
            pg_catalog.pg_has_role('pg_read_all_stats', 'USAGE')
            OR pg_catalog.has_tablespace_privilege(t.oid, 'CREATE')
            THEN pg_catalog.pg_tablespace_size(t.oid)
    END AS total_bytes
FROM pg_catalog.pg_tablespace AS t
ORDER BY t.spcname
