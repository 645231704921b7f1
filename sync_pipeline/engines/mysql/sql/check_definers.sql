-- Whether routines of others may be listed: without that they are left out, with no error. Since
-- 8.0.20. Needs nothing.
SELECT 'SHOW_ROUTINE' AS missing
FROM DUAL
WHERE NOT EXISTS (
    SELECT 1
    FROM information_schema.USER_PRIVILEGES
    WHERE PRIVILEGE_TYPE IN ('SHOW_ROUTINE', 'SELECT')
    AND GRANTEE = CONCAT(
        '''',
        LEFT(
            CURRENT_USER(),
            CHAR_LENGTH(CURRENT_USER()) - CHAR_LENGTH(SUBSTRING_INDEX(CURRENT_USER(), '@', -1)) - 1
        ),
        '''@''', SUBSTRING_INDEX(CURRENT_USER(), '@', -1), ''''
    )
)
