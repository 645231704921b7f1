-- The files of each tablespace of all open containers: what they take, how large they may get. A
-- file may grow to MAXBYTES where it extends itself, and a larger file keeps its size; a file
-- without a size is offline.
-- Since 12.2. Needs READ on SYS.CDB_DATA_FILES, SYS.CDB_TEMP_FILES and SYS.DBA_PDBS, and
-- CONTAINER_DATA of all containers.
SELECT
    CASE WHEN t.con_id = 1 THEN NULL ELSE NVL(p.pdb_name, TO_CHAR(t.con_id)) END AS container,
    t.tablespace_name AS tablespace_name,
    t.is_temporary AS is_temporary,
    t.total_bytes AS total_bytes,
    t.maximum_bytes AS maximum_bytes,
    t.unreadable_files AS unreadable_files
FROM (
    SELECT
        f.con_id AS con_id,
        f.tablespace_name AS tablespace_name,
        0 AS is_temporary,
        SUM(f.bytes) AS total_bytes,
        SUM(CASE
            WHEN f.bytes IS NULL THEN NULL
            WHEN f.autoextensible = 'YES' AND f.maxbytes > f.bytes THEN f.maxbytes
            ELSE f.bytes
        END) AS maximum_bytes,
        COUNT(*) - COUNT(f.bytes) AS unreadable_files
    FROM sys.cdb_data_files f
    GROUP BY f.con_id, f.tablespace_name
    UNION ALL
    SELECT
        f.con_id AS con_id,
        f.tablespace_name AS tablespace_name,
        1 AS is_temporary,
        SUM(f.bytes) AS total_bytes,
        SUM(CASE
            WHEN f.bytes IS NULL THEN NULL
            WHEN f.autoextensible = 'YES' AND f.maxbytes > f.bytes THEN f.maxbytes
            ELSE f.bytes
        END) AS maximum_bytes,
        COUNT(*) - COUNT(f.bytes) AS unreadable_files
    FROM sys.cdb_temp_files f
    GROUP BY f.con_id, f.tablespace_name
) t
LEFT JOIN sys.dba_pdbs p ON p.pdb_id = t.con_id
WHERE t.con_id <> 2
