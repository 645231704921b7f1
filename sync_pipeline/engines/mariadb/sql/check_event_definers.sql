-- Whether the definers of events may be read; asked, so that no refused statement is a line in a log.
-- Since 10.6. Needs nothing.
SELECT 'SELECT on mysql.event' AS missing
FROM DUAL
WHERE (
    SELECT COUNT(*)
    FROM information_schema.COLUMNS
    WHERE table_schema = 'mysql' AND table_name = 'event'
        AND column_name IN ('db', 'name', 'definer') AND privileges LIKE '%select%'
) < 3
