-- Bytes of the redo log's files. Since 8.0. Needs nothing.
SELECT @@GLOBAL.innodb_log_file_size * @@GLOBAL.innodb_log_files_in_group AS bytes
