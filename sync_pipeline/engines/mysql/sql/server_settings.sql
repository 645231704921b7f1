-- Settings that findings about the server ask for. Since 8.0. Needs nothing.
SELECT LOWER(VARIABLE_NAME) AS name, '' AS `database`, '' AS subject, VARIABLE_VALUE AS value
FROM performance_schema.global_variables
WHERE VARIABLE_NAME IN ('have_ssl', 'require_secure_transport', 'ssl_cert')
