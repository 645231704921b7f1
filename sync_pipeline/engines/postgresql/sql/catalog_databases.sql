-- Databases and whether we may open them; template0, which nobody can open by default, is
-- left out then. A database that is not listed counts as dropped, so no other one is.
-- Since 14. Needs nothing.
SELECT
    d.datname AS name,
    d.datallowconn AS allows_connections,
    d.datconnlimit = -2 AS is_invalid,
    pg_catalog.has_database_privilege(d.oid, 'CONNECT') AS may_connect
FROM pg_catalog.pg_database AS d
WHERE d.datallowconn OR d.datname <> 'template0'
ORDER BY d.datname
