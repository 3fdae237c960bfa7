"""Arrays as Postgres reads them.

The driver finds out anew, for each array, what is in it; in a lone call of the ledger that was a
fifth of Python's work. Where a statement says by a cast what it takes, a text will do.
"""

from __future__ import annotations

from collections.abc import Iterable


def array_text(values: Iterable[object]) -> str:
    """Return the text form of an array of one dimension.

    Every element but NULL is quoted, which suits any type that has a text form, and within quotes
    only two characters mean anything.

    Source: https://www.postgresql.org/docs/current/arrays.html#ARRAYS-IO
    """
    return "{" + ",".join(map(_element, values)) + "}"


def _element(value: object) -> str:
    if value is None:
        return "NULL"
    text = str(value)
    if "\\" in text or '"' in text:
        text = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{text}"'
