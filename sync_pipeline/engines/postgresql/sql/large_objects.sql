-- Privileges that were granted on large objects; there can be millions of them, so the
-- owner's implicit ones are left out. Since 14. Needs CONNECT on the database.
SELECT
    'large object' AS kind,
    '' AS database,
    '' AS schema,
    o.oid::text AS name,
    '' AS column_name,
    CASE a.grantee WHEN 0 THEN 'public' ELSE pg_catalog.pg_get_userbyid(a.grantee) END AS grantee,
    coalesce(pg_catalog.pg_get_userbyid(a.grantor), '') AS grantor,
    a.privilege_type AS privilege,
    a.is_grantable AS grantable
FROM pg_catalog.pg_largeobject_metadata AS o
CROSS JOIN LATERAL (
    SELECT e.grantee, e.grantor, e.privilege_type, e.is_grantable
    FROM pg_catalog.aclexplode(o.lomacl) AS e
    UNION ALL
    SELECT o.lomowner, NULL, 'OWNER', FALSE
) AS a
WHERE o.lomacl IS NOT NULL
