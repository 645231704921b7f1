-- The largest tables, in pages of 8 KiB. Since 2016. Needs VIEW DATABASE STATE, which the
-- server's VIEW SERVER STATE implies, and VIEW DEFINITION on the database.
SELECT TOP (%(limit)s)
    s.name AS schema_name,
    o.name AS table_name,
    SUM(CASE WHEN p.index_id < 2 THEN p.used_page_count ELSE 0 END) AS data_pages,
    SUM(CASE WHEN p.index_id < 2 THEN 0 ELSE p.used_page_count END) AS index_pages
FROM sys.dm_db_partition_stats AS p
JOIN sys.objects AS o ON o.object_id = p.object_id
JOIN sys.schemas AS s ON s.schema_id = o.schema_id
WHERE o.is_ms_shipped = 0
GROUP BY s.name, o.name
ORDER BY SUM(p.used_page_count) DESC, s.name, o.name
