-- All pluggable databases, and whether rows of them are seen from the root: DBA_PDBS shows all,
-- the other two only what CONTAINER_DATA lets the user see.
-- Since 12.2. Needs READ on SYS.DBA_PDBS, SYS.V_$PDBS and SYS.CDB_USERS.
SELECT
    p.pdb_name AS name,
    p.status AS status,
    v.open_mode AS open_mode,
    v.restricted AS restricted,
    v.total_size AS total_bytes,
    NVL(u.users, 0) AS users_seen
FROM sys.dba_pdbs p
LEFT JOIN sys.v_$pdbs v ON v.con_id = p.pdb_id
LEFT JOIN (SELECT c.con_id AS con_id, COUNT(*) AS users FROM sys.cdb_users c GROUP BY c.con_id) u
    ON u.con_id = p.pdb_id
