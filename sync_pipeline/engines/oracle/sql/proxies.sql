-- Which users may connect as which others, and the roles that they may activate then, of a
-- pluggable database or of one without containers. There is a row for each role that is named.
-- Since 12.2. Needs READ on SYS.DBA_PROXIES.
SELECT
    CAST(NULL AS VARCHAR2(128)) AS container,
    p.proxy AS proxy,
    p.client AS client,
    p.authentication AS authentication,
    p.authorization_constraint AS role_limit,
    p.role AS role_name
FROM sys.dba_proxies p
