-- How many rows mysql.user has. Since 8.0. Needs SELECT on mysql.user.
SELECT COUNT(*) AS counted
FROM mysql.user
