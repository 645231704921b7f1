-- What the containers of FILESTREAM and of in-memory tables hold, in pages of 8 KiB: only the
-- database itself knows. Since 2016. Needs to connect to the database.
SELECT COALESCE(SUM(CAST(f.size AS bigint)), 0) AS pages
FROM sys.database_files AS f
WHERE f.type = 2
