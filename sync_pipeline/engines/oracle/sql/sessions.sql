-- Who is logged in now, on every node, to a pluggable database or to one without containers.
-- Since 12.2. Needs READ on SYS.GV_$SESSION.
SELECT DISTINCT
    CAST(NULL AS VARCHAR2(128)) AS container,
    s.username AS name
FROM sys.gv_$session s
WHERE s.username IS NOT NULL AND s.type = 'USER'
