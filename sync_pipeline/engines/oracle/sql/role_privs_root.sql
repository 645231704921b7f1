-- Who was granted which role, of the root and of all open pluggable databases but the seed.
-- Since 12.2. Needs READ on SYS.CDB_ROLE_PRIVS and SYS.DBA_PDBS, and CONTAINER_DATA of all
-- containers.
SELECT
    CASE WHEN g.con_id = 1 THEN NULL ELSE NVL(p.pdb_name, TO_CHAR(g.con_id)) END AS container,
    g.grantee AS grantee,
    g.granted_role AS granted_role,
    g.admin_option AS admin_option,
    g.delegate_option AS delegate_option,
    g.default_role AS default_role,
    g.common AS common,
    g.inherited AS inherited
FROM sys.cdb_role_privs g
LEFT JOIN sys.dba_pdbs p ON p.pdb_id = g.con_id
WHERE g.con_id <> 2
