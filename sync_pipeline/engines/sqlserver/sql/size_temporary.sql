-- What the files of tempdb take now, in pages of 8 KiB; sys.master_files has the sizes with
-- which they are made at the next start. Since 2016. Needs nothing.
SELECT COALESCE(SUM(CAST(f.size AS bigint)), 0) AS pages
FROM tempdb.sys.database_files AS f
