-- Privileges on procedural languages, and on the built-in ones where they were changed.
-- Since 14. Needs CONNECT on the database.
SELECT
    'language' AS kind,
    '' AS database,
    '' AS schema,
    l.lanname::text AS name,
    '' AS column_name,
    CASE a.grantee WHEN 0 THEN 'public' ELSE pg_catalog.pg_get_userbyid(a.grantee) END AS grantee,
    coalesce(pg_catalog.pg_get_userbyid(a.grantor), '') AS grantor,
    a.privilege_type AS privilege,
    a.is_grantable AS grantable
FROM pg_catalog.pg_language AS l
CROSS JOIN LATERAL (
    SELECT e.grantee, e.grantor, e.privilege_type, e.is_grantable
    FROM pg_catalog.aclexplode(
        coalesce(l.lanacl, pg_catalog.acldefault('l', l.lanowner))
    ) AS e
    UNION ALL
    SELECT l.lanowner, NULL, 'OWNER', FALSE
) AS a
WHERE l.lanispl OR l.lanacl IS NOT NULL
