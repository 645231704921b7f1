-- Which users may not write, and which schemas no ANY privilege reaches, of a pluggable database
-- or of one without containers.
-- Since 23. Needs READ on SYS.DBA_USERS.
SELECT
    CAST(NULL AS VARCHAR2(128)) AS container,
    u.username AS name,
    u.read_only AS read_only,
    u.dictionary_protected AS dictionary_protected
FROM sys.dba_users u
