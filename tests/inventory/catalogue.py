"""What a database's schema is, as its catalogue tells it, so that two can be compared."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Engine, text

_DESCRIPTION: Final = text("""
SELECT format('constraint %s.%s %s', conrelid::regclass, conname, pg_get_constraintdef(oid))
  FROM pg_constraint WHERE connamespace = 'holdfast'::regnamespace
 UNION ALL
SELECT 'index ' || indexdef FROM pg_indexes WHERE schemaname = 'holdfast'
 UNION ALL
SELECT format('column %s.%s %s %s %s %s %s %s', c.relname, a.attname,
              format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attgenerated, a.attacl,
              (SELECT collname FROM pg_collation WHERE oid = a.attcollation),
              (SELECT pg_get_expr(adbin, adrelid) FROM pg_attrdef
                WHERE adrelid = a.attrelid AND adnum = a.attnum))
  FROM pg_attribute AS a JOIN pg_class AS c ON c.oid = a.attrelid
 WHERE c.relnamespace = 'holdfast'::regnamespace AND c.relkind = 'r' AND a.attnum > 0
   AND NOT a.attisdropped
 UNION ALL
SELECT format('schema %s %s', nspname, nspacl) FROM pg_namespace WHERE nspname = 'holdfast'
 UNION ALL
SELECT format('relation %s %s %s %s %s', relname, relkind, reloptions, relrowsecurity, relacl)
  FROM pg_class WHERE relnamespace = 'holdfast'::regnamespace AND relkind IN ('r', 'v', 'S')
 UNION ALL
SELECT format('function %s %s', pg_get_functiondef(oid), proacl)
  FROM pg_proc WHERE pronamespace = 'holdfast'::regnamespace
 UNION ALL
SELECT format('trigger %s %s', pg_get_triggerdef(t.oid), tgenabled)
  FROM pg_trigger AS t JOIN pg_class AS c ON c.oid = t.tgrelid
 WHERE c.relnamespace = 'holdfast'::regnamespace AND NOT tgisinternal
 UNION ALL
SELECT format('view %s %s', viewname, definition) FROM pg_views WHERE schemaname = 'holdfast'
 ORDER BY 1
""")


def describe(engine: Engine) -> list[str]:
    """Describe columns, constraints, indexes, functions, triggers, views, sequences and grants."""
    with engine.connect() as connection:
        rows = connection.execute(_DESCRIPTION).scalars()
        return [str(row) for row in rows if "alembic_version" not in str(row)]
