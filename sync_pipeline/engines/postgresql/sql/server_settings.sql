-- Settings that findings about the server ask for. Since 14. Needs nothing.
SELECT
    s.name AS name,
    '' AS database,
    '' AS subject,
    s.setting AS value
FROM pg_catalog.pg_settings AS s
WHERE s.name IN ('password_encryption', 'ssl')
