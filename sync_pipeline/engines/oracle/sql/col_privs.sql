-- Who was granted which privilege on which column, of a pluggable database or of one without
-- containers.
-- Since 12.2. Needs READ on SYS.DBA_COL_PRIVS.
SELECT
    CAST(NULL AS VARCHAR2(128)) AS container,
    g.grantee AS grantee,
    g.owner AS owner,
    g.table_name AS object_name,
    g.column_name AS column_name,
    g.grantor AS grantor,
    g.privilege AS privilege,
    g.grantable AS grantable,
    g.common AS common,
    g.inherited AS inherited
FROM sys.dba_col_privs g
