-- How many rows own_roles.sql has. Since 10.6. Needs nothing.
SELECT 1 + (SELECT COUNT(*) FROM information_schema.APPLICABLE_ROLES) AS counted
