-- The files of every database, open or not, in pages of 8 KiB, summed by type (0 rows, 1 log,
-- 2 containers of FILESTREAM and in-memory tables). A file that can't grow is its own cap; one
-- without a cap grows until the disk is full. This view has no size of containers, and of a
-- sparse file the size that it could reach. One that is offline or whose recovery is pending may
-- not be on the disk (File States), and has its last size here. Since 2016.
-- Needs VIEW ANY DEFINITION: without it rows are missing, see check_files.sql.
SELECT
    f.database_id,
    f.type,
    COUNT(*) AS files,
    SUM(CAST(f.size AS bigint)) AS pages,
    SUM(CASE WHEN f.is_sparse = 1 THEN 1 ELSE 0 END) AS sparse_files,
    SUM(CASE WHEN f.state IN (3, 6) THEN 1 ELSE 0 END) AS absent_files,
    SUM(
        CASE
            WHEN f.type = 2 AND f.max_size <= 0 THEN 1
            WHEN f.type <> 2 AND f.growth <> 0 AND f.max_size = -1 THEN 1
            ELSE 0
        END
    ) AS unlimited_files,
    SUM(
        CASE
            WHEN f.type <> 2 AND (f.growth = 0 OR f.max_size <= 0 OR f.max_size < f.size)
                THEN CAST(f.size AS bigint)
            ELSE CAST(f.max_size AS bigint)
        END
    ) AS maximum_pages
FROM sys.master_files AS f
WHERE f.state <> 7
GROUP BY f.database_id, f.type
