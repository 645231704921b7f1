-- Whether binary logs are kept, and how the shared tablespace may grow. Since 8.0.
-- Needs nothing.
SELECT
    @@GLOBAL.log_bin AS keeps_binary_logs,
    @@GLOBAL.innodb_data_file_path AS data_file_path
