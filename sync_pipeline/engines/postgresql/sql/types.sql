-- Privileges on types and domains; row types of tables and array types follow their base,
-- from 17 on multirange types follow their range.
-- Objects of the system's schemas
-- appear only where their ACL is not what initdb or an extension gave them;
-- information_schema, of which the server keeps no initial ACL, where somebody but PUBLIC and
-- the owner was granted something.
-- Since 14. Needs CONNECT on the database.
SELECT
    'type' AS kind,
    '' AS database,
    n.nspname::text AS schema,
    t.typname::text AS name,
    '' AS column_name,
    CASE a.grantee WHEN 0 THEN 'public' ELSE pg_catalog.pg_get_userbyid(a.grantee) END AS grantee,
    coalesce(pg_catalog.pg_get_userbyid(a.grantor), '') AS grantor,
    a.privilege_type AS privilege,
    a.is_grantable AS grantable
FROM pg_catalog.pg_type AS t
JOIN pg_catalog.pg_namespace AS n ON n.oid = t.typnamespace
LEFT JOIN pg_catalog.pg_init_privs AS i
    ON i.classoid = 'pg_catalog.pg_type'::regclass AND i.objoid = t.oid AND i.objsubid = 0
LEFT JOIN pg_catalog.pg_class AS c ON c.oid = t.typrelid
CROSS JOIN LATERAL (
    SELECT e.grantee, e.grantor, e.privilege_type, e.is_grantable
    FROM pg_catalog.aclexplode(
        coalesce(t.typacl, pg_catalog.acldefault('T', t.typowner))
    ) AS e
    UNION ALL
    SELECT t.typowner, NULL, 'OWNER', FALSE
) AS a
WHERE (c.oid IS NULL OR c.relkind = 'c')
AND (t.typtype <> 'm' OR current_setting('server_version_num')::integer < 170000)
AND NOT EXISTS (SELECT FROM pg_catalog.pg_type AS element WHERE element.typarray = t.oid)
AND (
    n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')
    OR (
        n.nspname = 'information_schema'
        AND EXISTS (
            SELECT FROM pg_catalog.aclexplode(t.typacl) AS g WHERE g.grantee NOT IN (0, t.typowner)
        )
    )
    OR (
        n.nspname <> 'information_schema'
        AND t.typacl IS DISTINCT FROM i.initprivs
    )
)
AND n.nspname NOT LIKE 'pg\_temp\_%' AND n.nspname NOT LIKE 'pg\_toast\_temp\_%'
