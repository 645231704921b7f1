-- Which login owns each database, open or not; an owner without a login is left out, and so
-- are database snapshots. Since 2016. Needs VIEW ANY DATABASE, which VIEW ANY DEFINITION implies: without it rows are
-- missing, see check_databases.sql.
SELECT d.name AS database_name, o.name AS owner
FROM sys.databases AS d
JOIN sys.server_principals AS o ON o.sid = d.owner_sid
WHERE d.source_database_id IS NULL
