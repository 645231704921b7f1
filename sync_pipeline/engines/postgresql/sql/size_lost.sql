-- Which of some tablespaces hold tables or indexes of the database that this connection is in.
-- Since 14. Needs CONNECT.
SELECT t.spcname::text AS name
FROM pg_catalog.pg_tablespace AS t
WHERE
    t.spcname = ANY(%(lost)s::name[])
    AND (
        t.oid = (
            SELECT d.dattablespace FROM pg_catalog.pg_database AS d
            WHERE d.datname = pg_catalog.current_database()
        )
        OR EXISTS (SELECT FROM pg_catalog.pg_class AS c WHERE c.reltablespace = t.oid)
    )
ORDER BY t.spcname
