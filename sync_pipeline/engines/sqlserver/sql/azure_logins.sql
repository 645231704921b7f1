-- Every principal of a logical server, asked in master; no password hash. SQL logins are in a view
-- of their own there (sys.server_role_members, remarks), Microsoft Entra logins and the roles in
-- the other. The server admin is marked: the first principal, who is dbo of master. What a
-- password is held to can't be set there. Since 12.0 of Azure SQL Database. Needs VIEW ANY
-- DEFINITION or VIEW ANY SECURITY DEFINITION: without it rows are missing, see check_logins.sql.
SELECT
    x.name,
    x.sid,
    x.type,
    x.type_desc,
    x.is_disabled,
    x.is_fixed_role,
    x.default_database_name,
    x.is_policy_checked,
    x.is_expiration_checked,
    x.is_expired,
    x.must_change,
    x.is_locked,
    x.password_set_at,
    x.is_sysadmin
FROM (
    SELECT
        l.name,
        l.sid,
        l.type,
        l.type_desc,
        CAST(l.is_disabled AS bit) AS is_disabled,
        CAST(0 AS bit) AS is_fixed_role,
        l.default_database_name,
        CAST(NULL AS bit) AS is_policy_checked,
        CAST(NULL AS bit) AS is_expiration_checked,
        CAST(NULL AS int) AS is_expired,
        CAST(NULL AS int) AS must_change,
        CAST(NULL AS int) AS is_locked,
        CAST(NULL AS datetime2(0)) AS password_set_at,
        CASE WHEN l.principal_id = 1 OR u.principal_id IS NOT NULL THEN 1 ELSE 0 END AS is_sysadmin
    FROM sys.sql_logins AS l
    LEFT JOIN sys.database_principals AS u ON u.principal_id = 1 AND u.sid = l.sid
    UNION ALL
    SELECT
        p.name,
        p.sid,
        p.type,
        p.type_desc,
        CAST(p.is_disabled AS bit) AS is_disabled,
        p.is_fixed_role,
        p.default_database_name,
        CAST(NULL AS bit) AS is_policy_checked,
        CAST(NULL AS bit) AS is_expiration_checked,
        CAST(NULL AS int) AS is_expired,
        CAST(NULL AS int) AS must_change,
        CAST(NULL AS int) AS is_locked,
        CAST(NULL AS datetime2(0)) AS password_set_at,
        0 AS is_sysadmin
    FROM sys.server_principals AS p
    WHERE p.type <> 'S'
) AS x
