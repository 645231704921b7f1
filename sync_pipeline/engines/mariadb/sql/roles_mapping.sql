-- Who has which role; a role's own host is empty. Since 10.6.
-- Needs SELECT on mysql.roles_mapping.
SELECT
    User AS user,
    Host AS host,
    Role AS role,
    CONCAT(Admin_option, '') AS admin_option
FROM mysql.roles_mapping
