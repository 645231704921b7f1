-- Bytes of each tablespace, NULL where this account may not know or the server can't open its
-- directory; and whether the account may know. Since 14.
-- Needs pg_read_all_stats (part of pg_monitor) for those that it may not create in.
SELECT
    t.spcname AS name,
    t.may_measure,
    CASE WHEN t.may_measure THEN pg_catalog.pg_tablespace_size(t.oid) END AS total_bytes
FROM (
    SELECT
        s.oid,
        s.spcname,
        s.oid = (
            SELECT d.dattablespace FROM pg_catalog.pg_database AS d
            WHERE d.datname = pg_catalog.current_database()
        )
        OR pg_catalog.pg_has_role('pg_read_all_stats', 'USAGE')
        OR pg_catalog.has_tablespace_privilege(s.oid, 'CREATE') AS may_measure
    FROM pg_catalog.pg_tablespace AS s
) AS t
ORDER BY t.spcname
