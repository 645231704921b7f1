-- Who may use how many bytes (-1: any number) of which tablespace, of the root and of all open
-- pluggable databases but the seed.
-- Since 12.2. Needs READ on SYS.CDB_TS_QUOTAS and SYS.DBA_PDBS, and CONTAINER_DATA of all
-- containers.
SELECT
    CASE WHEN q.con_id = 1 THEN NULL ELSE NVL(p.pdb_name, TO_CHAR(q.con_id)) END AS container,
    q.username AS grantee,
    q.tablespace_name AS tablespace_name,
    q.max_bytes AS max_bytes
FROM sys.cdb_ts_quotas q
LEFT JOIN sys.dba_pdbs p ON p.pdb_id = q.con_id
WHERE q.con_id <> 2
    AND q.max_bytes <> 0
    AND q.dropped = 'NO'
