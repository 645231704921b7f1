-- Privileges on tablespaces. Since 14. Needs nothing.
SELECT
    'tablespace' AS kind,
    '' AS database,
    '' AS schema,
    t.spcname AS name,
    '' AS column_name,
    CASE a.grantee WHEN 0 THEN 'public' ELSE pg_catalog.pg_get_userbyid(a.grantee) END AS grantee,
    coalesce(pg_catalog.pg_get_userbyid(a.grantor), '') AS grantor,
    a.privilege_type AS privilege,
    a.is_grantable AS grantable
FROM pg_catalog.pg_tablespace AS t
CROSS JOIN LATERAL (
    SELECT e.grantee, e.grantor, e.privilege_type, e.is_grantable
    FROM pg_catalog.aclexplode(
        coalesce(t.spcacl, pg_catalog.acldefault('t', t.spcowner))
    ) AS e
    UNION ALL
    SELECT t.spcowner, NULL, 'OWNER', FALSE
) AS a
