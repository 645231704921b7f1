-- The binary logs. Since 10.6. Needs BINLOG MONITOR.
SHOW BINARY LOGS
