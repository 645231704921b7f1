-- What the files of database snapshots take on disk, in bytes. Since 2016. Needs VIEW SERVER
-- STATE (from 2022 on VIEW SERVER PERFORMANCE STATE is enough).
SELECT f.database_id, SUM(s.size_on_disk_bytes) AS disk_bytes
FROM sys.master_files AS f
JOIN sys.dm_io_virtual_file_stats(NULL, NULL) AS s
    ON s.database_id = f.database_id AND s.file_id = f.file_id
WHERE f.is_sparse = 1
GROUP BY f.database_id
