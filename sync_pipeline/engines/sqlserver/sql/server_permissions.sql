-- What is granted and denied on the server, its principals, endpoints and availability groups.
-- Names of different kinds are compared and put together under one collation. Since 2016.
-- Needs VIEW ANY DEFINITION: without it rows are missing, see check_definitions.sql.
SELECT
    p.class_desc,
    p.major_id,
    grantee.name AS grantee,
    grantor.name AS grantor,
    p.permission_name,
    p.state,
    COALESCE(
        on_principal.name COLLATE Latin1_General_100_BIN2,
        on_endpoint.name COLLATE Latin1_General_100_BIN2,
        on_group.name COLLATE Latin1_General_100_BIN2
    ) AS item_name
FROM sys.server_permissions AS p
JOIN sys.server_principals AS grantee ON grantee.principal_id = p.grantee_principal_id
LEFT JOIN sys.server_principals AS grantor ON grantor.principal_id = p.grantor_principal_id
LEFT JOIN sys.server_principals AS on_principal
    ON p.class = 101 AND on_principal.principal_id = p.major_id
LEFT JOIN sys.endpoints AS on_endpoint
    ON p.class = 105 AND on_endpoint.endpoint_id = p.major_id
LEFT JOIN sys.availability_replicas AS replica
    ON p.class = 108 AND replica.replica_metadata_id = p.major_id
LEFT JOIN sys.availability_groups AS on_group ON on_group.group_id = replica.group_id
