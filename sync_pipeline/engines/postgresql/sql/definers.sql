-- Routines that run with their owner's rights, take names in them as callers say, and may
-- be run by others than their owner. That is so too where their own search_path does not end with
-- pg_temp, which is then looked at first, and everybody may make temporary tables; an empty one finds
-- no name that a schema could say. Those of extensions are theirs to mend. Since 14.
-- Needs CONNECT on the database.
SELECT
    'definer_routine' AS name,
    '' AS database,
    n.nspname || '.' || p.proname || '('
    || pg_catalog.pg_get_function_identity_arguments(p.oid) || ')' AS subject,
    pg_catalog.json_build_object(
        'schema', n.nspname, 'name', p.proname,
        'arguments', pg_catalog.pg_get_function_identity_arguments(p.oid),
        'owner', pg_catalog.pg_get_userbyid(p.proowner),
        'path', c.path,
        'everyone', a.everyone AND pg_catalog.has_schema_privilege('public', n.oid, 'USAGE')
    )::text AS value
FROM pg_catalog.pg_proc AS p
JOIN pg_catalog.pg_namespace AS n ON n.oid = p.pronamespace
CROSS JOIN LATERAL (
    SELECT
        coalesce(bool_or(e.grantee = 0), FALSE) AS everyone,
        coalesce(bool_or(e.grantee <> p.proowner), FALSE) AS others
    FROM pg_catalog.aclexplode(
        coalesce(p.proacl, pg_catalog.acldefault('f', p.proowner))
    ) AS e
) AS a
LEFT JOIN LATERAL (
    SELECT substr(s, length('search_path=') + 1) AS path
    FROM unnest(p.proconfig) AS s
    WHERE s LIKE 'search\_path=%'
) AS c ON TRUE
WHERE p.prosecdef
AND a.others
AND n.nspname NOT IN ('pg_catalog', 'information_schema')
AND (
    c.path IS NULL
    OR (
        c.path NOT IN ('', '""') AND c.path !~ '(^|[ ,])"?pg_temp"?\s*$'
        AND pg_catalog.has_database_privilege('public', pg_catalog.current_database(), 'TEMP')
    )
)
AND NOT EXISTS (
    SELECT FROM pg_catalog.pg_depend AS d
    WHERE d.classid = 'pg_catalog.pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
)
