-- Who was granted which system privilege, of the root and of all open pluggable databases but the
-- seed.
-- Since 12.2. Needs READ on SYS.CDB_SYS_PRIVS and SYS.DBA_PDBS, and CONTAINER_DATA of all
-- containers.
SELECT
    CASE WHEN g.con_id = 1 THEN NULL ELSE NVL(p.pdb_name, TO_CHAR(g.con_id)) END AS container,
    g.grantee AS grantee,
    g.privilege AS privilege,
    g.admin_option AS admin_option,
    g.common AS common,
    g.inherited AS inherited
FROM sys.cdb_sys_privs g
LEFT JOIN sys.dba_pdbs p ON p.pdb_id = g.con_id
WHERE g.con_id <> 2
