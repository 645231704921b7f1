-- Whose rights stored routines run with that are not those of who calls them: how many of each
-- database and definer, and the name of one. Since 10.6. Needs SELECT on four columns of mysql.proc.
SELECT
    'definer' AS name,
    db AS `database`,
    definer AS subject,
    CONCAT(COUNT(*), ' ', MIN(name)) AS value
FROM mysql.proc
WHERE security_type = 'DEFINER'
AND db NOT IN ('information_schema', 'mysql', 'performance_schema', 'sys')
GROUP BY db, definer
