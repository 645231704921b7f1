-- Who may log in from where and how: the lines of pg_hba.conf, but
-- for their options, some of which are passwords. The files as they are now: what was not
-- reloaded since is not in force yet. Of lines that it can't read, the numbers alone: what the
-- view says of them quotes them. One for TLS on a server without has an error too, and a type. Since 14. Needs SELECT on the view, EXECUTE on its function.
SELECT
    'login_rule' AS name,
    '' AS database,
    pg_catalog.lpad(r.line_number::text, 6, '0') AS subject,
    pg_catalog.json_build_object(
        'line', r.line_number, 'type', r.type, 'databases', r.database, 'users', r.user_name,
        'address', r.address, 'netmask', r.netmask, 'method', r.auth_method
    )::text AS value
FROM pg_catalog.pg_hba_file_rules AS r
WHERE r.error IS NULL
UNION ALL
SELECT
    'login_rule_error' AS name,
    '' AS database,
    pg_catalog.lpad((pg_catalog.row_number() OVER ())::text, 6, '0') AS subject,
    coalesce(e.line_number::text, '') AS value
FROM pg_catalog.pg_hba_file_rules AS e
WHERE e.type IS NULL
