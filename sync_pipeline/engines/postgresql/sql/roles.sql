-- Every role and its attributes; no password hash. Since 14. Needs nothing.
SELECT
    (r.oid = 10) AS is_bootstrap,
    r.rolname AS name,
    r.rolsuper AS is_superuser,
    r.rolinherit AS inherits,
    r.rolcreaterole AS can_create_roles,
    r.rolcreatedb AS can_create_databases,
    r.rolcanlogin AS can_login,
    r.rolreplication AS can_replicate,
    r.rolbypassrls AS bypasses_row_security,
    r.rolconnlimit AS connection_limit,
    CASE
        WHEN r.rolvaliduntil IS NULL THEN NULL
        WHEN NOT pg_catalog.isfinite(r.rolvaliduntil) THEN r.rolvaliduntil::text
        ELSE
            pg_catalog.to_char(
                r.rolvaliduntil AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'
            ) || CASE WHEN r.rolvaliduntil < '0001-01-01 00:00:00+00' THEN ' BC' ELSE '' END
    END AS valid_until
FROM pg_catalog.pg_roles AS r
