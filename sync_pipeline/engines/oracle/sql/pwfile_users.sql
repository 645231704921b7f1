-- Who may connect as an administrator by the password file, of a pluggable database or of one
-- without containers.
-- Since 12.2. Needs READ on SYS.V_$PWFILE_USERS.
SELECT
    CAST(NULL AS VARCHAR2(128)) AS container,
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
