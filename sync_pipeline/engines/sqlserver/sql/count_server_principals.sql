-- How many principals of the server this account sees. Since 2016. Needs VIEW ANY DEFINITION:
-- without it principals are missing, see check_logins.sql.
SELECT COUNT(*) AS counted
FROM sys.server_principals
