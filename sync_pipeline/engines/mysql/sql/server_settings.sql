-- Settings that findings about the server ask for. Since 8.0. Needs nothing.
SELECT LOWER(VARIABLE_NAME) AS name, '' AS `database`, '' AS subject, VARIABLE_VALUE AS value
FROM performance_schema.global_variables
WHERE VARIABLE_NAME IN (
    'authentication_policy', 'check_proxy_users', 'default_password_lifetime',
    'disconnect_on_expired_password', 'password_history', 'password_reuse_interval',
    'have_ssl', 'require_secure_transport', 'secure_file_priv', 'skip_networking', 'ssl_cert',
    'validate_password.check_user_name', 'validate_password.length', 'validate_password.policy'
)
