-- Whether the lines of pg_hba.conf may be read, without an error in the server's log where not.
-- Since 14. Needs nothing.
SELECT 'SELECT on pg_hba_file_rules' AS missing
WHERE NOT (
    pg_catalog.has_table_privilege('pg_catalog.pg_hba_file_rules', 'SELECT')
    AND pg_catalog.has_function_privilege('pg_catalog.pg_hba_file_rules()', 'EXECUTE')
)
