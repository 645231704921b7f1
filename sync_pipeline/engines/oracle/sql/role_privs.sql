-- Who was granted which role, of a pluggable database or of one without containers.
-- Since 12.2. Needs READ on SYS.DBA_ROLE_PRIVS.
SELECT
    CAST(NULL AS VARCHAR2(128)) AS container,
    g.grantee AS grantee,
    g.granted_role AS granted_role,
    g.admin_option AS admin_option,
    g.delegate_option AS delegate_option,
    g.default_role AS default_role,
    g.common AS common,
    g.inherited AS inherited
FROM sys.dba_role_privs g
