#!/bin/sh
# The two databases and their roles. The image of PostgreSQL runs it once, when it has made its
# directory of data; no password is on a command line or in the environment.
set -eu
exec psql --no-psqlrc --quiet --set ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname postgres <<'SQL'
\set store `cat /run/secrets/store_password`
\set console `cat /run/secrets/console_password`
\set dagster `cat /run/secrets/dagster_password`
CREATE ROLE sync_pipeline LOGIN PASSWORD :'store';
-- The console reads what the store has, and changes nothing.
CREATE ROLE sync_pipeline_console LOGIN PASSWORD :'console';
CREATE ROLE dagster LOGIN PASSWORD :'dagster';
CREATE DATABASE sync_pipeline OWNER sync_pipeline;
CREATE DATABASE dagster OWNER dagster;
REVOKE ALL ON DATABASE sync_pipeline, dagster FROM PUBLIC;
GRANT CONNECT ON DATABASE sync_pipeline TO sync_pipeline_console;
\connect sync_pipeline
ALTER SCHEMA public OWNER TO sync_pipeline;
GRANT USAGE ON SCHEMA public TO sync_pipeline_console;
ALTER DEFAULT PRIVILEGES FOR ROLE sync_pipeline IN SCHEMA public
    GRANT SELECT ON TABLES TO sync_pipeline_console;
SQL
