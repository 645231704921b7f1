-- Parameters set for roles and databases; an empty role means all roles. The one parameter of
-- the server that lifts privileges is one of all roles. Since 14. Needs nothing.
SELECT
    coalesce(d.datname, '') AS database,
    coalesce(r.rolname, '') AS role,
    pg_catalog.unnest(s.setconfig)::varchar AS setting
FROM pg_catalog.pg_db_role_setting AS s
LEFT JOIN pg_catalog.pg_database AS d ON d.oid = s.setdatabase
LEFT JOIN pg_catalog.pg_roles AS r ON r.oid = s.setrole
UNION ALL
SELECT '', '', (p.name || '=' || p.setting)::varchar
FROM pg_catalog.pg_settings AS p
WHERE p.name = 'lo_compat_privileges'
AND p.setting = 'on'
AND p.source NOT IN ('database', 'user', 'database user', 'client', 'session')
