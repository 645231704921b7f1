-- Whose rights stored routines run with: how many of each database and definer, and the name of one;
-- apart, those that run with the rights of who calls them. Since 10.6. Needs SELECT on four columns of
-- mysql.proc.
WITH routines AS (
    SELECT security_type AS security, db AS place, definer, name AS routine
    FROM mysql.proc
    WHERE db NOT IN ('information_schema', 'mysql', 'performance_schema', 'sys')
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
