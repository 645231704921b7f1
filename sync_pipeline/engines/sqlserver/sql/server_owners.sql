-- Who owns the server's own roles. Since 2016. Needs VIEW ANY DEFINITION (from 2022 on VIEW
-- ANY SECURITY DEFINITION is enough): without it rows are missing, see check_logins.sql.
SELECT r.name AS item_name, o.name AS owner
FROM sys.server_principals AS r
JOIN sys.server_principals AS o ON o.principal_id = r.owning_principal_id
WHERE r.type = 'R' AND r.is_fixed_role = 0 AND r.name <> 'public'
