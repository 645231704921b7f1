-- Privileges on functions, procedures and aggregates, by their identity arguments.
-- Objects of the system's schemas appear only where their ACL is not what initdb or an extension gave them;
-- information_schema, of which the server keeps no initial ACL, where somebody but PUBLIC and
-- the owner was granted something.
-- Since 14. Needs CONNECT on the database.
SELECT
    CASE
        WHEN p.prokind = 'p' THEN 'procedure'
        WHEN p.prokind = 'a' THEN 'aggregate'
        WHEN p.prokind IN ('f', 'w') THEN 'function'
        ELSE 'routine'
    END AS kind,
    '' AS database,
    n.nspname::text AS schema,
    p.proname || '(' || pg_catalog.pg_get_function_identity_arguments(p.oid) || ')' AS name,
    '' AS column_name,
    CASE a.grantee WHEN 0 THEN 'public' ELSE pg_catalog.pg_get_userbyid(a.grantee) END AS grantee,
    coalesce(pg_catalog.pg_get_userbyid(a.grantor), '') AS grantor,
    a.privilege_type AS privilege,
    a.is_grantable AS grantable
FROM pg_catalog.pg_proc AS p
JOIN pg_catalog.pg_namespace AS n ON n.oid = p.pronamespace
LEFT JOIN pg_catalog.pg_init_privs AS i
    ON i.classoid = 'pg_catalog.pg_proc'::regclass AND i.objoid = p.oid AND i.objsubid = 0
CROSS JOIN LATERAL (
    SELECT e.grantee, e.grantor, e.privilege_type, e.is_grantable
    FROM pg_catalog.aclexplode(
        coalesce(p.proacl, pg_catalog.acldefault('f', p.proowner))
    ) AS e
    UNION ALL
    SELECT p.proowner, NULL, 'OWNER', FALSE
) AS a
WHERE (
    n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')
    OR (
        n.nspname = 'information_schema'
        AND EXISTS (
            SELECT FROM pg_catalog.aclexplode(p.proacl) AS g WHERE g.grantee NOT IN (0, p.proowner)
        )
    )
    OR (
        n.nspname <> 'information_schema'
        AND p.proacl IS DISTINCT FROM i.initprivs
    )
)
AND n.nspname NOT LIKE 'pg\_temp\_%' AND n.nspname NOT LIKE 'pg\_toast\_temp\_%'
