"""Movements that say that a stock item was taken out of sale, or put back.

Expands only: what was a movement before is one still.
"""

from __future__ import annotations

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_NAME = "stock_movements_deltas_fit_the_kind"
_BEFORE = """
    WHEN 'receive' THEN total_delta > 0 AND reserved_delta = 0
    WHEN 'adjust' THEN total_delta <> 0 AND reserved_delta = 0
    WHEN 'count' THEN reserved_delta = 0
    WHEN 'reserve' THEN total_delta = 0 AND reserved_delta > 0
    WHEN 'fulfil' THEN total_delta < 0 AND reserved_delta = total_delta
    WHEN 'cancel' THEN total_delta = 0 AND reserved_delta < 0
    WHEN 'expire' THEN total_delta = 0 AND reserved_delta < 0
"""
_OUT_OF_SALE = """
    WHEN 'activate' THEN total_delta = 0 AND reserved_delta = 0
    WHEN 'deactivate' THEN total_delta = 0 AND reserved_delta = 0
"""


def upgrade() -> None:
    _check(_BEFORE + _OUT_OF_SALE)


def downgrade() -> None:
    _check(_BEFORE)


def _check(kinds: str) -> None:
    op.execute(f"""
        ALTER TABLE holdfast.stock_movements
         DROP CONSTRAINT {_NAME},
          ADD CONSTRAINT {_NAME} CHECK (CASE kind {kinds} ELSE false END)
    """)
