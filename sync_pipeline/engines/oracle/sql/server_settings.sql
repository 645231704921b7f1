-- Settings that findings about the server ask for.
-- Since 12.2. Needs READ on SYS.V_$PARAMETER. They are those that are in effect here.
SELECT
    LOWER(p.name) AS name,
    CAST(NULL AS VARCHAR2(128)) AS database,
    CAST(NULL AS VARCHAR2(128)) AS subject,
    p.value AS value
FROM sys.v_$parameter p
WHERE LOWER(p.name) IN (
    'o7_dictionary_accessibility',
    'os_roles',
    'remote_os_authent',
    'remote_os_roles',
    'sec_case_sensitive_logon',
    'sql92_security'
)
