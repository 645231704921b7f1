-- Who may connect as an administrator by the password file, of the root and of all open pluggable
-- databases but the seed.
-- Since 12.2. Needs READ on SYS.V_$PWFILE_USERS and SYS.DBA_PDBS, and CONTAINER_DATA of all
-- containers.
SELECT
    CASE WHEN f.con_id IN (0, 1) THEN NULL ELSE NVL(p.pdb_name, TO_CHAR(f.con_id)) END AS container,
    f.username AS grantee,
    f.sysdba AS sysdba,
    f.sysoper AS sysoper,
    f.sysasm AS sysasm,
    f.sysbackup AS sysbackup,
    f.sysdg AS sysdg,
    f.syskm AS syskm,
    f.common AS common,
    f.con_id AS con_id
FROM sys.v_$pwfile_users f
LEFT JOIN sys.dba_pdbs p ON p.pdb_id = f.con_id
WHERE f.con_id <> 2
