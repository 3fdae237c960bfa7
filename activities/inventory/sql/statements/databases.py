"""What the ledger asks of the server about itself: its version, its roles, who may do what."""

from __future__ import annotations

from typing import Final

SCHEMA_EXISTS: Final = "SELECT to_regnamespace('holdfast') IS NOT NULL"

# What the server is and how the database writes text.
READ_SERVER: Final = """
SELECT current_setting('server_version_num')::int AS version,
       current_setting('server_encoding') AS encoding
"""

# Whose session this is, and what settings it has: in base units, by the names of the server.
READ_SESSION: Final = """
SELECT session_user::text AS role, current_database() AS database,
       (SELECT jsonb_object_agg(name, setting)
          FROM pg_settings
         WHERE name = ANY(%(names)s::text[])) AS settings
"""

DATABASE_NAME: Final = "SELECT current_database()"

# Which settings a role carries in this database.
READ_ROLE_SETTINGS: Final = """
SELECT split_part(s.setting, '=', 1) AS name,
       substr(s.setting, strpos(s.setting, '=') + 1) AS setting
  FROM pg_db_role_setting AS c
  JOIN pg_roles AS r ON r.oid = c.setrole AND r.rolname = %(role)s
  JOIN pg_database AS d ON d.oid = c.setdatabase AND d.datname = current_database(),
       unnest(c.setconfig) AS s(setting)
"""

# Give the transaction settings of its own.
SET_LOCALLY: Final = """
SELECT set_config(name, setting, true)
  FROM unnest(%(names)s::text[], %(settings)s::text[]) AS s(name, setting)
"""

# Whether a role exists, and whether it is bound by grants at all.
READ_ROLE: Final = """
SELECT r.rolsuper AS is_superuser,
       EXISTS (SELECT 1 FROM pg_class AS c
                WHERE c.relnamespace = 'holdfast'::regnamespace
                  AND pg_has_role(r.oid, c.relowner, 'MEMBER')) AS is_owner
  FROM pg_roles AS r
 WHERE r.rolname = %(role)s
"""

SCHEMA_VERSION: Final = "SELECT version_num FROM holdfast.alembic_version"

READ_OWN_NAME: Final = "SELECT current_user"

# What a role may do, itself or as another that it may become, apart from reading single things that
# are not the ledger's, and from what only works together with another right. SECURITY DEFINER
# functions do what their owner may.
READ_RIGHTS: Final = """
WITH may_be AS (
    SELECT oid, quote_ident(rolname) AS grantee, rolname, rolcreaterole, rolcreatedb, rolreplication
      FROM pg_roles
     WHERE pg_has_role(%(role)s::name, oid, 'MEMBER')
), given AS (
    SELECT 'DATABASE' AS kind, datname AS name, quote_ident(datname) AS target,
           NULL AS column_name, a.*
      FROM pg_database, aclexplode(coalesce(datacl, acldefault('d', datdba))) AS a
     WHERE datname = current_database() AND a.privilege_type <> 'CONNECT'
     UNION ALL
    SELECT 'SCHEMA', nspname, quote_ident(nspname), NULL, a.*
      FROM pg_namespace, aclexplode(coalesce(nspacl, acldefault('n', nspowner))) AS a
     WHERE a.privilege_type = 'CREATE'
     UNION ALL
    SELECT 'TABLE', c.relname, format('holdfast.%%I', c.relname), NULL, a.*
      FROM pg_class AS c, aclexplode(c.relacl) AS a
     WHERE c.relnamespace = to_regnamespace('holdfast') AND c.relkind IN ('r', 'p', 'v', 'm')
     UNION ALL
    SELECT 'TABLE', c.relname, format('holdfast.%%I', c.relname), t.attname, a.*
      FROM pg_class AS c JOIN pg_attribute AS t ON t.attrelid = c.oid, aclexplode(t.attacl) AS a
     WHERE c.relnamespace = to_regnamespace('holdfast') AND c.relkind IN ('r', 'p', 'v', 'm')
     UNION ALL
    SELECT 'SEQUENCE', c.relname, format('holdfast.%%I', c.relname), NULL, a.*
      FROM pg_class AS c, aclexplode(c.relacl) AS a
     WHERE c.relnamespace = to_regnamespace('holdfast') AND c.relkind = 'S'
       AND a.privilege_type <> 'SELECT'
     UNION ALL
    SELECT 'FUNCTION', p.proname,
           format('holdfast.%%I(%%s)', p.proname, pg_get_function_identity_arguments(p.oid)),
           NULL, a.*
      FROM pg_proc AS p, aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) AS a
     WHERE p.pronamespace = to_regnamespace('holdfast') AND p.prosecdef
     UNION ALL
    SELECT 'FUNCTION', p.proname, p.oid::regprocedure::text, NULL, a.*
      FROM pg_proc AS p, aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) AS a
     WHERE p.pronamespace = to_regnamespace('pg_catalog')
       AND p.proname IN ('lo_creat', 'lo_create', 'lo_from_bytea', 'lo_import')
)
SELECT g.kind, g.name, g.target, g.column_name, g.privilege_type AS privilege,
       coalesce(m.grantee, 'PUBLIC') AS grantee
  FROM given AS g
  LEFT JOIN may_be AS m ON m.oid = g.grantee
 WHERE g.grantee = 0 OR m.oid IS NOT NULL
 UNION ALL
SELECT 'ATTRIBUTE', '', '', NULL, attribute, grantee
  FROM may_be, LATERAL (VALUES ('CREATEROLE', rolcreaterole), ('CREATEDB', rolcreatedb),
                               ('REPLICATION', rolreplication)) AS a(attribute, has_it)
 WHERE has_it
 UNION ALL
SELECT 'MEMBERSHIP', rolname, grantee, NULL, '', ''
  FROM may_be
 WHERE rolname IN ('pg_read_all_data', 'pg_write_all_data', 'pg_execute_server_program',
                   'pg_read_server_files', 'pg_write_server_files', 'pg_maintain',
                   'pg_signal_backend')
 ORDER BY 1, 3, 5, 6, 4
"""
