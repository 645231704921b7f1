-- What is used of each permanent tablespace of all open containers, the recycle bin included. The
-- metrics count blocks of the tablespace's own size, and leave out tablespaces that are offline or
-- that the dictionary manages.
-- Since 12.2. Needs READ on SYS.CDB_TABLESPACES, SYS.CDB_TABLESPACE_USAGE_METRICS and
-- SYS.DBA_PDBS, and CONTAINER_DATA of all containers.
SELECT
    CASE WHEN t.con_id = 1 THEN NULL ELSE NVL(p.pdb_name, TO_CHAR(t.con_id)) END AS container,
    t.tablespace_name AS tablespace_name,
    m.used_space * t.block_size AS used_bytes,
    t.status AS status,
    t.extent_management AS extent_management
FROM sys.cdb_tablespaces t
LEFT JOIN sys.cdb_tablespace_usage_metrics m
    ON m.tablespace_name = t.tablespace_name
    AND m.con_id = t.con_id
LEFT JOIN sys.dba_pdbs p ON p.pdb_id = t.con_id
WHERE t.contents = 'PERMANENT'
    AND t.con_id <> 2
