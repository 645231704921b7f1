-- The files of a database of a logical server, in pages of 8 KiB, by type (0 rows, 1 log, 2
-- in-memory tables), and how large it may become without its log: -1 or NULL where that is not
-- said. Since 12.0 of Azure SQL Database. Needs to connect to the database.
SELECT
    f.type,
    SUM(CAST(f.size AS bigint)) AS pages,
    CAST(DATABASEPROPERTYEX(DB_NAME(), 'MaxSizeInBytes') AS bigint) AS maximum_bytes
FROM sys.database_files AS f
WHERE f.state <> 7
GROUP BY f.type
