-- Who is connected now, and where from. One row more than is kept may come. Since 8.0.
-- Needs PROCESS: without it, only sessions of this account are shown.
SELECT DISTINCT USER AS user, HOST AS host
FROM information_schema.PROCESSLIST
WHERE COMMAND <> 'Daemon' AND USER NOT IN ('system user', 'unauthenticated user')
ORDER BY USER, HOST
LIMIT 100001
