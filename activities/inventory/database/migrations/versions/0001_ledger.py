"""The ledger: stock, reservations and their lines, operations, movements, functions and views."""

from __future__ import annotations

from pathlib import Path

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_STATEMENTS = Path(__file__).with_suffix(".sql")


def upgrade() -> None:
    # Handed to Postgres as it stands: many statements, and signs that mean something to a driver.
    connection = op.get_bind().execution_options(no_parameters=True)
    connection.exec_driver_sql(_STATEMENTS.read_text(encoding="utf-8"))


def downgrade() -> None:
    raise NotImplementedError("the first schema has nothing before it")
