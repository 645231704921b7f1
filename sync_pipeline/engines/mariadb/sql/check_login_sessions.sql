-- What keeps this account from the sessions of others; no row: nothing is known to. A privilege by
-- a role is not looked for. Since 10.6. Needs nothing.
SELECT 'PROCESS' AS missing
FROM (SELECT CURRENT_USER() AS account) AS x
WHERE NOT EXISTS (
    SELECT p.PRIVILEGE_TYPE
    FROM information_schema.USER_PRIVILEGES AS p
    WHERE p.PRIVILEGE_TYPE = 'PROCESS'
        AND p.GRANTEE = CONCAT(
            '''',
            LEFT(x.account, CHAR_LENGTH(x.account)
                - CHAR_LENGTH(SUBSTRING_INDEX(x.account, '@', -1)) - 1),
            '''@''',
            SUBSTRING_INDEX(x.account, '@', -1),
            ''''
        )
)
