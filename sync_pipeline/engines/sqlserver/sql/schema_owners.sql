-- Who owns the schemas; those of the system and of the fixed roles are left out. Since 2016.
-- Needs VIEW DEFINITION on the database, which the server's VIEW ANY DEFINITION implies:
-- without it rows are missing, see check_objects.sql.
SELECT s.name AS item_name, o.name AS owner
FROM sys.schemas AS s
JOIN sys.database_principals AS o ON o.principal_id = s.principal_id
WHERE s.schema_id < 16384 AND s.name NOT IN ('guest', 'INFORMATION_SCHEMA', 'sys')
