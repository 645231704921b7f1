-- Whose rights events run with: how many of each database and definer, and the name of one. Since
-- 10.6. Needs SELECT on three columns of mysql.event.
WITH events AS (
    SELECT db AS place, definer, name AS object
    FROM mysql.event
    LIMIT 20001
)
SELECT
    'event_definer' AS name,
    place AS `database`,
    definer AS subject,
    CONCAT(COUNT(*), ' ', MIN(object)) AS value
FROM events
GROUP BY place, definer
UNION ALL
SELECT 'too many', '', 'events', '20000'
FROM DUAL
WHERE (SELECT COUNT(*) FROM events) > 20000
