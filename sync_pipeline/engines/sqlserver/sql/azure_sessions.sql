-- Which principals have sessions in the one database that is connected to: other databases show
-- theirs to those who connect there. Since 12.0 of Azure SQL Database. Needs VIEW DATABASE STATE,
-- which VIEW SERVER STATE implies: without it only sessions of this account are shown, see
-- azure_check_sessions.sql.
SELECT DISTINCT
    d.name AS database_name,
    s.original_login_name AS name
FROM sys.dm_exec_sessions AS s
LEFT JOIN sys.databases AS d
    ON d.database_id = s.authenticating_database_id AND d.name <> 'master'
WHERE s.is_user_process = 1
