-- Every principal of the server; no password hash. Who reaches sysadmin through any chain of
-- server roles is marked. The day of the last password alone, in the time of the server: which
-- zone that is can't be asked before 2022, and may change. Since 2016. Needs VIEW ANY DEFINITION
-- (from 2022 on VIEW ANY SECURITY DEFINITION is enough): without it rows are missing, see
-- check_logins.sql.
WITH sysadmins AS (
    SELECT r.principal_id
    FROM sys.server_principals AS r
    WHERE r.name = 'sysadmin' AND r.is_fixed_role = 1
    UNION ALL
    SELECT m.member_principal_id
    FROM sys.server_role_members AS m
    JOIN sysadmins AS s ON s.principal_id = m.role_principal_id
)
SELECT
    p.name,
    p.sid,
    p.type,
    p.type_desc,
    CAST(p.is_disabled AS bit) AS is_disabled,
    p.is_fixed_role,
    p.default_database_name,
    l.is_policy_checked,
    l.is_expiration_checked,
    CAST(LOGINPROPERTY(p.name, 'IsExpired') AS int) AS is_expired,
    CAST(LOGINPROPERTY(p.name, 'IsMustChange') AS int) AS must_change,
    CAST(LOGINPROPERTY(p.name, 'IsLocked') AS int) AS is_locked,
    CAST(CAST(CAST(LOGINPROPERTY(p.name, 'PasswordLastSetTime') AS datetime) AS date) AS datetime2(0)) AS password_set_at,
    CASE WHEN a.principal_id IS NULL THEN 0 ELSE 1 END AS is_sysadmin
FROM sys.server_principals AS p
LEFT JOIN sys.sql_logins AS l ON l.principal_id = p.principal_id
LEFT JOIN (SELECT DISTINCT s.principal_id FROM sysadmins AS s) AS a
    ON a.principal_id = p.principal_id
