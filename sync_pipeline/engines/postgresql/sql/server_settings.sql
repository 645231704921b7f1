-- Settings that findings about the server ask for. Since 14. Needs nothing: what only superusers
-- and pg_read_all_settings see is left out for others, and is not known then.
SELECT
    s.name AS name,
    '' AS database,
    '' AS subject,
    s.setting AS value
FROM pg_catalog.pg_settings AS s
WHERE s.name IN ('password_encryption', 'shared_preload_libraries', 'ssl')
