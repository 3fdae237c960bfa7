"""The whole schema of this version, read from its files in the order in which it can be made."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

SCHEMA: Final = "holdfast"

_FOLDER: Final = Path(__file__).parent
# What tables call comes before them; what refers to a table comes after it.
_FIRST: Final = (
    "functions/clock.sql",
    "functions/is_id.sql",
    "tables/stock_items.sql",
    "tables/reservations.sql",
    "tables/reservation_lines.sql",
    "tables/operation_records.sql",
    "tables/stock_movements.sql",
    "tables/payments.sql",
)


def schema_sql() -> str:
    """Return the statements that make the schema's objects in an empty schema ``holdfast``."""
    return "\n".join(path.read_text(encoding="utf-8") for path in _files())


def _files() -> Iterator[Path]:
    first = [_FOLDER / name for name in _FIRST]
    yield from first
    for kind in ("functions", "views", "tables"):
        yield from sorted(set((_FOLDER / kind).glob("*.sql")) - set(first))
    yield _FOLDER / "rights.sql"
