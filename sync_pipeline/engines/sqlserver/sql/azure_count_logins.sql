-- How many principals of a logical server this account sees, asked in master. Since 12.0 of Azure
-- SQL Database. Needs VIEW ANY DEFINITION: without it principals are missing, see
-- check_logins.sql.
SELECT COUNT(*) AS counted
FROM (
    SELECT l.principal_id FROM sys.sql_logins AS l
    UNION ALL
    SELECT p.principal_id FROM sys.server_principals AS p WHERE p.type <> 'S'
) AS x
