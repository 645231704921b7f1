-- Privileges that objects get when an owner makes them (ALTER DEFAULT PRIVILEGES).
-- Since 14. Needs CONNECT on the database.
SELECT
    'default privilege' AS kind,
    '' AS database,
    coalesce(n.nspname, '')::text AS schema,
    (CASE d.defaclobjtype
        WHEN 'r' THEN 'tables'
        WHEN 'S' THEN 'sequences'
        WHEN 'f' THEN 'functions'
        WHEN 'T' THEN 'types'
        WHEN 'n' THEN 'schemas'
        WHEN 'L' THEN 'large objects'
        ELSE 'objects of kind ' || d.defaclobjtype::text
    END || ' of ' || pg_catalog.pg_get_userbyid(d.defaclrole))::varchar AS name,
    '' AS column_name,
    CASE a.grantee WHEN 0 THEN 'public' ELSE pg_catalog.pg_get_userbyid(a.grantee) END AS grantee,
    pg_catalog.pg_get_userbyid(a.grantor) AS grantor,
    a.privilege_type AS privilege,
    a.is_grantable AS grantable
FROM pg_catalog.pg_default_acl AS d
LEFT JOIN pg_catalog.pg_namespace AS n ON n.oid = d.defaclnamespace
CROSS JOIN LATERAL pg_catalog.aclexplode(d.defaclacl) AS a
