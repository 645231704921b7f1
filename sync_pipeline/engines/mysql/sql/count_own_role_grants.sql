-- How many rows own_role_grants.sql has. Since 8.0.19. Needs nothing.
SELECT
    (SELECT COUNT(*) FROM information_schema.ROLE_TABLE_GRANTS)
    + (SELECT COUNT(*) FROM information_schema.ROLE_COLUMN_GRANTS) AS counted
