-- What is used of each permanent tablespace. The metrics count blocks of the tablespace's own
-- size, and leave offline tablespaces out.
-- Since 12.2. Needs READ on SYS.DBA_TABLESPACES and SYS.DBA_TABLESPACE_USAGE_METRICS.
SELECT
    CAST(NULL AS VARCHAR2(128)) AS container,
    t.tablespace_name AS tablespace_name,
    m.used_space * t.block_size AS used_bytes
FROM dba_tablespaces t
LEFT JOIN dba_tablespace_usage_metrics m
    ON m.tablespace_name = t.tablespace_name
WHERE t.contents = 'PERMANENT'
