-- Whether binary logs are kept, whether other logs are written to tables, and how the shared
-- tablespace may grow. Since 10.6. Needs nothing.
SELECT
    @@GLOBAL.log_bin AS keeps_binary_logs,
    (@@GLOBAL.general_log OR @@GLOBAL.slow_query_log)
    AND FIND_IN_SET('TABLE', @@GLOBAL.log_output) > 0 AS writes_log_tables,
    @@GLOBAL.innodb_data_file_path AS data_file_path
