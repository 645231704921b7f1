-- Bytes of the redo log's files. Since 8.0.30. Needs nothing.
SHOW GLOBAL STATUS LIKE 'Innodb_redo_log_physical_size'
