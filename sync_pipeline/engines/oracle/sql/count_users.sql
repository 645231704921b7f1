-- How many users there are, of a pluggable database or of one without containers.
-- Since 12.2. Needs READ on SYS.DBA_USERS.
SELECT COUNT(*) AS counted
FROM sys.dba_users
