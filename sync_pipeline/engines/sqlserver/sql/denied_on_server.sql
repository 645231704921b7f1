-- To whom a permission on the server is denied: to all (public), or to some. Since 2016. Needs
-- VIEW ANY DEFINITION: without it rows are missing.
SELECT grantee.name AS grantee
FROM sys.server_permissions AS p
JOIN sys.server_principals AS grantee ON grantee.principal_id = p.grantee_principal_id
WHERE p.class = 100 AND p.permission_name = %(permission)s AND p.state = 'D'
