-- The database links and the account that each names on the other side, of a pluggable database or
-- of one without containers. Neither addresses nor passwords are read.
-- Since 12.2. Needs READ on SYS.DBA_DB_LINKS.
SELECT
    'database link' AS name,
    CAST(NULL AS VARCHAR2(128)) AS database,
    l.owner || '.' || l.db_link AS subject,
    l.username AS value
FROM sys.dba_db_links l
