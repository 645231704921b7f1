-- The database links and the account that each names on the other side, of the root and of all
-- open pluggable databases. Neither addresses nor passwords are read.
-- Since 12.2. Needs READ on SYS.CDB_DB_LINKS and SYS.DBA_PDBS, and CONTAINER_DATA of all
-- containers.
SELECT
    'database link' AS name,
    CASE WHEN l.con_id = 1 THEN NULL ELSE NVL(p.pdb_name, TO_CHAR(l.con_id)) END AS database,
    l.owner || '.' || l.db_link AS subject,
    l.username AS value
FROM sys.cdb_db_links l
LEFT JOIN sys.dba_pdbs p ON p.pdb_id = l.con_id
WHERE l.con_id <> 2
