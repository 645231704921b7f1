-- The bytes of one database's files, in all its tablespaces, and whether this account may
-- know; NULL where not, or where the server finds no files. Since 14.
-- Needs CONNECT on the database, or pg_read_all_stats (part of pg_monitor).
SELECT
    d.may_measure,
    CASE WHEN d.may_measure THEN pg_catalog.pg_database_size(d.oid) END AS total_bytes
FROM (
    SELECT
        s.oid,
        pg_catalog.has_database_privilege(s.oid, 'CONNECT')
        OR pg_catalog.pg_has_role('pg_read_all_stats', 'USAGE') AS may_measure
    FROM pg_catalog.pg_database AS s
    WHERE s.oid = %(oid)s::oid
) AS d
