-- Whether views of others may be listed: without that they are left out, with no error. Since 8.0.
-- Needs nothing.
SELECT 'SHOW VIEW' AS missing
FROM DUAL
WHERE NOT EXISTS (
    SELECT 1
    FROM information_schema.USER_PRIVILEGES
    WHERE PRIVILEGE_TYPE IN ('SHOW VIEW', 'SELECT')
    AND GRANTEE = CONCAT(
        '''',
        LEFT(
            CURRENT_USER(),
            CHAR_LENGTH(CURRENT_USER()) - CHAR_LENGTH(SUBSTRING_INDEX(CURRENT_USER(), '@', -1)) - 1
        ),
        '''@''', SUBSTRING_INDEX(CURRENT_USER(), '@', -1), ''''
    )
)
