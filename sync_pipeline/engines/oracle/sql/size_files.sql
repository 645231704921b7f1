-- The files of each tablespace: what they take, and how large they may get. A file may grow to
-- MAXBYTES where it extends itself, and a larger file keeps its size; a file without a size is
-- offline.
-- Since 12.2. Needs READ on SYS.DBA_DATA_FILES and SYS.DBA_TEMP_FILES.
SELECT
    CAST(NULL AS VARCHAR2(128)) AS container,
    t.tablespace_name AS tablespace_name,
    t.is_temporary AS is_temporary,
    t.total_bytes AS total_bytes,
    t.maximum_bytes AS maximum_bytes,
    t.unreadable_files AS unreadable_files
FROM (
    SELECT
        f.tablespace_name AS tablespace_name,
        0 AS is_temporary,
        SUM(f.bytes) AS total_bytes,
        SUM(CASE
            WHEN f.bytes IS NULL THEN NULL
            WHEN f.autoextensible = 'YES' AND f.maxbytes > f.bytes THEN f.maxbytes
            ELSE f.bytes
        END) AS maximum_bytes,
        COUNT(*) - COUNT(f.bytes) AS unreadable_files
    FROM sys.dba_data_files f
    GROUP BY f.tablespace_name
    UNION ALL
    SELECT
        f.tablespace_name AS tablespace_name,
        1 AS is_temporary,
        SUM(f.bytes) AS total_bytes,
        SUM(CASE
            WHEN f.bytes IS NULL THEN NULL
            WHEN f.autoextensible = 'YES' AND f.maxbytes > f.bytes THEN f.maxbytes
            ELSE f.bytes
        END) AS maximum_bytes,
        COUNT(*) - COUNT(f.bytes) AS unreadable_files
    FROM sys.dba_temp_files f
    GROUP BY f.tablespace_name
) t
