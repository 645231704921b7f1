-- Privileges on schemas. Objects of the system's schemas
-- appear only where their ACL is not what initdb or an extension gave them;
-- information_schema, of which the server keeps no initial ACL, where somebody but PUBLIC and
-- the owner was granted something.
-- Since 14. Needs CONNECT on the database.
SELECT
    'schema' AS kind,
    '' AS database,
    n.nspname::text AS schema,
    '' AS name,
    '' AS column_name,
    CASE a.grantee WHEN 0 THEN 'public' ELSE pg_catalog.pg_get_userbyid(a.grantee) END AS grantee,
    coalesce(pg_catalog.pg_get_userbyid(a.grantor), '') AS grantor,
    a.privilege_type AS privilege,
    a.is_grantable AS grantable
FROM pg_catalog.pg_namespace AS n
CROSS JOIN LATERAL (
    SELECT e.grantee, e.grantor, e.privilege_type, e.is_grantable
    FROM pg_catalog.aclexplode(
        coalesce(n.nspacl, pg_catalog.acldefault('n', n.nspowner))
    ) AS e
    UNION ALL
    SELECT n.nspowner, NULL, 'OWNER', FALSE
) AS a
WHERE (
    n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')
    OR (
        n.nspname = 'information_schema'
        AND EXISTS (
            SELECT FROM pg_catalog.aclexplode(n.nspacl) AS g WHERE g.grantee NOT IN (0, n.nspowner)
        )
    )
    OR (
        n.nspname <> 'information_schema'
        AND n.nspacl IS DISTINCT FROM (
            SELECT i.initprivs
            FROM pg_catalog.pg_init_privs AS i
            WHERE i.classoid = 'pg_catalog.pg_namespace'::regclass AND i.objoid = n.oid AND i.objsubid = 0
        )
    )
)
AND n.nspname NOT LIKE 'pg\_temp\_%' AND n.nspname NOT LIKE 'pg\_toast\_temp\_%'
