-- Who was granted which privilege on which column, of the root and of all open pluggable databases
-- but the seed.
-- Since 12.2. Needs READ on SYS.CDB_COL_PRIVS and SYS.DBA_PDBS, and CONTAINER_DATA of all
-- containers.
SELECT
    CASE WHEN g.con_id = 1 THEN NULL ELSE NVL(p.pdb_name, TO_CHAR(g.con_id)) END AS container,
    g.grantee AS grantee,
    g.owner AS owner,
    g.table_name AS object_name,
    g.column_name AS column_name,
    g.grantor AS grantor,
    g.privilege AS privilege,
    g.grantable AS grantable,
    g.common AS common,
    g.inherited AS inherited
FROM sys.cdb_col_privs g
LEFT JOIN sys.dba_pdbs p ON p.pdb_id = g.con_id
WHERE g.con_id <> 2
