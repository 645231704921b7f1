-- How many principals of the database this account sees. Since 2016. Needs VIEW DEFINITION on
-- the database: without it principals are missing, see check_users.sql.
SELECT COUNT(*) AS counted
FROM sys.database_principals
