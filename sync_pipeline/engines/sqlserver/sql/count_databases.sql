-- How many databases this account sees. Since 2016. Needs VIEW ANY DATABASE: without it
-- databases are missing, see check_databases.sql.
SELECT COUNT(*) AS counted
FROM sys.databases
