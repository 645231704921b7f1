-- Privileges on foreign-data wrappers and foreign servers. Since 14.
-- Needs CONNECT on the database.
SELECT
    o.kind AS kind,
    '' AS database,
    '' AS schema,
    o.name AS name,
    '' AS column_name,
    CASE a.grantee WHEN 0 THEN 'public' ELSE pg_catalog.pg_get_userbyid(a.grantee) END AS grantee,
    coalesce(pg_catalog.pg_get_userbyid(a.grantor), '') AS grantor,
    a.privilege_type AS privilege,
    a.is_grantable AS grantable
FROM (
    SELECT
        'foreign data wrapper' AS kind,
        w.fdwname::text AS name,
        w.fdwowner AS owner,
        coalesce(w.fdwacl, pg_catalog.acldefault('F', w.fdwowner)) AS acl
    FROM pg_catalog.pg_foreign_data_wrapper AS w
    UNION ALL
    SELECT
        'foreign server' AS kind,
        s.srvname::text AS name,
        s.srvowner AS owner,
        coalesce(s.srvacl, pg_catalog.acldefault('S', s.srvowner)) AS acl
    FROM pg_catalog.pg_foreign_server AS s
) AS o
CROSS JOIN LATERAL (
    SELECT e.grantee, e.grantor, e.privilege_type, e.is_grantable
    FROM pg_catalog.aclexplode(o.acl) AS e
    UNION ALL
    SELECT o.owner, NULL, 'OWNER', FALSE
) AS a
