-- How many roles there are, of the root and of all open pluggable databases but the seed.
-- Since 12.2. Needs READ on SYS.CDB_ROLES, and CONTAINER_DATA of all containers.
SELECT COUNT(*) AS counted
FROM sys.cdb_roles c
WHERE c.con_id <> 2
