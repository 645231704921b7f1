-- Accounts that still have the password with which they were made, and their states, of the
-- root and of all open pluggable databases. No password is read.
-- Since 12.2. Needs READ on SYS.CDB_USERS_WITH_DEFPWD, SYS.CDB_USERS and SYS.DBA_PDBS, and
-- CONTAINER_DATA of all containers.
SELECT
    'default password' AS name,
    CASE WHEN d.con_id = 1 THEN NULL ELSE NVL(p.pdb_name, TO_CHAR(d.con_id)) END AS database,
    d.username AS subject,
    u.account_status AS value
FROM sys.cdb_users_with_defpwd d
JOIN sys.cdb_users u ON u.username = d.username AND u.con_id = d.con_id
LEFT JOIN sys.dba_pdbs p ON p.pdb_id = d.con_id
WHERE d.con_id <> 2
