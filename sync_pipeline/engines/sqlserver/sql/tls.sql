-- Whether this connection is encrypted. Since 2016. Needs VIEW SERVER STATE (from 2022 on
-- VIEW SERVER SECURITY STATE is enough).
SELECT c.encrypt_option
FROM sys.dm_exec_connections AS c
WHERE c.session_id = @@SPID AND c.parent_connection_id IS NULL
