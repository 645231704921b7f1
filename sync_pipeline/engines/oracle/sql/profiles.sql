-- The password limits of all profiles, of a pluggable database or of one without containers.
-- Since 12.2. Needs READ on SYS.DBA_PROFILES.
SELECT
    CAST(NULL AS VARCHAR2(128)) AS container,
    f.profile AS profile,
    f.resource_name AS resource_name,
    f.limit AS limit_text
FROM sys.dba_profiles f
WHERE f.resource_type = 'PASSWORD'
