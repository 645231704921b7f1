-- Which login owns each database of a logical server, asked in master; an owner without a login is
-- left out. Since 12.0 of Azure SQL Database. Needs VIEW ANY DATABASE, and VIEW ANY DEFINITION for
-- the names: without them rows are missing, see check_databases.sql and check_logins.sql.
SELECT d.name AS database_name, o.name AS owner
FROM sys.databases AS d
JOIN (
    SELECT l.sid, l.name FROM sys.sql_logins AS l
    UNION ALL
    SELECT p.sid, p.name FROM sys.server_principals AS p WHERE p.type IN ('E', 'X')
) AS o ON o.sid = d.owner_sid
