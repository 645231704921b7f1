-- All roles, of a pluggable database or of one without containers.
-- Since 12.2. Needs READ on SYS.DBA_ROLES.
SELECT
    CAST(NULL AS VARCHAR2(128)) AS container,
    r.role AS name,
    r.authentication_type AS authentication_type,
    r.common AS common,
    r.oracle_maintained AS oracle_maintained
FROM sys.dba_roles r
