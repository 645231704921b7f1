-- Whether the provider's account of Amazon RDS is there.
-- Since 12.2. Needs nothing: everybody may read SYS.ALL_USERS.
SELECT
    COUNT(*) AS provider_accounts,
    CAST(NULL AS VARCHAR2(128)) AS cloud_service
FROM sys.all_users u
WHERE u.username = 'RDSADMIN'
