-- To whom a permission on the database is denied: to all (public), or to some. Since 2016. Needs
-- VIEW DEFINITION, which may be what is denied: without it only denies to the account itself and
-- to its roles are seen.
SELECT grantee.name AS grantee
FROM sys.database_permissions AS p
JOIN sys.database_principals AS grantee ON grantee.principal_id = p.grantee_principal_id
WHERE p.class = 0 AND p.permission_name = %(permission)s AND p.state = 'D'
