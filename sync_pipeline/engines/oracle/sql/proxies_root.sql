-- Which users may connect as which others, and the roles that they may activate then, of the root
-- and of all open pluggable databases but the seed. There is a row for each role that is named.
-- Since 12.2. Needs READ on SYS.CDB_PROXIES and SYS.DBA_PDBS, and CONTAINER_DATA of all containers.
SELECT
    CASE WHEN x.con_id = 1 THEN NULL ELSE NVL(p.pdb_name, TO_CHAR(x.con_id)) END AS container,
    x.proxy AS proxy,
    x.client AS client,
    x.authentication AS authentication,
    x.authorization_constraint AS role_limit,
    x.role AS role_name
FROM sys.cdb_proxies x
LEFT JOIN sys.dba_pdbs p ON p.pdb_id = x.con_id
WHERE x.con_id <> 2
