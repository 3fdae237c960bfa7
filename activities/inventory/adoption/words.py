"""How the words of a shop's row are written in SQL."""

from __future__ import annotations

from activities.inventory.adoption.plan import Elsewhere, template_columns
from activities.inventory.adoption.quoting import literal, name


def word_of(source: str | Elsewhere) -> str:
    """Return the column that has a word of a row, `t`, or of the other table's, `o`."""
    return f"t.{name(source)}" if isinstance(source, str) else f"o.{name(source.column)}"


def column_text(source: str | Elsewhere, own: str) -> str:
    """Return the column that a person looks for: its table, and its name there."""
    return f"{own}.{source}" if isinstance(source, str) else f"{source.table}.{source.column}"


def sku_of(source: str | Elsewhere) -> str:
    """Return the SKU of a row: a column, or a template filled with columns."""
    if isinstance(source, Elsewhere) or "{" not in source:
        return word_of(source)
    parts: list[str] = []
    rest = source
    for column in template_columns(source):
        before, _, rest = rest.partition("{" + column + "}")
        parts += [literal(before)] * bool(before) + [f"t.{name(column)}::text"]
    return " || ".join([*parts, *([literal(rest)] if rest else [])])
