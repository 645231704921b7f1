-- The online redo logs of all threads, every member of a group.
-- Since 12.2. Needs READ on SYS.V_$LOG.
SELECT
    SUM(l.bytes * l.members) AS total_bytes
FROM sys.v_$log l
