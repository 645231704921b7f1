-- All roles, of the root and of all open pluggable databases but the seed.
-- Since 12.2. Needs READ on SYS.CDB_ROLES and SYS.DBA_PDBS, and CONTAINER_DATA of all containers.
SELECT
    CASE WHEN r.con_id = 1 THEN NULL ELSE NVL(p.pdb_name, TO_CHAR(r.con_id)) END AS container,
    r.role AS name,
    r.authentication_type AS authentication_type,
    r.common AS common,
    r.oracle_maintained AS oracle_maintained
FROM sys.cdb_roles r
LEFT JOIN sys.dba_pdbs p ON p.pdb_id = r.con_id
WHERE r.con_id <> 2
