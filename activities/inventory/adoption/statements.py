"""What an adoption asks the catalogue, and its own tables."""

from __future__ import annotations

from typing import Final

# What a table is, and what the asking role may do with it. It is looked for in the catalogue:
# `to_regclass` fails where the role may not enter the schema, and just that is to be told.
READ_TABLE: Final = """
SELECT c.oid, c.relkind::text AS kind, c.relispartition AS is_partition,
       c.relrowsecurity AS has_policies,
       EXISTS (SELECT FROM pg_inherits AS i WHERE c.oid IN (i.inhrelid, i.inhparent))
           AS inherits,
       (SELECT r.rulename::text FROM pg_rewrite AS r WHERE r.ev_class = c.oid LIMIT 1) AS rule,
       has_table_privilege(c.oid, 'SELECT') AS may_select,
       has_table_privilege(c.oid, 'INSERT') AS may_insert,
       has_table_privilege(c.oid, 'UPDATE') AS may_update,
       has_table_privilege(c.oid, 'DELETE') AS may_delete,
       pg_has_role(c.relowner, 'USAGE') AS is_own,
       quote_ident(pg_get_userbyid(c.relowner)) AS owner,
       quote_ident(current_user) AS asking,
       has_schema_privilege(c.relnamespace, 'USAGE') AS may_enter,
       (SELECT a.attname::text
          FROM pg_constraint AS p
          JOIN pg_attribute AS a ON a.attrelid = p.conrelid AND a.attnum = p.conkey[1]
         WHERE p.conrelid = c.oid AND p.contype = 'p' AND cardinality(p.conkey) = 1)
           AS primary_key,
       EXISTS (SELECT FROM pg_constraint AS p
                WHERE p.conrelid = c.oid AND p.contype = 'p' AND p.condeferrable) AS is_deferrable,
       (SELECT i.indexrelid::regclass::text FROM pg_index AS i
         WHERE i.indrelid = c.oid AND i.indisunique AND NOT i.indisprimary LIMIT 1)
           AS other_unique
  FROM pg_class AS c
  JOIN pg_namespace AS n ON n.oid = c.relnamespace
 WHERE n.nspname = %(schema)s AND c.relname = %(table)s AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
"""

# With the rights on what a foreign key refers to: an id of the ledger's is looked for there.
READ_COLUMNS: Final = """
SELECT a.attname::text AS name, format_type(a.atttypid, NULL) AS type, a.attnotnull AS is_required,
       CASE WHEN a.atttypid = 'varchar'::regtype AND a.atttypmod > 4 THEN a.atttypmod - 4 END
           AS length,
       NOT EXISTS (SELECT FROM pg_depend AS d JOIN pg_class AS q ON q.oid = d.objid
                    WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass
                      AND d.refobjid = a.attrelid AND d.refobjsubid = a.attnum
                      AND d.deptype IN ('a', 'i')
                      AND CASE q.relkind
                              WHEN 'S' THEN NOT has_sequence_privilege(q.oid, 'USAGE')
                          END) AS may_count,
       a.attgenerated <> '' AS is_generated, a.attgenerated = 'v' AS is_virtual,
       a.atttypid = to_regtype('citext') IS TRUE
           OR EXISTS (SELECT FROM pg_collation AS c
                       WHERE c.oid = a.attcollation AND NOT c.collisdeterministic) AS is_blurred,
       a.atthasdef OR a.attidentity <> '' AS has_default,
       (SELECT jsonb_build_object(
                   'table', format('%%I.%%I', n.nspname, r.relname), 'column', k.attname,
                   'may_enter', has_schema_privilege(n.oid, 'USAGE'),
                   'may_select', has_column_privilege(r.oid, k.attnum, 'SELECT'),
                   'hides_rows', row_security_active(r.oid))
          FROM pg_constraint AS f
          JOIN pg_class AS r ON r.oid = f.confrelid
          JOIN pg_namespace AS n ON n.oid = r.relnamespace
          JOIN pg_attribute AS k ON k.attrelid = f.confrelid AND k.attnum = f.confkey[1]
         WHERE f.conrelid = a.attrelid AND f.contype = 'f' AND f.conkey = ARRAY[a.attnum]
         LIMIT 1) AS refers_to
  FROM pg_attribute AS a
 WHERE a.attrelid = %(oid)s AND a.attnum > 0 AND NOT a.attisdropped
"""

# Whose setting of the path the shop's code finds its names by: the owner's of the table, here or
# anywhere, else this database's, else the server's own. And where names are looked for by it.
READ_PATH: Final = """
SELECT n.nspname::text AS schema, set_config('search_path', regexp_replace(coalesce(
           (SELECT substr(s.setting, length('search_path=') + 1)
              FROM pg_db_role_setting AS d, unnest(d.setconfig) AS s(setting)
             WHERE d.setrole IN (c.relowner, 0) AND s.setting LIKE 'search_path=%%'
               AND d.setdatabase IN (0, (SELECT oid FROM pg_database
                                          WHERE datname = current_database()))
             ORDER BY d.setrole DESC, d.setdatabase DESC
             LIMIT 1), '"$user", public'),
           '"?[$]user"?', quote_ident(pg_get_userbyid(c.relowner)), 'g'), true)
  FROM pg_class AS c
  JOIN pg_namespace AS n ON n.oid = c.relnamespace
 WHERE c.oid = %(oid)s
"""
READ_SCHEMAS: Final = """
SELECT s.name::text AS name FROM unnest(current_schemas(false)) AS s(name)
 WHERE s.name <> 'holdfast' AND left(s.name, 3) <> 'pg_'
"""

# Who could put names where the ledger's owner will look for the shop's: all, or a worker.
READ_STRANGERS: Final = """
SELECT quote_ident(n.nspname) AS schema,
       CASE WHEN r.oid IS NULL THEN 'PUBLIC' ELSE quote_ident(r.rolname) END AS role
  FROM pg_namespace AS n,
       aclexplode(coalesce(n.nspacl, acldefault('n', n.nspowner))) AS a
  LEFT JOIN pg_roles AS r ON r.oid = a.grantee
 WHERE n.nspname = ANY(%(schemas)s::text[]) AND a.privilege_type = 'CREATE'
   AND (a.grantee = 0
        OR EXISTS (SELECT FROM pg_proc AS f
                    WHERE f.pronamespace = to_regnamespace('holdfast') AND f.proname = 'lock_stock'
                      AND f.proowner <> r.oid AND NOT pg_has_role(r.oid, f.proowner, 'USAGE')
                      AND has_function_privilege(r.oid, f.oid, 'EXECUTE')))
 ORDER BY 1, 2
"""

# The shop's own triggers that an update or a delete sets off.
READ_TRIGGERS: Final = """
SELECT t.tgname::text AS name, t.tginitdeferred AS is_deferred,
       f.prosecdef AND coalesce(f.proconfig::text LIKE '%%search_path=%%', false) AS is_by_itself
  FROM pg_trigger AS t
  JOIN pg_proc AS f ON f.oid = t.tgfoid
 WHERE t.tgrelid = to_regclass(%(table)s) AND NOT t.tgisinternal AND t.tgenabled IN ('O', 'A')
   AND t.tgname NOT LIKE 'zz\\_holdfast\\_%%' AND (t.tgtype & 28) > 0
 ORDER BY 1
"""

# Triggers before an update that fire after Holdfast's own, which go by their names.
READ_LATER_TRIGGERS: Final = """
SELECT t.tgname::text AS name
  FROM pg_trigger AS t
 WHERE t.tgrelid = to_regclass(%(table)s) AND NOT t.tgisinternal
   AND t.tgname > 'zz_holdfast' AND t.tgname NOT LIKE 'zz\\_holdfast\\_%%'
   AND (t.tgtype & 2) = 2 AND (t.tgtype & 20) > 0
 ORDER BY 1
"""

# Checks on figures that look at other columns too: nobody can say which figures they let pass.
READ_CHECKS: Final = """
SELECT c.conname::text AS name, pg_get_constraintdef(c.oid) AS definition
  FROM pg_constraint AS c
 WHERE c.conrelid = to_regclass(%(table)s) AND c.contype = 'c'
   AND EXISTS (SELECT FROM pg_attribute AS a WHERE a.attrelid = c.conrelid
                  AND a.attnum = ANY(c.conkey) AND a.attname = ANY(%(figures)s::text[]))
   AND EXISTS (SELECT FROM pg_attribute AS a WHERE a.attrelid = c.conrelid
                  AND a.attnum = ANY(c.conkey) AND a.attname <> ALL(%(figures)s::text[]))
 ORDER BY 1
"""

READ_SERVER: Final = """
SELECT (SELECT setting::integer FROM pg_settings WHERE name = 'deadlock_timeout')
           AS deadlock_timeout_ms,
       EXISTS (SELECT FROM pg_class AS c WHERE c.oid = to_regclass('holdfast.stock_items')
                  AND pg_get_userbyid(c.relowner) = current_user) AS owns_ledger,
       to_regclass('holdfast.stock_items') IS NOT NULL AS has_ledger,
       to_regclass('holdfast.adoption') IS NOT NULL AS has_adoption
"""

READ_ADOPTION: Final = """
SELECT plan, begun_at, done_at, last_key::text AS last_key FROM holdfast.adoption
"""

# Up to which movement the rows had everything when they were left last, if they ever were; of a
# table that was never left, another's that was.
READ_LEFT: Final = """
SELECT (o.answer ->> 'movement')::bigint AS movement
  FROM holdfast.operation_records AS o
 WHERE o.operation_id LIKE 'left/%%' AND o.reservation_id IS NULL AND o.kind = 'shop'
   AND o.answer ->> 'location' = %(location)s AND (o.answer ->> 'figures')::boolean
 ORDER BY o.answer ->> 'left' = %(table)s DESC, o.sequence DESC
 LIMIT 1
"""
BEGIN_ADOPTION: Final = """
INSERT INTO holdfast.adoption (plan, moved_after)
VALUES (%(plan)s::jsonb,
        coalesce(%(left)s, pg_sequence_last_value('holdfast.stock_movements_id_seq'), 0))
"""
CHANGE_POLICIES: Final = "UPDATE holdfast.adoption SET plan = %(plan)s::jsonb"
FOLLOW_FORMER_SKUS: Final = "SELECT holdfast.follow_former_skus(%(rows_max)s)"
# Who has no item yet lacks what its SKU moved since `leave` only for as long as this is not done.
END_ADOPTION: Final = """
UPDATE holdfast.adoption SET done_at = coalesce(done_at, holdfast.clock())
 WHERE done_at IS NOT NULL
    OR NOT EXISTS (SELECT FROM holdfast.claims)
   AND NOT EXISTS (SELECT FROM holdfast.former_skus AS f WHERE f.deleted)
   AND NOT EXISTS (SELECT FROM holdfast.late_words AS w
                    WHERE NOT w.blocked
                      AND NOT EXISTS (SELECT FROM holdfast.adopted_rows AS a WHERE a.key = w.key))
"""
ADOPT_PAGE: Final = "SELECT holdfast.adopt_page(%(rows_max)s)"
COUNT_HOLDS: Final = "SELECT count(*) FROM holdfast.adopted_holds"
LOCK_BRIEFLY: Final = "SELECT set_config('lock_timeout', %(milliseconds)s::text, true)"
TAKE_TURNS: Final = "SELECT pg_try_advisory_lock(%(number)s) AS taken"
GIVE_TURN: Final = "SELECT pg_advisory_unlock(%(number)s)"

READ_STATUS: Final = """
SELECT (SELECT count(*) FROM holdfast.adopted_rows) AS rows,
       (SELECT count(*) FROM holdfast.adopted_rows AS a
          JOIN holdfast.stock_items AS s ON s.id = a.stock_item_id
         WHERE s.shop_reserved > 0) AS rows_with_shop_reserved,
       (SELECT coalesce(sum(s.shop_reserved), 0)::bigint FROM holdfast.adopted_rows AS a
          JOIN holdfast.stock_items AS s ON s.id = a.stock_item_id) AS shop_reserved,
       (SELECT coalesce(sum(s.reserved_quantity - s.shop_reserved), 0)::bigint
          FROM holdfast.adopted_rows AS a
          JOIN holdfast.stock_items AS s ON s.id = a.stock_item_id) AS held,
       p.put_back + coalesce((SELECT d.misfits_forgotten FROM holdfast.adoption AS d), 0)
           AS put_back,
       p.put_back_rows
  FROM (SELECT coalesce(sum(p.times), 0)::bigint AS put_back, count(*) AS put_back_rows
          FROM holdfast.put_back_writes AS p) AS p
"""
READ_SHOP_RESERVED: Final = """
SELECT s.sku, s.location, s.total_quantity AS total, s.reserved_quantity AS reserved,
       s.shop_reserved
  FROM holdfast.adopted_rows AS a
  JOIN holdfast.stock_items AS s ON s.id = a.stock_item_id
 WHERE s.shop_reserved > 0
 ORDER BY s.shop_reserved DESC, s.sku COLLATE "C"
 LIMIT %(rows_max)s
"""
# What the shop's code wrote to rows of stock, before what could not be shown to it of a checkout.
READ_PUT_BACK: Final = """
SELECT key, sku, column_name, times, written, kept, written_by, last_at
  FROM holdfast.put_back_writes
 ORDER BY starts_with(key, 'checkout/'), last_at DESC, key, column_name
 LIMIT %(rows_max)s
"""
FIND_BREACHES: Final = """
SELECT subject, finding FROM holdfast.find_shop_breaches(%(rows)s, %(breaches_max)s)
"""
DRAIN: Final = """
SELECT drained, total, reserved, by_shop
  FROM holdfast.drain_shop_reserved(%(sku)s, %(units)s, %(reason)s, %(actor)s)
"""
READ_HELD: Final = """
SELECT coalesce(sum(s.reserved_quantity - s.shop_reserved), 0)::bigint AS held
  FROM holdfast.adopted_rows AS a
  JOIN holdfast.stock_items AS s ON s.id = a.stock_item_id
"""

# Checks (`c`) or foreign keys (`f`) that look at any of these columns.
READ_CONSTRAINTS: Final = """
SELECT c.conname::text AS name, pg_get_constraintdef(c.oid) AS definition,
       pg_get_expr(c.conbin, c.conrelid) AS expression, k.columns,
       (SELECT n.nspname || '.' || r.relname
          FROM pg_class AS r JOIN pg_namespace AS n ON n.oid = r.relnamespace
         WHERE r.oid = c.confrelid) AS referenced,
       (SELECT a.attname::text FROM pg_attribute AS a
         WHERE a.attrelid = c.confrelid AND a.attnum = c.confkey[1]) AS referenced_column
  FROM pg_constraint AS c,
       LATERAL (SELECT array_agg(a.attname::text) AS columns FROM pg_attribute AS a
                 WHERE a.attrelid = c.conrelid AND a.attnum = ANY(c.conkey)) AS k
 WHERE c.conrelid = to_regclass(%(table)s) AND c.contype = %(kind)s::"char"
   AND k.columns && %(columns)s::text[]
 ORDER BY 1
"""

# What lets any of these columns, or a row that depends on it, be there only once.
READ_UNIQUE_INDEXES: Final = """
SELECT i.indexrelid::regclass::text AS name, pg_get_indexdef(i.indexrelid) AS definition,
       pg_get_expr(i.indpred, i.indrelid) AS predicate
  FROM pg_index AS i
 WHERE i.indrelid = to_regclass(%(table)s) AND (i.indisunique OR i.indisexclusion)
   AND EXISTS (SELECT FROM pg_attribute AS a
                WHERE a.attrelid = i.indrelid AND a.attname = ANY(%(columns)s::text[])
                  AND (a.attnum = ANY(i.indkey::smallint[])
                       OR EXISTS (SELECT FROM pg_depend AS d
                                   WHERE d.classid = 'pg_class'::regclass AND d.objid = i.indexrelid
                                     AND d.refobjid = i.indrelid AND d.refobjsubid = a.attnum)))
 ORDER BY 1
"""

# What a write is tried under: where names are found, and for how long.
TRY_AS_THE_LEDGER: Final = """
SELECT set_config('search_path', %(path)s, true),
       set_config('lock_timeout', %(milliseconds)s, true),
       set_config('statement_timeout', %(milliseconds)s, true)
"""
