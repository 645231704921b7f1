-- Who is logged in now, on every node, to the root and to all open pluggable databases.
-- Since 12.2. Needs READ on SYS.GV_$SESSION and SYS.DBA_PDBS, and CONTAINER_DATA of all containers.
SELECT DISTINCT
    CASE WHEN s.con_id IN (0, 1) THEN NULL ELSE NVL(p.pdb_name, TO_CHAR(s.con_id)) END AS container,
    s.username AS name
FROM sys.gv_$session s
LEFT JOIN sys.dba_pdbs p ON p.pdb_id = s.con_id
WHERE s.username IS NOT NULL AND s.type = 'USER' AND s.con_id <> 2
