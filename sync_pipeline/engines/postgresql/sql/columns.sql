-- Privileges on single columns: leaving them out is the silent hole of an audit. Columns of
-- the system's schemas appear only where their ACL is not what initdb gave them.
-- Since 14. Needs CONNECT on the database.
SELECT
    'column' AS kind,
    '' AS database,
    n.nspname::text AS schema,
    c.relname::text AS name,
    t.attname::text AS column_name,
    CASE a.grantee WHEN 0 THEN 'public' ELSE pg_catalog.pg_get_userbyid(a.grantee) END AS grantee,
    pg_catalog.pg_get_userbyid(a.grantor) AS grantor,
    a.privilege_type AS privilege,
    a.is_grantable AS grantable
FROM pg_catalog.pg_attribute AS t
JOIN pg_catalog.pg_class AS c ON c.oid = t.attrelid
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
CROSS JOIN LATERAL pg_catalog.aclexplode(t.attacl) AS a
WHERE t.attacl IS NOT NULL
AND NOT t.attisdropped
AND (
    n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')
    OR t.attacl IS DISTINCT FROM (
        SELECT i.initprivs
        FROM pg_catalog.pg_init_privs AS i
        WHERE i.classoid = 'pg_catalog.pg_class'::regclass
            AND i.objoid = t.attrelid
            AND i.objsubid = t.attnum
    )
)
AND n.nspname NOT LIKE 'pg\_temp\_%'
