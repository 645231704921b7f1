-- Accounts that still have the password with which they were made, and their states, of a
-- pluggable database or of one without containers. No password is read.
-- Since 12.2. Needs READ on SYS.DBA_USERS_WITH_DEFPWD and SYS.DBA_USERS.
SELECT
    'default password' AS name,
    CAST(NULL AS VARCHAR2(128)) AS database,
    d.username AS subject,
    u.account_status AS value
FROM sys.dba_users_with_defpwd d
JOIN sys.dba_users u ON u.username = d.username
