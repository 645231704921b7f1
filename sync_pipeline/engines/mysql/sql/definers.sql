-- Whose rights stored routines run with that are not those of who calls them: how many of each
-- database and definer, and the name of one. Since 8.0.20. Needs SHOW_ROUTINE.
SELECT
    'definer' AS name,
    ROUTINE_SCHEMA AS `database`,
    DEFINER AS subject,
    CONCAT(COUNT(*), ' ', MIN(ROUTINE_NAME)) AS value
FROM information_schema.ROUTINES
WHERE SECURITY_TYPE = 'DEFINER'
AND ROUTINE_SCHEMA NOT IN ('information_schema', 'mysql', 'performance_schema', 'sys')
GROUP BY ROUTINE_SCHEMA, DEFINER
