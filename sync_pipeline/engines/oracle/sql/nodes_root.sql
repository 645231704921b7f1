-- The pluggable databases that are open, with a node of the cluster on which each is.
-- Since 12.2. Needs READ on SYS.GV_$PDBS, and CONTAINER_DATA of all containers.
SELECT
    g.name AS name,
    MIN(g.inst_id) AS node
FROM sys.gv_$pdbs g
WHERE g.open_mode IN ('READ WRITE', 'READ ONLY')
GROUP BY g.name
