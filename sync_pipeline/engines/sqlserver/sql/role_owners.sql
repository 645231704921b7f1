-- Who owns the database's own roles. Since 2016. Needs VIEW DEFINITION on the database, which
-- the server's VIEW ANY DEFINITION implies (from 2022 on VIEW SECURITY DEFINITION is enough):
-- without it rows are missing, see check_users.sql.
SELECT r.name AS item_name, o.name AS owner
FROM sys.database_principals AS r
JOIN sys.database_principals AS o ON o.principal_id = r.owning_principal_id
WHERE r.type = 'R' AND r.is_fixed_role = 0 AND r.principal_id <> 0
