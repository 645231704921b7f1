-- The password limits of all profiles, of the root and of all open pluggable databases but the
-- seed.
-- Since 12.2. Needs READ on SYS.CDB_PROFILES and SYS.DBA_PDBS, and CONTAINER_DATA of all
-- containers.
SELECT
    CASE WHEN f.con_id = 1 THEN NULL ELSE NVL(p.pdb_name, TO_CHAR(f.con_id)) END AS container,
    f.profile AS profile,
    f.resource_name AS resource_name,
    f.limit AS limit_text
FROM sys.cdb_profiles f
LEFT JOIN sys.dba_pdbs p ON p.pdb_id = f.con_id
WHERE f.con_id <> 2
    AND f.resource_type = 'PASSWORD'
