-- How many rows visible_grants.sql has. Needs nothing.
SELECT
    (SELECT COUNT(*) FROM information_schema.USER_PRIVILEGES)
    + (SELECT COUNT(*) FROM information_schema.SCHEMA_PRIVILEGES)
    + (SELECT COUNT(*) FROM information_schema.TABLE_PRIVILEGES)
    + (SELECT COUNT(*) FROM information_schema.COLUMN_PRIVILEGES) AS counted
