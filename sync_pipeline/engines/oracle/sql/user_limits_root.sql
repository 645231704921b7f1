-- Which users may not write, and which schemas no ANY privilege reaches, of the root and of all
-- open pluggable databases but the seed.
-- Since 23. Needs READ on SYS.CDB_USERS and SYS.DBA_PDBS, and CONTAINER_DATA of all containers.
SELECT
    CASE WHEN u.con_id = 1 THEN NULL ELSE NVL(p.pdb_name, TO_CHAR(u.con_id)) END AS container,
    u.username AS name,
    u.read_only AS read_only,
    u.dictionary_protected AS dictionary_protected
FROM sys.cdb_users u
LEFT JOIN sys.dba_pdbs p ON p.pdb_id = u.con_id
WHERE u.con_id <> 2
