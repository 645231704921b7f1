-- Who owns the server's own roles, its endpoints and its availability groups (where this server
-- has a replica). Names of different kinds are put together under one collation. Since 2016.
-- Needs VIEW ANY DEFINITION: without it rows are missing, see check_definitions.sql.
SELECT w.class_desc, w.item_name, w.owner
FROM (
    SELECT
        'SERVER_PRINCIPAL' AS class_desc,
        r.name COLLATE Latin1_General_100_BIN2 AS item_name,
        o.name COLLATE Latin1_General_100_BIN2 AS owner
    FROM sys.server_principals AS r
    JOIN sys.server_principals AS o ON o.principal_id = r.owning_principal_id
    WHERE r.type = 'R' AND r.is_fixed_role = 0 AND r.name <> 'public'
    UNION ALL
    SELECT
        'ENDPOINT' AS class_desc,
        e.name COLLATE Latin1_General_100_BIN2 AS item_name,
        o.name COLLATE Latin1_General_100_BIN2 AS owner
    FROM sys.endpoints AS e
    JOIN sys.server_principals AS o ON o.principal_id = e.principal_id
    UNION ALL
    SELECT
        'AVAILABILITY_GROUP' AS class_desc,
        g.name COLLATE Latin1_General_100_BIN2 AS item_name,
        o.name COLLATE Latin1_General_100_BIN2 AS owner
    FROM sys.availability_groups AS g
    JOIN sys.availability_replicas AS a ON a.group_id = g.group_id
    JOIN sys.server_principals AS o ON o.sid = a.owner_sid
) AS w
