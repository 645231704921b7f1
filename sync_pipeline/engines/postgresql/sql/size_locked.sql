-- The tables of the database that this connection is in that others hold a lock on which lets
-- nobody measure them. Since 14. Needs CONNECT.
SELECT DISTINCT l.relation::regclass::text AS name
FROM pg_catalog.pg_locks AS l
JOIN pg_catalog.pg_database AS d ON d.oid = l.database
WHERE
    d.datname = pg_catalog.current_database()
    AND l.mode = 'AccessExclusiveLock'
    AND l.granted
    AND l.relation IS NOT NULL
ORDER BY name
