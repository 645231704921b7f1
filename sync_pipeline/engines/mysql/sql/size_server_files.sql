-- InnoDB files that belong to no single database; one that is not found has the size 0.
-- Since 8.0.13. Needs PROCESS.
SELECT
    name,
    name = 'innodb_temporary' AS is_temporary,
    CASE WHEN file_size > 0 THEN CAST(file_size AS SIGNED) END AS file_bytes
FROM information_schema.INNODB_TABLESPACES
WHERE space_type <> 'Single'
UNION ALL
SELECT
    tablespace_name,
    0,
    CAST(SUM(total_extents * extent_size) AS SIGNED)
FROM information_schema.FILES
WHERE tablespace_name = 'innodb_system'
GROUP BY tablespace_name
UNION ALL
SELECT
    'session temporary tablespaces',
    1,
    CAST(COALESCE(SUM(size), 0) AS SIGNED)
FROM information_schema.INNODB_SESSION_TEMP_TABLESPACES
