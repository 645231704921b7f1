-- Privileges on databases, the built-in default where none was set. Since 14. Needs nothing.
SELECT
    'database' AS kind,
    d.datname AS database,
    '' AS schema,
    '' AS name,
    '' AS column_name,
    CASE a.grantee WHEN 0 THEN 'public' ELSE pg_catalog.pg_get_userbyid(a.grantee) END AS grantee,
    coalesce(pg_catalog.pg_get_userbyid(a.grantor), '') AS grantor,
    a.privilege_type AS privilege,
    a.is_grantable AS grantable
FROM pg_catalog.pg_database AS d
CROSS JOIN LATERAL (
    SELECT e.grantee, e.grantor, e.privilege_type, e.is_grantable
    FROM pg_catalog.aclexplode(
        coalesce(d.datacl, pg_catalog.acldefault('d', d.datdba))
    ) AS e
    UNION ALL
    SELECT d.datdba, NULL, 'OWNER', FALSE
) AS a
