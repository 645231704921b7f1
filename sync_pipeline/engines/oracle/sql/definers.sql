-- Program units that run with their owners' rights and that everybody may execute, of a pluggable
-- database or of one without containers; those of Oracle's own are left out. No text is read.
-- Since 12.2. Needs READ on SYS.DBA_PROCEDURES, SYS.DBA_TAB_PRIVS and SYS.DBA_USERS.
SELECT
    'definer' AS name,
    CAST(NULL AS VARCHAR2(128)) AS database,
    p.object_name AS subject,
    p.owner AS value
FROM sys.dba_procedures p
JOIN sys.dba_users u ON u.username = p.owner
JOIN sys.dba_tab_privs g ON g.owner = p.owner AND g.table_name = p.object_name
WHERE p.authid = 'DEFINER'
    AND (p.procedure_name IS NULL OR p.object_type IN ('PROCEDURE', 'FUNCTION'))
    AND u.oracle_maintained = 'N'
    AND g.grantee = 'PUBLIC'
    AND g.privilege = 'EXECUTE'
