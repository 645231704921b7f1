-- Settings that findings about the server ask for. Options have the value that is in use; of
-- databases those are named that lend rights, but for what setup gives the system's own. Names of
-- different kinds are put together under one collation. Since 2016. Needs VIEW ANY DATABASE:
-- without it databases are missing, see check_databases.sql.
SELECT f.name, f.[database], f.subject, f.value
FROM (
    SELECT
        c.name COLLATE Latin1_General_100_BIN2 AS name,
        CAST('' AS nvarchar(128)) COLLATE Latin1_General_100_BIN2 AS [database],
        '' AS subject,
        CAST(CAST(c.value_in_use AS int) AS nvarchar(128)) AS value
    FROM sys.configurations AS c
    WHERE c.name IN (
        'clr enabled',
        'clr strict security',
        'cross db ownership chaining',
        'Ole Automation Procedures',
        'remote access',
        'xp_cmdshell'
    )
    UNION ALL
    SELECT
        'IsIntegratedSecurityOnly' AS name,
        '' AS [database],
        '' AS subject,
        CAST(SERVERPROPERTY('IsIntegratedSecurityOnly') AS nvarchar(128)) AS value
    UNION ALL
    SELECT
        'MachineName' AS name,
        '' AS [database],
        '' AS subject,
        CAST(SERVERPROPERTY('MachineName') AS nvarchar(128)) AS value
    UNION ALL
    SELECT
        'is_trustworthy_on' AS name,
        d.name COLLATE Latin1_General_100_BIN2 AS [database],
        '' AS subject,
        '1' AS value
    FROM sys.databases AS d
    WHERE d.is_trustworthy_on = 1 AND d.source_database_id IS NULL AND d.name <> 'msdb'
    UNION ALL
    SELECT
        'is_db_chaining_on' AS name,
        d.name COLLATE Latin1_General_100_BIN2 AS [database],
        '' AS subject,
        '1' AS value
    FROM sys.databases AS d
    WHERE d.is_db_chaining_on = 1 AND d.source_database_id IS NULL
        AND d.name NOT IN ('master', 'msdb', 'tempdb')
) AS f
