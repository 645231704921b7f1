-- Where the connection is: container 0 is a database without containers, 1 the root of a container
-- database, any other a pluggable one; and whether the database is a standby.
-- Since 12.2. Needs nothing.
SELECT
    SYS_CONTEXT('USERENV', 'CON_ID') AS container_id,
    SYS_CONTEXT('USERENV', 'NETWORK_PROTOCOL') AS protocol,
    SYS_CONTEXT('USERENV', 'DATABASE_ROLE') AS database_role
FROM sys.dual
