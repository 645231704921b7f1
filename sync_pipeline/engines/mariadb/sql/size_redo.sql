-- Bytes of the redo log: one file since 10.5. Since 10.6. Needs nothing.
SELECT @@GLOBAL.innodb_log_file_size AS bytes
