-- Program units that run with their owners' rights and that everybody may execute, of the root
-- and of all open pluggable databases; those of Oracle's own are left out. No text is read.
-- Since 12.2. Needs READ on SYS.CDB_PROCEDURES, SYS.CDB_TAB_PRIVS, SYS.CDB_USERS and SYS.DBA_PDBS,
-- and CONTAINER_DATA of all containers.
SELECT
    'definer' AS name,
    CASE WHEN p.con_id = 1 THEN NULL ELSE NVL(d.pdb_name, TO_CHAR(p.con_id)) END AS database,
    p.object_name AS subject,
    p.owner AS value
FROM sys.cdb_procedures p
JOIN sys.cdb_users u ON u.username = p.owner AND u.con_id = p.con_id
JOIN sys.cdb_tab_privs g
    ON g.owner = p.owner AND g.table_name = p.object_name AND g.con_id = p.con_id
LEFT JOIN sys.dba_pdbs d ON d.pdb_id = p.con_id
WHERE p.authid = 'DEFINER'
    AND (p.procedure_name IS NULL OR p.object_type IN ('PROCEDURE', 'FUNCTION'))
    AND u.oracle_maintained = 'N'
    AND g.grantee = 'PUBLIC'
    AND g.privilege = 'EXECUTE'
    AND p.con_id <> 2
