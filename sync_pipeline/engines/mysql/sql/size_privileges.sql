-- The global privileges of this account, granted to it directly. Since 8.0. Needs nothing.
SELECT privilege_type AS privilege
FROM information_schema.USER_PRIVILEGES
WHERE
    grantee = CONCAT(
        '''',
        LEFT(CURRENT_USER(), CHAR_LENGTH(CURRENT_USER())
            - CHAR_LENGTH(SUBSTRING_INDEX(CURRENT_USER(), '@', -1)) - 1),
        '''@''',
        SUBSTRING_INDEX(CURRENT_USER(), '@', -1),
        ''''
    )
