-- Whether logins are counted, since when, and what could have emptied the counters. The moment is
-- the one that the server takes its uptime from. Since 10.6. Needs nothing.
SELECT LOWER(VARIABLE_NAME) AS name, VARIABLE_VALUE AS value
FROM information_schema.GLOBAL_STATUS
WHERE VARIABLE_NAME IN (
    'COM_ADMIN_COMMANDS', 'COM_TRUNCATE', 'CONNECTIONS', 'PERFORMANCE_SCHEMA_ACCOUNTS_LOST',
    'PERFORMANCE_SCHEMA_HOSTS_LOST', 'PERFORMANCE_SCHEMA_THREAD_CLASSES_LOST',
    'PERFORMANCE_SCHEMA_THREAD_INSTANCES_LOST', 'PERFORMANCE_SCHEMA_USERS_LOST', 'UPTIME',
    'UPTIME_SINCE_FLUSH_STATUS'
)
UNION ALL
SELECT 'now' AS name, CAST(UNIX_TIMESTAMP() AS CHAR) AS value
UNION ALL
SELECT 'counts' AS name, CAST(@@GLOBAL.performance_schema AS CHAR) AS value
UNION ALL
SELECT 'counts_users' AS name, CAST(@@GLOBAL.userstat AS CHAR) AS value
