-- Privileges on tables, views, materialized views, foreign and partitioned tables,
-- sequences, property graphs (since 19) and what else newer servers keep beside them, of
-- which only what was granted is known. Left out: indexes and the tables of TOAST, on which
-- nothing is granted, and composite types, whose list is the type's. Row security that is on
-- is a row of PUBLIC, which it takes something from. Objects of the system's schemas
-- appear only where their ACL is not what initdb or an extension gave them;
-- information_schema, of which the server keeps no initial ACL, where somebody but PUBLIC and
-- the owner was granted something.
-- Since 14. Needs CONNECT on the database.
SELECT
    CASE c.relkind
        WHEN 'r' THEN 'table'
        WHEN 'v' THEN 'view'
        WHEN 'm' THEN 'materialized view'
        WHEN 'f' THEN 'foreign table'
        WHEN 'p' THEN 'partitioned table'
        WHEN 'S' THEN 'sequence'
        WHEN 'g' THEN 'property graph'
        ELSE 'relation'
    END AS kind,
    '' AS database,
    n.nspname::text AS schema,
    c.relname::text AS name,
    '' AS column_name,
    CASE a.grantee WHEN 0 THEN 'public' ELSE pg_catalog.pg_get_userbyid(a.grantee) END AS grantee,
    coalesce(pg_catalog.pg_get_userbyid(a.grantor), '') AS grantor,
    a.privilege_type AS privilege,
    a.is_grantable AS grantable
FROM pg_catalog.pg_class AS c
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
LEFT JOIN pg_catalog.pg_init_privs AS i
    ON i.classoid = 'pg_catalog.pg_class'::regclass AND i.objoid = c.oid AND i.objsubid = 0
CROSS JOIN LATERAL (
    SELECT e.grantee, e.grantor, e.privilege_type, e.is_grantable
    FROM pg_catalog.aclexplode(
        coalesce(
            c.relacl,
            CASE
                WHEN c.relkind = 'S' THEN pg_catalog.acldefault('s', c.relowner)
                WHEN c.relkind IN ('r', 'v', 'm', 'f', 'p') THEN pg_catalog.acldefault('r', c.relowner)
            END
        )
    ) AS e
    UNION ALL
    SELECT c.relowner, c.relowner, 'SELECT', FALSE WHERE c.relkind = 'g' AND c.relacl IS NULL
    UNION ALL
    SELECT
        0, c.relowner,
        CASE WHEN c.relforcerowsecurity THEN 'FORCED ROW SECURITY' ELSE 'ROW SECURITY' END, FALSE
    WHERE c.relrowsecurity
    UNION ALL
    SELECT c.relowner, NULL, 'OWNER', FALSE
) AS a
WHERE c.relkind NOT IN ('i', 'I', 't', 'c')
AND (
    n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')
    OR (
        n.nspname = 'information_schema'
        AND EXISTS (
            SELECT FROM pg_catalog.aclexplode(c.relacl) AS g WHERE g.grantee NOT IN (0, c.relowner)
        )
    )
    OR (
        n.nspname <> 'information_schema'
        AND c.relacl IS DISTINCT FROM i.initprivs
    )
)
AND n.nspname NOT LIKE 'pg\_temp\_%' AND n.nspname NOT LIKE 'pg\_toast\_temp\_%'
