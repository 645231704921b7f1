-- Which principals have sessions now: a login by its identifier, a contained user by the name that
-- it logged in with, in the database that let it in. Since 2016. Needs VIEW SERVER STATE (from 2022
-- on VIEW SERVER PERFORMANCE STATE is enough): without it only sessions of this account are shown,
-- see check_sessions.sql.
SELECT DISTINCT
    d.name AS database_name,
    CASE
        WHEN d.name IS NULL THEN COALESCE(
            p.name COLLATE Latin1_General_100_BIN2,
            s.original_login_name COLLATE Latin1_General_100_BIN2
        )
        ELSE s.original_login_name COLLATE Latin1_General_100_BIN2
    END AS name
FROM sys.dm_exec_sessions AS s
LEFT JOIN sys.databases AS d
    ON d.database_id = s.authenticating_database_id AND d.database_id > 1
LEFT JOIN sys.server_principals AS p ON p.sid = s.original_security_id AND p.type <> 'R'
WHERE s.is_user_process = 1
