-- Parameters set for roles and databases; an empty role means all roles. Since 14. Needs nothing.
SELECT
    coalesce(d.datname, '') AS database,
    coalesce(r.rolname, '') AS role,
    pg_catalog.unnest(s.setconfig)::varchar AS setting
FROM pg_catalog.pg_db_role_setting AS s
LEFT JOIN pg_catalog.pg_database AS d ON d.oid = s.setdatabase
LEFT JOIN pg_catalog.pg_roles AS r ON r.oid = s.setrole
