-- catalog_columns
-- The columns of the catalogs of roles and memberships, and every access control list of
-- the system's catalogs, so that a new one is not overlooked. Since 14. Needs nothing.
SELECT
    c.relname AS relation,
    a.attname AS column_name
FROM pg_catalog.pg_attribute AS a
JOIN pg_catalog.pg_class AS c ON c.oid = a.attrelid
WHERE c.relnamespace = 'pg_catalog'::regnamespace
AND c.relkind = 'r'
AND a.attnum > 0
AND NOT a.attisdropped
AND (
    c.relname IN ('pg_authid', 'pg_auth_members')
    OR a.atttypid = 'pg_catalog.aclitem[]'::regtype
)
ORDER BY c.relname, a.attnum
LIMIT 1000
