-- The binary logs. Since 8.0.14. Needs REPLICATION CLIENT.
SHOW BINARY LOGS
