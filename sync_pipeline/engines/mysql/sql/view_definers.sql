-- Whose rights views read with: how many of each database and definer, and the name of one. Since 8.0.
-- Needs SHOW VIEW, which lists those of others.
WITH views AS (
    SELECT SECURITY_TYPE AS security, TABLE_SCHEMA AS place, DEFINER AS definer, TABLE_NAME AS object
    FROM information_schema.VIEWS
    WHERE TABLE_SCHEMA NOT IN ('information_schema', 'mysql', 'performance_schema', 'sys')
    LIMIT 20001
)
SELECT
    'view_definer' AS name,
    place AS `database`,
    definer AS subject,
    CONCAT(COUNT(*), ' ', MIN(object)) AS value
FROM views
WHERE security = 'DEFINER'
GROUP BY place, definer
UNION ALL
SELECT 'too many', '', 'views', '20000'
FROM DUAL
WHERE (SELECT COUNT(*) FROM views) > 20000
