-- What is used of each permanent tablespace, the recycle bin included. The metrics count blocks of
-- the tablespace's own size, and leave out tablespaces that are offline or that the dictionary
-- manages.
-- Since 12.2. Needs READ on SYS.DBA_TABLESPACES and SYS.DBA_TABLESPACE_USAGE_METRICS.
SELECT
    CAST(NULL AS VARCHAR2(128)) AS container,
    t.tablespace_name AS tablespace_name,
    m.used_space * t.block_size AS used_bytes,
    t.status AS status,
    t.extent_management AS extent_management
FROM sys.dba_tablespaces t
LEFT JOIN sys.dba_tablespace_usage_metrics m
    ON m.tablespace_name = t.tablespace_name
WHERE t.contents = 'PERMANENT'
