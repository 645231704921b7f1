-- Whether the provider's account of Amazon RDS is there, and which service of Oracle's cloud it is.
-- Since 19. Needs nothing: everybody may read SYS.ALL_USERS.
SELECT
    COUNT(*) AS provider_accounts,
    SYS_CONTEXT('USERENV', 'CLOUD_SERVICE') AS cloud_service
FROM sys.all_users u
WHERE u.username = 'RDSADMIN'
