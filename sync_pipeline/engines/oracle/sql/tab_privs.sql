-- Who was granted which privilege on which object, of a pluggable database or of one without
-- containers.
-- Since 12.2. Needs READ on SYS.DBA_TAB_PRIVS.
SELECT
    CAST(NULL AS VARCHAR2(128)) AS container,
    g.grantee AS grantee,
    g.owner AS owner,
    g.table_name AS object_name,
    g.type AS object_type,
    g.grantor AS grantor,
    g.privilege AS privilege,
    g.grantable AS grantable,
    g.hierarchy AS hierarchy,
    g.common AS common,
    g.inherited AS inherited
FROM sys.dba_tab_privs g
