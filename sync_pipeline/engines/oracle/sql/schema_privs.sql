-- Who was granted which system privilege on which schema, of a pluggable database or of one
-- without containers.
-- Since 23. Needs READ on SYS.DBA_SCHEMA_PRIVS.
SELECT
    CAST(NULL AS VARCHAR2(128)) AS container,
    g.grantee AS grantee,
    g.privilege AS privilege,
    g.schema AS schema_name,
    g.admin_option AS admin_option,
    g.common AS common,
    g.inherited AS inherited
FROM sys.dba_schema_privs g
