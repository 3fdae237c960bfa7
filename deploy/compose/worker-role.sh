#!/bin/sh
# The role of the workers, which may log in and, until `migrate` grants it its work, no more. Safe to
# run again: the password is then the one that is set now.
# The server and its owner are read from PGHOST, PGUSER, PGPASSWORD and PGDATABASE.
set -eu

: "${WORKER_PASSWORD:?set WORKER_PASSWORD}"

psql --no-psqlrc --set ON_ERROR_STOP=1 --quiet <<'SQL'
\getenv password WORKER_PASSWORD
\getenv database PGDATABASE
SELECT 'CREATE ROLE holdfast_worker'
 WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'holdfast_worker') \gexec
ALTER ROLE holdfast_worker LOGIN PASSWORD :'password';
REVOKE TEMPORARY ON DATABASE :"database" FROM PUBLIC;
REVOKE EXECUTE ON FUNCTION lo_creat(integer), lo_create(oid), lo_from_bytea(oid, bytea) FROM PUBLIC;
SQL
