-- The database that was connected to.
-- Since 12.2. Needs nothing.
SELECT
    SYS_CONTEXT('USERENV', 'CON_NAME') AS name
FROM sys.dual
