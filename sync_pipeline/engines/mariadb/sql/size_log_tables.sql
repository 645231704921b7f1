-- Whether the log tables have a row: of CSV no server tells a size. Since 10.6.
-- Needs SELECT on a column of each.
SELECT
    EXISTS (SELECT 1 FROM mysql.general_log) AS has_general,
    EXISTS (SELECT 1 FROM mysql.slow_log) AS has_slow
