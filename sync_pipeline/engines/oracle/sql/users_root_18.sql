-- All users and when their passwords were set, of the root and of all open pluggable databases.
-- Since 18. Needs READ on SYS.CDB_USERS and SYS.DBA_PDBS, and CONTAINER_DATA of all containers.
-- Dates are those of the server's clock; the last login is UTC. No verifier is read, only which
-- versions of one there are.
SELECT
    CASE WHEN u.con_id = 1 THEN NULL ELSE NVL(p.pdb_name, TO_CHAR(u.con_id)) END AS container,
    u.username AS name,
    u.account_status AS account_status,
    u.lock_date AS lock_date,
    u.expiry_date AS expiry_date,
    SYS_EXTRACT_UTC(u.last_login) AS last_login,
    u.password_change_date AS password_changed_at,
    u.profile AS profile,
    u.authentication_type AS authentication_type,
    u.password_versions AS password_versions,
    u.common AS common,
    u.oracle_maintained AS oracle_maintained,
    u.default_tablespace AS default_tablespace,
    u.created AS created,
    u.proxy_only_connect AS proxy_only_connect
FROM sys.cdb_users u
LEFT JOIN sys.dba_pdbs p ON p.pdb_id = u.con_id
WHERE u.con_id <> 2
