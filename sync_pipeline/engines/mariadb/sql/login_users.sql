-- How often each user has connected while user statistics were on, whatever host from. One row more
-- than is kept may come. Since 10.6. Needs PROCESS.
SELECT USER AS user, CONCURRENT_CONNECTIONS AS opened, TOTAL_CONNECTIONS AS total
FROM information_schema.USER_STATISTICS
ORDER BY USER
LIMIT 100001
