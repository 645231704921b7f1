-- Who may log in from where and how: the lines of pg_hba.conf and the files that it includes, but
-- for their options, some of which are passwords. The files as they are now: what was not
-- reloaded since is not in force yet. Of lines that it can't read, the numbers alone: what the
-- view says of them quotes them. One for TLS on a server without has an error too, and a type.
-- The file is named where there are several: each has a line 1. Since 16.
-- Needs SELECT on the view, EXECUTE on its function.
WITH rules AS (
    SELECT
        *,
        CASE
            WHEN min(file_name) OVER () <> max(file_name) OVER () THEN ' of ' || file_name ELSE ''
        END AS file
    FROM pg_catalog.pg_hba_file_rules
)
SELECT
    'login_rule' AS name,
    '' AS database,
    pg_catalog.lpad(r.rule_number::text, 6, '0') AS subject,
    pg_catalog.json_build_object(
        'line', r.line_number || r.file, 'type', r.type, 'databases', r.database, 'users', r.user_name,
        'address', r.address, 'netmask', r.netmask, 'method', r.auth_method
    )::text AS value
FROM rules AS r
WHERE r.rule_number IS NOT NULL
UNION ALL
SELECT
    'login_rule_error' AS name,
    '' AS database,
    pg_catalog.lpad((pg_catalog.row_number() OVER ())::text, 6, '0') AS subject,
    coalesce(e.line_number || e.file, '') AS value
FROM rules AS e
WHERE e.type IS NULL
