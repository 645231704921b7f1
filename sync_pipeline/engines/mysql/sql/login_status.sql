-- Whether logins are counted, since when, and how many were tried. The moment is the one that the
-- server takes its uptime from. Since 8.0. Needs nothing.
SELECT LOWER(VARIABLE_NAME) AS name, VARIABLE_VALUE AS value
FROM performance_schema.global_status
WHERE VARIABLE_NAME IN (
    'Connections', 'Performance_schema_accounts_lost', 'Performance_schema_hosts_lost',
    'Performance_schema_thread_classes_lost', 'Performance_schema_thread_instances_lost',
    'Performance_schema_users_lost', 'Uptime', 'Uptime_since_flush_status'
)
UNION ALL
SELECT 'now' AS name, CAST(UNIX_TIMESTAMP() AS CHAR) AS value
UNION ALL
SELECT 'counts' AS name, CAST(@@GLOBAL.performance_schema AS CHAR) AS value
