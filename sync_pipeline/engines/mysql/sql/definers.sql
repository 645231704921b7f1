-- Whose rights stored routines run with: how many of each database and definer, and the name of one;
-- apart, those that run with the rights of who calls them. Since 8.0.20. Needs SHOW_ROUTINE.
WITH routines AS (
    SELECT
        SECURITY_TYPE AS security,
        ROUTINE_SCHEMA AS place,
        DEFINER AS definer,
        ROUTINE_NAME AS routine
    FROM information_schema.ROUTINES
    WHERE ROUTINE_SCHEMA NOT IN ('information_schema', 'mysql', 'performance_schema', 'sys')
    LIMIT 20001
)
SELECT
    LOWER(security) AS name,
    place AS `database`,
    definer AS subject,
    CONCAT(COUNT(*), ' ', MIN(routine)) AS value
FROM routines
GROUP BY security, place, definer
UNION ALL
SELECT 'too many', '', 'stored routines', '20000'
FROM DUAL
WHERE (SELECT COUNT(*) FROM routines) > 20000
