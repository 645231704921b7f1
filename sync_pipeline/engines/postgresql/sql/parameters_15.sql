-- Privileges on configuration parameters. Since 15. Needs nothing.
SELECT
    'parameter' AS kind,
    '' AS database,
    '' AS schema,
    p.parname AS name,
    '' AS column_name,
    CASE a.grantee WHEN 0 THEN 'public' ELSE pg_catalog.pg_get_userbyid(a.grantee) END AS grantee,
    pg_catalog.pg_get_userbyid(a.grantor) AS grantor,
    a.privilege_type AS privilege,
    a.is_grantable AS grantable
FROM pg_catalog.pg_parameter_acl AS p
CROSS JOIN LATERAL pg_catalog.aclexplode(p.paracl) AS a
