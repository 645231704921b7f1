-- Who is a member of which server role of a logical server, asked in master. Since 12.0 of Azure
-- SQL Database. Needs VIEW ANY DEFINITION or VIEW ANY SECURITY DEFINITION: without it rows are
-- missing, see check_logins.sql.
SELECT r.name AS role, m.name AS member
FROM sys.server_role_members AS x
JOIN sys.server_principals AS r ON r.principal_id = x.role_principal_id AND r.type = 'R'
JOIN (
    SELECT l.principal_id, l.name FROM sys.sql_logins AS l
    UNION ALL
    SELECT p.principal_id, p.name FROM sys.server_principals AS p WHERE p.type <> 'S'
) AS m ON m.principal_id = x.member_principal_id
