-- What the tables and their indexes hold, in pages of 8 KiB, system tables included. A heap
-- and a clustered index are the table itself. Since 2016. Needs VIEW DATABASE STATE, which the
-- server's VIEW SERVER STATE implies, and VIEW DEFINITION on the database.
SELECT
    COALESCE(SUM(CASE WHEN p.index_id < 2 THEN p.used_page_count ELSE 0 END), 0) AS data_pages,
    COALESCE(SUM(CASE WHEN p.index_id < 2 THEN 0 ELSE p.used_page_count END), 0) AS index_pages
FROM sys.dm_db_partition_stats AS p
