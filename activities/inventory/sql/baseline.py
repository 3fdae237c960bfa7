"""Write the first migration anew from the schema's files: `make baseline`, until a release."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from activities.inventory.sql.schema import schema_sql

BASELINE: Final = (
    Path(__file__).parents[1] / "database" / "migrations" / "versions" / "0001_ledger.sql"
)

if __name__ == "__main__":
    BASELINE.write_text(schema_sql(), encoding="utf-8")
