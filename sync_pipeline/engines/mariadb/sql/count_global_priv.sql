-- How many rows mysql.global_priv has. Since 10.6. Needs SELECT on mysql.global_priv.
SELECT COUNT(*) AS counted
FROM mysql.global_priv
