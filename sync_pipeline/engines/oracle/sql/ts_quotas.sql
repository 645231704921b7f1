-- Who may use how many bytes (-1: any number) of which tablespace, of a pluggable database or of
-- one without containers.
-- Since 12.2. Needs READ on SYS.DBA_TS_QUOTAS.
SELECT
    CAST(NULL AS VARCHAR2(128)) AS container,
    q.username AS grantee,
    q.tablespace_name AS tablespace_name,
    q.max_bytes AS max_bytes
FROM sys.dba_ts_quotas q
WHERE q.max_bytes <> 0
    AND q.dropped = 'NO'
