-- All users, of a pluggable database or of one without containers.
-- Since 12.2. Needs READ on SYS.DBA_USERS. Dates are those of the server's clock; the last login
-- is UTC. No verifier is read, only which versions of one there are.
SELECT
    CAST(NULL AS VARCHAR2(128)) AS container,
    u.username AS name,
    u.account_status AS account_status,
    u.lock_date AS lock_date,
    u.expiry_date AS expiry_date,
    SYS_EXTRACT_UTC(u.last_login) AS last_login,
    CAST(NULL AS DATE) AS password_changed_at,
    u.profile AS profile,
    u.authentication_type AS authentication_type,
    u.password_versions AS password_versions,
    u.common AS common,
    u.oracle_maintained AS oracle_maintained,
    u.default_tablespace AS default_tablespace,
    u.created AS created,
    u.proxy_only_connect AS proxy_only_connect
FROM sys.dba_users u
