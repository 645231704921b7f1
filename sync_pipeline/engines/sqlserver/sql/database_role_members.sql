-- Who is a member of which role of the database. Since 2016. Needs VIEW DEFINITION on the
-- database, which the server's VIEW ANY DEFINITION implies (from 2022 on VIEW SECURITY
-- DEFINITION is enough): without it rows are missing, see check_users.sql.
SELECT r.name AS role, m.name AS member
FROM sys.database_role_members AS x
JOIN sys.database_principals AS r ON r.principal_id = x.role_principal_id
JOIN sys.database_principals AS m ON m.principal_id = x.member_principal_id
