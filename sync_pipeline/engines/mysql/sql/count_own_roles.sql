-- How many rows own_roles.sql has. Since 8.0.19. Needs nothing.
SELECT
    1
    + (SELECT COUNT(*) FROM information_schema.APPLICABLE_ROLES)
    + (SELECT COUNT(*) FROM information_schema.ENABLED_ROLES) AS counted
