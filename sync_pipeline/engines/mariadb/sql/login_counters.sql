-- Who has connected since the server started, how often, and who is connected now. One row more
-- than is kept may come. Since 10.6. Needs SELECT on performance_schema.accounts.
SELECT USER AS user, HOST AS host, CURRENT_CONNECTIONS AS opened, TOTAL_CONNECTIONS AS total
FROM performance_schema.accounts
WHERE USER IS NOT NULL
ORDER BY USER, HOST
LIMIT 100001
