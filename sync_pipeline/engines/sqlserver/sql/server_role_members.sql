-- Who is a member of which server role. Since 2016. Needs VIEW ANY DEFINITION (from 2022 on
-- VIEW ANY SECURITY DEFINITION is enough): without it rows are missing, see check_logins.sql.
SELECT r.name AS role, m.name AS member
FROM sys.server_role_members AS x
JOIN sys.server_principals AS r ON r.principal_id = x.role_principal_id
JOIN sys.server_principals AS m ON m.principal_id = x.member_principal_id
