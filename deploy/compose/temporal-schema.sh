#!/bin/sh
# Temporal's two databases and their schemas: made where they are missing, brought up to date where
# they are old, left alone where they are neither. Safe to run again, as with each new version.
# Where the server is, and who asks, the tool reads from SQL_HOST, SQL_PORT, SQL_USER, SQL_PASSWORD
# and SQL_PLUGIN.
set -eu

schemas=/etc/temporal/schema/postgresql/v12

for database in temporal temporal_visibility; do
  case $database in
    temporal) versions=$schemas/temporal/versioned ;;
    temporal_visibility) versions=$schemas/visibility/versioned ;;
  esac
  temporal-sql-tool --db "$database" create
  temporal-sql-tool --db "$database" setup-schema -v 0.0
  temporal-sql-tool --db "$database" update-schema -d "$versions"
done
