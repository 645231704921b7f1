-- All databases, templates too: they take disk like any other. Since 14. Needs nothing.
SELECT
    d.oid::bigint AS oid,
    d.datname AS name,
    d.datallowconn AS allows_connections,
    d.datconnlimit = -2 AS is_invalid,
    pg_catalog.has_database_privilege(d.oid, 'CONNECT') AS may_connect
FROM pg_catalog.pg_database AS d
ORDER BY d.datname
