-- Settings that findings about the server ask for. Since 10.6. Needs nothing.
SELECT LOWER(VARIABLE_NAME) AS name, '' AS `database`, '' AS subject, GLOBAL_VALUE AS value
FROM information_schema.SYSTEM_VARIABLES
WHERE VARIABLE_NAME IN ('HAVE_SSL', 'REQUIRE_SECURE_TRANSPORT')
