-- Who was granted which system privilege, of a pluggable database or of one without containers.
-- Since 12.2. Needs READ on SYS.DBA_SYS_PRIVS.
SELECT
    CAST(NULL AS VARCHAR2(128)) AS container,
    g.grantee AS grantee,
    g.privilege AS privilege,
    g.admin_option AS admin_option,
    g.common AS common,
    g.inherited AS inherited
FROM sys.dba_sys_privs g
